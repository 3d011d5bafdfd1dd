"""Answers and errors as Anthropic's clients meet them, whole and streamed."""

import json
from typing import Any

import orjson
import pytest
from streamed import name_of

from router.ask import Ask
from router.backends.dialects.translated import translated
from router.errors import (
    BadRequest,
    LimitExceeded,
    Overloaded,
    TurnoutError,
    Unauthenticated,
    UpstreamRejected,
)
from router.operations.message import parse_message
from router.protocols.messages.errors import message_error_body, message_error_event
from router.protocols.messages.passage import MessagesPassage
from router.protocols.sse import data_of, encode, events

HELLO = [{"role": "user", "content": "Hello"}]


def message(**fields: Any) -> Ask:
    body = {"model": "auto", "max_tokens": 50, "messages": HELLO} | fields
    return parse_message(json.dumps(body).encode(), {})


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


def test_events_with_other_blanks_are_content_and_are_counted() -> None:
    stream = MessagesPassage().stream(message(stream=True))
    start = b'data: {"type" : "message_start", "message" : {"model" : "m", "usage" : {}}}\n\n'
    said = b'data: {"type" : "content_block_delta", "delta" : {"text" : "one two three"}}\n\n'
    stop = b'data: {"type" : "message_delta", "delta" : {"stop_reason" : "end_turn"}}\n\n'
    assert stream.feed(start + said) == start + said
    assert stream.has_content
    assert stream.output_tokens_seen >= 3
    assert stream.feed(stop) + stream.finish() == stop + (
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )
