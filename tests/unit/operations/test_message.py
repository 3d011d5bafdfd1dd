"""Anthropic's Messages: what is read of a request, and how it is said to who speaks another way."""

import json
from typing import Any

import orjson
import pytest
from media_files import encoded, jpeg, pdf
from streamed import name_of

from router.ask import Ask, Media
from router.backends.dialects.translated import translated
from router.errors import (
    BadRequest,
    LimitExceeded,
    Overloaded,
    TurnoutError,
    Unauthenticated,
    UpstreamRejected,
)
from router.operations.message import count_tokens, parse_message
from router.protocols.hub.table import as_chat
from router.protocols.messages.errors import message_error_body, message_error_event
from router.protocols.sse import data_of, encode, events
from router.protocols.unsupported import Unsupported

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


def test_tokens_are_counted_without_asking_anyone() -> None:
    raw = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 400}]})
    assert orjson.loads(count_tokens(raw.encode())) == {"input_tokens": 100}


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


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (BadRequest("m"), "invalid_request_error"),
        (Unauthenticated("m"), "authentication_error"),
        (LimitExceeded("m"), "rate_limit_error"),
        (Overloaded("m"), "overloaded_error"),
        (TurnoutError("m"), "api_error"),
    ],
)
def test_errors_have_anthropics_shape(error: TurnoutError, kind: str) -> None:
    body = {"type": "error", "error": {"type": kind, "message": "m"}}
    assert orjson.loads(message_error_body(error)) == body
    event = events(message_error_event(error))[0]
    assert name_of(event) == b"error"
    assert orjson.loads(data_of(event) or b"") == body


USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 6,
    "prompt_tokens_details": {"cached_tokens": 8},
}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}


def test_a_whole_answer_is_a_message() -> None:
    answer = {
        "id": "x",
        "model": "served",
        "choices": [
            {
                "message": {"content": "Hello", "tool_calls": [CALL]},
                "finish_reason": "tool_calls",
            }
        ],
        "usage": USAGE,
    }
    ask = message()
    out = orjson.loads(translated("openai", ask).reply(orjson.dumps(answer), ask).body)
    assert out["type"] == "message"
    assert out["model"] == "served"
    assert out["stop_reason"] == "tool_use"
    assert out["content"] == [
        {"type": "text", "text": "Hello"},
        {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
    ]
    assert out["usage"]["input_tokens"] == 12
    assert out["usage"]["cache_read_input_tokens"] == 8


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return encode(orjson.dumps({"id": "x", "model": "served", "choices": [choice]} | more))


def test_a_stream_opens_and_closes_one_block_at_a_time() -> None:
    ask = message(stream=True)
    encoder = translated("openai", ask).stream(ask)
    out = encoder.feed(
        chunk({"role": "assistant", "content": ""})
        + chunk({"reasoning_content": "Hm."})
        + chunk({"content": "Hel"})
        + chunk({"content": "lo"})
    )
    out += encoder.feed(
        chunk({"tool_calls": [{"index": 0, **CALL}]})
        + chunk({"tool_calls": [{"index": 1, **CALL}]})
        + chunk({}, "tool_calls")
        + encode(orjson.dumps({"choices": [], "usage": USAGE}))
        + encode(b"[DONE]")
    )
    out += encoder.finish()
    written = [orjson.loads(data_of(event) or b"") for event in events(out)]
    assert [name_of(event) for event in events(out)] == [t["type"].encode() for t in written]
    kinds = [
        (t["type"].removeprefix("content_block_"), t["index"])
        for t in written
        if t["type"].startswith("content_block")
    ]
    assert kinds == [
        ("start", 0), ("delta", 0), ("delta", 0), ("stop", 0),
        ("start", 1), ("delta", 1), ("delta", 1), ("stop", 1),
        ("start", 2), ("delta", 2), ("stop", 2),
        ("start", 3), ("delta", 3), ("stop", 3),
    ]  # fmt: skip
    assert written[0]["type"] == "message_start"
    assert written[-2]["delta"]["stop_reason"] == "tool_use"
    assert written[-2]["usage"]["output_tokens"] == 6
    assert written[-1] == {"type": "message_stop"}


def test_a_stream_that_the_gateway_ends_is_well_formed() -> None:
    ask = message(stream=True)
    stream = translated("openai", ask).stream(ask)
    out = stream.feed(chunk({"content": "Hel"})) + stream.cut("r", "served", "why")
    written = [orjson.loads(data_of(event) or b"") for event in events(out)]
    assert [item["type"] for item in written[-3:]] == [
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert written[-2]["delta"]["stop_reason"] == "max_tokens"


def test_a_context_that_is_too_long_is_told_in_the_words_that_clients_know():
    words = "This model's maximum context length is 4096 tokens."
    error = UpstreamRejected(words, status=400, code="context_length_exceeded")
    sent = orjson.loads(message_error_body(error))["error"]
    assert sent == {"type": "invalid_request_error", "message": f"prompt is too long: {words}"}
    own = UpstreamRejected("prompt is too long: 9 > 8", status=400, code="context_length_exceeded")
    assert orjson.loads(message_error_body(own))["error"]["message"] == "prompt is too long: 9 > 8"
