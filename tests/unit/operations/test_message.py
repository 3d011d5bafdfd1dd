"""Anthropic's Messages: what is read of a request, and how it is said to who speaks another way."""

import json
from typing import Any

import orjson
import pytest
from media_files import encoded, jpeg, pdf

from router.ask import Ask, Media
from router.errors import (
    BadRequest,
)
from router.operations.message import parse_message, parse_message_count, write_message_count
from router.protocols.hub.table import as_chat
from router.protocols.unsupported import Unsupported
from router.protocols.usage import estimate_input

HELLO = [{"role": "user", "content": "Hello"}]


def message(headers: dict[bytes, bytes] | None = None, **fields: Any) -> Ask:
    body = {"model": "auto", "max_tokens": 50, "messages": HELLO} | fields
    return parse_message(json.dumps(body).encode(), headers or {})


def user(*blocks: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(blocks)}]


def test_the_facts_of_a_request_are_read_in_its_own_words() -> None:
    system = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    ask = message(system=system, metadata={"user_id": "u1"}, stream=True)
    assert (ask.operation, ask.protocol, ask.path) == ("message", "messages", "/messages")
    assert (ask.model, ask.user, ask.max_output_tokens, ask.stream) == ("auto", "u1", 50, True)
    assert ask.prompt.system == "Be brief."
    assert [(turn.role, turn.text) for turn in ask.prompt.turns] == [("user", "Hello")]
    assert ask.body["system"] == system
    assert ask.text_bytes == len("Be brief.Hello")


def test_what_only_a_backend_can_judge_is_not_refused() -> None:
    ask = message(
        tools=[{"type": "web_search_20250305", "name": "web_search"}, {"name": "f"}],
        context_management={"edits": []},
        messages=[
            *user(
                {"type": "document", "source": {"type": "base64", "data": "QUJD"}},
                {"type": "search_result", "content": [{"type": "text", "text": "found"}]},
                {"type": "made_up", "x": 1},
            ),
            {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "sealed"}]},
            {"role": "system", "content": "Be brief."},
            *HELLO,
        ],
    )
    assert ask.features == {"hosted:web_search_20250305", "tools", "vision", "files"}
    assert ask.media == Media(files=1, file_bytes=3, pages=1, pages_guessed=True)
    assert ask.tools == ("web_search", "f")
    assert ask.prompt.system == "Be brief."


def test_a_plain_request_demands_nothing_of_a_backend() -> None:
    ask = message()
    assert not ask.features
    assert ask.media == Media()
    assert ask.session is None


@pytest.mark.parametrize("kind", [None, 1, ["text"], {"a": 1}, "", "image"])
def test_a_block_of_any_type_is_read(kind: Any) -> None:
    assert message(messages=user({"type": kind, "x": "y"})).prompt.turns[0].text == ""


def test_tool_results_are_turns_of_their_own_before_what_the_user_says() -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": "3 degrees"}
    ask = message(messages=user(result, {"type": "text", "text": "And now?"}))
    assert [(t.role, t.text) for t in ask.prompt.turns] == [
        ("tool", "3 degrees"),
        ("user", "And now?"),
    ]
    assert [t.role for t in message(messages=user(result)).prompt.turns] == ["tool"]


def test_images_in_tool_results_are_counted() -> None:
    image = {"type": "image", "source": {"type": "base64", "data": "QUJDREVG"}}
    ask = message(messages=user({"type": "tool_result", "tool_use_id": "t", "content": [image]}))
    assert ask.images == 1
    assert ask.media.image_bytes == 6


def test_what_is_no_text_is_measured_in_tool_results_too() -> None:
    image = {"type": "image", "source": {"type": "base64", "data": encoded(jpeg(640, 480))}}
    document = {"type": "document", "source": {"type": "base64", "data": encoded(pdf(12))}}
    text = {"type": "base64", "media_type": "text/plain", "data": encoded(b"x" * 24_000)}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [image, document]}
    ask = message(messages=user(result, {"type": "document", "source": text}, document))
    assert (ask.media.images, ask.media.pixels) == (1, 640 * 480)
    assert (ask.media.files, ask.media.pages, ask.media.pages_guessed) == (3, 26, True)
    assert ask.images == 4


def test_a_cache_may_be_warmed_without_any_output() -> None:
    assert message(max_tokens=0).max_output_tokens == 0


def test_a_session_is_read_from_where_coding_agents_put_it() -> None:
    assert message(metadata={"user_id": "user_a_session_1f-2"}).session == "1f-2"


def test_headers_of_the_protocol_go_on_and_others_do_not() -> None:
    sent = {
        b"anthropic-beta": b"a-1,b-2",
        b"anthropic-version": b"2023-06-01",
        b"authorization": b"Bearer k",
        b"x-app": b"cli",
    }
    assert dict(message(sent).headers) == {
        "anthropic-beta": "a-1,b-2",
        "anthropic-version": "2023-06-01",
    }


def test_every_text_is_told_to_the_detectors_and_seals_are_not() -> None:
    texts = message(
        system="s",
        metadata={"user_id": "u"},
        messages=user(
            {"type": "text", "text": "t"},
            {"type": "made_up", "words": ["w"]},
            {"type": "image", "source": {"type": "base64", "media_type": "m", "data": "IMAGE"}},
            {"type": "thinking", "thinking": "h", "signature": "SEAL"},
        ),
        unknown_field="f",
    ).texts()
    assert {"s", "t", "w", "h", "f"} <= set(texts)
    assert not {"IMAGE", "SEAL", "u", "auto"} & set(texts)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": ["x"]}, "messages[0]"),
        ({"messages": [{"role": "narrator", "content": "x"}]}, "messages[0].role"),
        ({"messages": user({"type": "text"})}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
        ({"system": 1}, "system"),
        ({"messages": user({"type": "text", "text": ["x"]})}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content"),
        ({"tools": {}}, "tools"),
        ({"tools": [1]}, "tools[0]"),
        ({"stream": "yes"}, "stream"),
        ({"metadata": {"user_id": 1}}, "user_id"),
        ({"model": ""}, "model"),
        ({"base_url": "http://x"}, "base_url"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        message(**fields)
    assert caught.value.param == param


def test_a_count_is_asked_of_the_same_request_without_a_limit() -> None:
    raw = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 400}]})
    ask = parse_message_count(raw.encode())
    assert (ask.model, ask.max_output_tokens, estimate_input(ask)) == ("m", None, 100)
    assert orjson.loads(write_message_count(100)) == {"input_tokens": 100}


def said_as_chat(**fields: Any) -> dict[str, Any]:
    ask = message(**fields)
    return as_chat("messages", ask.body, ask.model)


def test_a_request_is_said_as_a_chat_completion() -> None:
    chat = said_as_chat(
        system=[{"type": "text", "text": "Be brief."}],
        stop_sequences=["END"],
        metadata={"user_id": "u1"},
        stream=True,
    )
    assert chat["messages"] == [{"role": "system", "content": "Be brief."}, *HELLO]
    assert chat["stop"] == ["END"]
    assert (chat["user"], chat["max_tokens"]) == ("u1", 50)
    assert chat["stream_options"] == {"include_usage": True}


def test_tools_and_their_results_are_translated() -> None:
    chat = said_as_chat(
        tools=[{"name": "f", "description": "d", "input_schema": {"type": "object"}}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        messages=[
            *HELLO,
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "s"},
                    {"type": "text", "text": "One moment."},
                    {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
                ],
            },
            *user(
                {"type": "tool_result", "tool_use_id": "t1", "content": "3 degrees"},
                {"type": "text", "text": "And now?"},
            ),
        ],
    )
    assert chat["tools"][0]["function"]["name"] == "f"
    assert chat["tool_choice"] == "required"
    assert chat["parallel_tool_calls"] is False
    _, assistant, result, last = chat["messages"]
    assert assistant["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a":1}'}
    assert assistant["content"] == "One moment."
    assert result == {"role": "tool", "tool_call_id": "t1", "content": "3 degrees"}
    assert last == {"role": "user", "content": "And now?"}


def test_images_and_schemas_are_translated() -> None:
    image = {"type": "base64", "media_type": "image/png", "data": "QUJD"}
    chat = said_as_chat(
        messages=user({"type": "image", "source": image}),
        output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}},
    )
    part = chat["messages"][0]["content"][0]
    assert part["image_url"]["url"] == "data:image/png;base64,QUJD"
    assert chat["response_format"]["json_schema"]["schema"] == {"type": "object"}


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": user({"type": "video"})},
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        {"max_tokens": 0},
        {"stop_sequences": [1]},
    ],
)
def test_what_chat_completions_have_no_words_for_is_unsupported(fields: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        said_as_chat(**fields)
