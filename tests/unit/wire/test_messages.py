"""Anthropic's Messages as a way in: what is read, and how answers are written back."""

import json
from typing import Any

import orjson
import pytest

from router.ask import Ask
from router.errors import BadRequest, LimitExceeded, Overloaded, TurnoutError, Unauthenticated
from router.protocols.anthropic_messages import count_tokens, parse_messages
from router.protocols.anthropic_reply import (
    MessageStream,
    encode_message,
    message_error_body,
    message_error_event,
)
from router.protocols.sse import data_of, encode, events, name_of

HELLO = [{"role": "user", "content": "Hello"}]


def message(**fields: Any) -> Ask:
    body = {"model": "auto", "max_tokens": 50, "messages": HELLO} | fields
    return parse_messages(json.dumps(body).encode())


def test_a_request_is_read_as_a_chat_request() -> None:
    request = message(
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        stop_sequences=["END"],
        metadata={"user_id": "u1"},
        temperature=0.5,
    )
    assert request.body["messages"] == [{"role": "system", "content": "Be brief."}, *HELLO]
    assert request.body["stop"] == ["END"]
    assert (request.user, request.max_output_tokens) == ("u1", 50)
    assert request.prompt.system == "Be brief."
    assert request.native is not None
    assert request.native["system"][0]["cache_control"]


def test_tools_and_their_results_are_translated() -> None:
    request = message(
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
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": "3 degrees"},
                    {"type": "text", "text": "And now?"},
                ],
            },
        ],
    )
    assert request.tools == ("f",)
    assert request.body["tool_choice"] == "required"
    assert request.body["parallel_tool_calls"] is False
    _, assistant, result, user = request.body["messages"]
    assert assistant["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a":1}'}
    assert assistant["content"] == "One moment."
    assert result == {"role": "tool", "tool_call_id": "t1", "content": "3 degrees"}
    assert user == {"role": "user", "content": "And now?"}


def test_images_and_schemas_are_translated() -> None:
    image = {"type": "base64", "media_type": "image/png", "data": "QUJD"}
    request = message(
        messages=[{"role": "user", "content": [{"type": "image", "source": image}]}],
        output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}},
    )
    part = request.body["messages"][0]["content"][0]
    assert part["image_url"]["url"] == "data:image/png;base64,QUJD"
    assert request.images == 1
    assert request.json_schema


def test_a_stream_asks_for_usage_since_the_last_event_tells_it() -> None:
    assert message(stream=True).include_usage


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"messages": None}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "messages[0].content"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0]"),
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
    told = {"type": "error", "error": {"type": kind, "message": "m"}}
    assert orjson.loads(message_error_body(error)) == told
    event = events(message_error_event(error))[0]
    assert name_of(event) == b"error"
    assert orjson.loads(data_of(event) or b"") == told


USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 6,
    "prompt_tokens_details": {"cached_tokens": 8},
}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}


def test_a_whole_answer_is_a_message() -> None:
    told = {
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
    out = orjson.loads(encode_message(orjson.dumps(told), message()))
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
    encoder = MessageStream(message(stream=True))
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
    told = [orjson.loads(data_of(event) or b"") for event in events(out)]
    assert [name_of(event) for event in events(out)] == [t["type"].encode() for t in told]
    kinds = [
        (t["type"].removeprefix("content_block_"), t["index"])
        for t in told
        if t["type"].startswith("content_block")
    ]
    assert kinds == [
        ("start", 0), ("delta", 0), ("stop", 0),
        ("start", 1), ("delta", 1), ("delta", 1), ("stop", 1),
        ("start", 2), ("delta", 2), ("stop", 2),
        ("start", 3), ("delta", 3), ("stop", 3),
    ]  # fmt: skip
    assert told[0]["type"] == "message_start"
    assert told[-2]["delta"]["stop_reason"] == "tool_use"
    assert told[-2]["usage"]["output_tokens"] == 6
    assert told[-1] == {"type": "message_stop"}
