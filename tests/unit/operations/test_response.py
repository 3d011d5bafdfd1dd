"""Responses: what is read of a request, in its own words."""

import json
from dataclasses import replace
from typing import Any

import orjson
import pytest
from media_files import encoded, jpeg, pdf

from router.ask import KEPT_ELSEWHERE, NAMED_FILES, STORED_STATE, Ask, Media
from router.backends.backend import Backend
from router.backends.fitness import unfit
from router.errors import BadRequest
from router.operations.response import parse_response

IMAGE = {"type": "input_image", "image_url": "https://host/a.png", "detail": "low"}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}


def response(headers: dict[bytes, bytes] | None = None, **fields: Any) -> Ask:
    body = {"model": "auto", "input": "Hello"} | fields
    return parse_response(json.dumps(body).encode(), headers or {})


def user(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


def told(ask: Ask) -> list[tuple[str, str]]:
    return [(turn.role, turn.text) for turn in ask.prompt.turns]


def test_the_facts_of_a_request_are_read_in_its_own_words() -> None:
    ask = response(
        instructions="Be brief.", max_output_tokens=50, stream=True, user="u1", prompt_cache_key="s"
    )
    assert (ask.operation, ask.protocol, ask.path) == ("response", "responses", "/responses")
    assert (ask.model, ask.user, ask.max_output_tokens, ask.stream) == ("auto", "u1", 50, True)
    assert (ask.choices, ask.session, ask.include_usage) == (1, "s", True)
    assert ask.prompt.system == "Be brief."
    assert told(ask) == [("user", "Hello")]
    assert ask.text_bytes == len("Be brief.Hello")


def test_a_plain_request_demands_nothing_of_a_backend() -> None:
    ask = response()
    assert not ask.features
    assert ask.media == Media()
    assert ask.session is None


def test_items_are_turns_and_every_text_of_them_counts() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c", "output": "3 degrees"}
    parts = [{"type": "input_text", "text": "And"}, {"type": "input_text", "text": "now?"}]
    items = [
        {"role": "developer", "content": "Be brief."},
        {"type": "message", "role": "user", "content": "Weather?"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "S=="},
        call,
        output,
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Cold.", "annotations": []}],
        },
        {"role": "user", "content": parts},
    ]
    ask = response(input=items)
    assert ask.prompt.system == "Be brief."
    assert told(ask) == [
        ("user", "Weather?"),
        ("assistant", ""),
        ("tool", "3 degrees"),
        ("assistant", "Cold."),
        ("user", "And\nnow?"),
    ]
    texts = sum(map(len, ("Be brief.", "Weather?", "3 degrees", "Cold.", "And", "now?")))
    sealed = len(orjson.dumps(items[2])) + len(orjson.dumps(call))
    assert ask.text_bytes == texts + sealed


def test_what_only_a_backend_can_judge_is_not_refused() -> None:
    ask = response(
        tools=[
            {"type": "web_search"},
            {"type": "function", "name": "f", "parameters": {}},
            {"type": "custom", "name": "apply_patch", "format": GRAMMAR},
            {
                "type": "namespace",
                "name": "crm",
                "description": "d",
                "tools": [{"type": "function", "name": "find"}],
            },
            {"type": "tool_search", "execution": "client"},
            {"type": "made_up_tomorrow", "x": 1},
        ],
        input=[{"type": "made_up", "x": 1}, *user(IMAGE), {"role": "critic", "content": "x"}],
        text={"format": {"type": "json_schema", "name": "n", "schema": {}}},
        top_logprobs=2,
    )
    assert ask.features == {
        *("hosted:web_search", "hosted:made_up_tomorrow", "tools", "custom_tools", "grammars"),
        *("vision", "json_schema", "logprobs"),
    }
    assert ask.tools == (
        *("web_search", "f", "apply_patch", "find", "tool_search"),
        "made_up_tomorrow",
    )
    assert ask.json_schema
    assert ask.media == Media(images=1, low_detail=1)


def test_what_is_no_text_is_measured() -> None:
    picture, document = encoded(jpeg(640, 480)), encoded(pdf(3))
    ask = response(
        input=user(
            {"type": "input_image", "image_url": f"data:image/jpeg;base64,{picture}"},
            {"type": "input_file", "file_data": f"data:application/pdf;base64,{document}"},
            {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
        )
    )
    assert (ask.images, ask.media.pixels, ask.media.pages) == (3, 640 * 480, 3)
    assert ask.media.audio_bytes == 3
    assert ask.features == {"vision", "files", "audio"}


def test_results_of_tools_may_hold_images() -> None:
    output = [{"type": "input_text", "text": "seen"}, IMAGE]
    ask = response(input=[{"type": "custom_tool_call_output", "call_id": "c", "output": output}])
    assert told(ask) == [("tool", "seen")]
    assert ask.images == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"conversation": {"id": "conv_1"}},
        {"prompt": {"id": "pmpt_1"}},
        {"input": [{"type": "item_reference", "id": "msg_1"}]},
        {"input": [{"id": "msg_1"}]},
        {"input": user({"type": "input_image", "file_id": "file_1"})},
        {"input": user({"type": "input_file", "file_id": "file_1"})},
        {"input": [{"type": "image_generation_call", "id": "ig_1"}]},
        {"tools": [{"type": "code_interpreter", "container": "cntr_1"}]},
        {"tools": [{"type": "code_interpreter", "container": {"file_ids": ["file_1"]}}]},
        {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
        {"tools": [{"type": "shell", "environment": {"container_id": "cntr_1"}}]},
    ],
)
def test_what_the_provider_keeps_can_be_read_only_there(fields: dict[str, Any]) -> None:
    ask = response(**fields)
    assert not ask.features.isdisjoint(KEPT_ELSEWHERE)
    chat = Backend("chat", "http://x", "m")
    native = Backend("native", "http://x", "m", speaks=frozenset({"responses"}))
    assert "can be read only where it is kept" in str(unfit(chat, ask, 100))
    assert "all customers of this gateway share" in str(unfit(native, ask, 100))
    assert unfit(replace(native, shares_state=True), ask, 100) is None


def test_files_are_told_from_other_state() -> None:
    tool = {"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file_1"]}}
    for ask in (
        response(tools=[tool]),
        response(input=user({"type": "input_file", "file_id": "file_1"})),
    ):
        assert NAMED_FILES in ask.features
        assert STORED_STATE not in ask.features


def test_a_hosted_tool_that_brings_its_own_names_nothing() -> None:
    container = {"type": "auto", "memory_limit": "4g"}
    ask = response(tools=[{"type": "code_interpreter", "container": container}])
    assert ask.features.isdisjoint(KEPT_ELSEWHERE)


def test_a_request_may_go_on_without_input_where_something_is_kept() -> None:
    assert told(response(input=None, previous_response_id="resp_1")) == []


def test_the_safety_identifier_is_the_end_user_where_no_other_is_named() -> None:
    assert response(safety_identifier="s1").user == "s1"
    assert response(safety_identifier="s1", user="u1").user == "u1"


def test_detectors_read_every_text_and_no_media() -> None:
    ask = response(
        instructions="first",
        metadata={"note": "second"},
        prompt={"id": "p", "variables": {"name": "third"}},
        input=[
            *user(
                {"type": "input_text", "text": "fourth"}, IMAGE | {"image_url": "data:x;base64,A"}
            ),
            {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "SEALED"},
            {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "fifth"},
        ],
        tools=[{"type": "function", "name": "f", "description": "sixth"}],
        safety_identifier="hidden",
    )
    texts = "\n".join(ask.texts())
    for word in ("first", "second", "third", "fourth", "fifth", "sixth"):
        assert word in texts
    for word in ("hidden", "SEALED", "base64"):
        assert word not in texts


def test_plain_input_is_read_by_detectors() -> None:
    assert "Hello" in response().texts()


def test_the_background_is_asked_for_by_a_flag() -> None:
    with pytest.raises(BadRequest) as caught:
        response(background="yes")
    assert caught.value.param == "background"
    assert response(background=True).body["background"] is True


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": 7}, "input"),
        ({"input": ["x"]}, "input[0]"),
        ({"input": [{"type": 7}]}, "input[0].type"),
        ({"input": [{"role": 7, "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": 7}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": ["x"]}]}, "input[0].content[0]"),
        ({"input": user({"type": "input_text", "text": 7})}, "input[0].content[0].text"),
        ({"input": [{"type": "function_call", "call_id": "c"}]}, "input[0].name"),
        (
            {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}]},
            "input[0].arguments",
        ),
        ({"input": [{"type": "function_call_output", "call_id": "c"}]}, "input[0].output"),
        ({"instructions": 7}, "instructions"),
        ({"tools": 7}, "tools"),
        ({"tools": ["x"]}, "tools[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{"type": "namespace", "name": "n", "tools": [7]}]}, "tools[0].tools[0]"),
        ({"tool_choice": 7}, "tool_choice"),
        ({"text": 7}, "text"),
        ({"reasoning": 7}, "reasoning"),
        ({"include": "x"}, "include"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"store": 1}, "store"),
        ({"stream": 1}, "stream"),
        ({"stream_options": {"includeUsage": True}}, "includeUsage"),
        ({"previous_response_id": "a", "conversation": "b"}, "previous_response_id"),
        ({"messages": [], "max_tokens": 5}, "max_tokens"),
    ],
)
def test_what_is_wrong_is_a_400_that_names_it(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        response(**fields)
    assert caught.value.param == param


@pytest.mark.parametrize("nested", ["text", "reasoning", "stream_options"])
def test_keys_that_differ_in_spelling_only_are_refused_where_something_is_metered(
    nested: str,
) -> None:
    raw = b'{"model":"a","input":"x","%b":{"effort":"low","Effort":"high"}}' % nested.encode()
    with pytest.raises(BadRequest) as caught:
        parse_response(raw)
    assert caught.value.param == nested


def test_headers_of_the_protocol_go_on() -> None:
    ask = response({b"openai-beta": b"responses=v1", b"x-secret": b"no"})
    assert ask.headers == (("openai-beta", "responses=v1"),)
