"""Requests and answers that are nearly right: something is missing or wrong somewhere in them."""

from contextlib import suppress
from typing import Any

import orjson
import pytest
from contract.shapes import SHAPES
from hypothesis import given, note
from hypothesis import strategies as st

from router.backends.backend import Backend
from router.backends.dialects.table import DIALECTS
from router.backends.dialects.translated import dialect_of
from router.errors import BadRequest
from router.operations.chat import parse_chat
from router.operations.message import parse_message
from router.operations.response import parse_response
from router.protocols.passage import ErrorInside, MalformedReply
from router.protocols.sse import data_of, encode, events
from router.protocols.unsupported import Unsupported

HELLO = b'"messages":[{"role":"user","content":"x"}]'
USAGE = b'"stream_options":{"include_usage":true}'
ASKS = {
    "chat": parse_chat(b'{"model":"a","stream":true,%b,%b}' % (USAGE, HELLO)),
    "messages": parse_message(b'{"model":"a","stream":true,"max_tokens":99,%b}' % HELLO),
    "responses": parse_response(b'{"model":"a","stream":true,"input":"x"}'),
}
CHAT = {
    "model": "m",
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "x"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
                {"type": "file", "file": {"filename": "a", "file_data": "QUJD"}},
            ],
        },
        {
            "role": "assistant",
            "content": "y",
            "thinking_blocks": [{"type": "thinking", "thinking": "z", "signature": "s"}],
            "tool_calls": [
                {
                    "id": "c",
                    "type": "function",
                    "function": {"name": "f", "arguments": "{}"},
                    "extra_content": {"google": {"thought_signature": "s"}},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "3"}]},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}},
    "stop": ["END"],
    "max_tokens": 9,
    "temperature": 0.5,
    "thinking": {"type": "enabled", "budget_tokens": 9},
}
MESSAGES = {
    "model": "m",
    "max_tokens": 9,
    "system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "x"},
                {"type": "image", "source": {"type": "base64", "media_type": "i/p", "data": "Q"}},
                {
                    "type": "document",
                    "title": "t",
                    "source": {"type": "text", "media_type": "text/plain", "data": "x"},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "", "signature": "turnout:gemini:s"},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t",
                    "is_error": True,
                    "content": [{"type": "text", "text": "3"}],
                }
            ],
        },
    ],
    "tools": [{"name": "f", "input_schema": {"type": "object"}}],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    "stop_sequences": ["END"],
    "metadata": {"user_id": "u"},
    "output_config": {"format": {"type": "json_schema", "schema": {}}, "effort": "low"},
    "thinking": {"type": "enabled", "budget_tokens": 9},
}
FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}
RESPONSES = {
    "model": "m",
    "instructions": "Be brief.",
    "input": [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "x"},
                {"type": "input_image", "image_url": "data:image/png;base64,QUJD"},
                {"type": "input_file", "filename": "a", "file_data": "QUJD"},
            ],
        },
        {
            "type": "reasoning",
            "id": "r",
            "summary": [{"type": "summary_text", "text": "z"}],
            "encrypted_content": "turnout:messages:s",
        },
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "y", "annotations": [{"url": "u"}]}],
        },
        {
            "type": "function_call",
            "call_id": "c",
            "namespace": "n",
            "name": "f",
            "arguments": "{}",
        },
        {
            "type": "function_call_output",
            "call_id": "c",
            "output": [{"type": "input_text", "text": "3"}],
        },
        {"type": "custom_tool_call", "call_id": "d", "name": "p", "input": "x"},
        {"type": "custom_tool_call_output", "call_id": "d", "output": "4"},
        {
            "type": "tool_search_output",
            "call_id": "e",
            "execution": "client",
            "tools": [FUNCTION],
        },
    ],
    "tools": [
        FUNCTION,
        {"type": "custom", "name": "p", "format": {"type": "grammar", "syntax": "lark"}},
        {"type": "namespace", "name": "n", "description": "d", "tools": [FUNCTION]},
        {"type": "tool_search", "execution": "client", "parameters": {}},
    ],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [FUNCTION]},
    "text": {"format": {"type": "json_schema", "name": "a", "schema": {}}},
    "reasoning": {"effort": "low"},
    "include": ["message.output_text.logprobs"],
    "max_output_tokens": 9,
}
PARSERS = {
    "chat": (parse_chat, CHAT),
    "messages": (parse_message, MESSAGES),
    "responses": (parse_response, RESPONSES),
}
WRONG = st.sampled_from([None, True, -1, 7, 1.5, "", "x", "text", [], {}, ["x"], {"type": "x"}])
dialects = pytest.mark.parametrize("dialect", sorted(DIALECTS))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    paths = [(*path, key) for key, _ in inner]
    return paths + [place for key, held in inner for place in places(held, (*path, key))]


def mutilated(draw: st.DrawFn, value: Any) -> Any:
    """A copy with one value gone or wrong."""
    copy = orjson.loads(orjson.dumps(value))
    *path, key = draw(st.sampled_from(places(copy)))
    holder = copy
    for step in path:
        holder = holder[step]
    if draw(st.booleans()):
        del holder[key]
    else:
        holder[key] = draw(WRONG)
    return copy


def portable(value: Any) -> Any:
    """A copy without what some servers refuse: files, and a tool that must be called."""
    if isinstance(value, dict):
        return {key: portable(held) for key, held in value.items() if key != "tool_choice"}
    if isinstance(value, list):
        return [portable(held) for held in value if not is_file(held)]
    return value


def is_file(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in ("file", "input_file")


def story(draw: st.DrawFn, dialect: str) -> Any:
    return SHAPES[dialect][draw(st.sampled_from(sorted(SHAPES[dialect])))]


@st.composite
def bodies(draw: st.DrawFn, dialect: str) -> bytes:
    return orjson.dumps(mutilated(draw, story(draw, dialect).whole))


@st.composite
def streams(draw: st.DrawFn, dialect: str) -> bytes:
    stream = story(draw, dialect).stream
    if not stream.startswith((b"data:", b"event:")):  # objects, each a line
        lines = stream.splitlines()
        at = draw(st.integers(0, len(lines) - 1))
        lines[at] = orjson.dumps(mutilated(draw, orjson.loads(lines[at])))
        return b"\n".join(lines)
    kept = events(stream)
    at = draw(st.integers(0, len(kept) - 1))
    data = data_of(kept[at]) or b""
    if data != b"[DONE]":
        event = orjson.dumps(mutilated(draw, orjson.loads(data)))
        kept[at] = kept[at].partition(b"data:")[0] + encode(event)
    if draw(st.booleans()):
        del kept[draw(st.integers(0, len(kept) - 1))]
    return b"".join(kept)


@dialects
@given(data=st.data())
def test_a_body_is_told_or_refused(dialect: str, data: st.DataObject) -> None:
    raw = data.draw(bodies(dialect))  # takes longest, so each is told in every protocol
    for protocol, ask in ASKS.items():
        note(protocol)
        with suppress(MalformedReply, ErrorInside):
            reply = dialect_of(dialect, ask)[1].reply(raw, ask)
            assert isinstance(orjson.loads(reply.body), dict)


@dialects
@given(data=st.data())
def test_a_stream_is_told_or_refused(dialect: str, data: st.DataObject) -> None:
    raw = data.draw(streams(dialect))
    for protocol, ask in ASKS.items():
        note(protocol)
        stream = dialect_of(dialect, ask)[1].stream(ask)
        with suppress(MalformedReply, ErrorInside):
            out = stream.feed(raw) + stream.finish()
            assert stream.finished
            assert out


@pytest.mark.parametrize("protocol", sorted(ASKS))
@given(data=st.data())
def test_a_request_is_asked_or_refused(protocol: str, data: st.DataObject) -> None:
    parse, body = PARSERS[protocol]
    body = data.draw(st.sampled_from([body, portable(body)]))
    mutilate = st.composite(mutilated)
    raw = orjson.dumps(data.draw(mutilate(body)))
    for dialect in sorted(DIALECTS):
        note(dialect)
        with suppress(BadRequest, Unsupported):
            ask = parse(raw)
            asking, _ = dialect_of(dialect, ask)
            backend = Backend("b", "http://x", "real", dialect=dialect)
            call = asking.call(backend.deployments()[0], backend, ask, "r")
            assert isinstance(orjson.loads(call.body), dict)
