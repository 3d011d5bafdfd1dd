"""Answers in every protocol around the counts of a fixture, whole and streamed, read."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from router.ask import Ask
from router.backends.dialects.translated import translated
from router.domain import Usage
from router.operations.chat import parse_chat
from router.operations.message import parse_message
from router.operations.plain import PLAIN_ASK
from router.protocols.passage import Passage
from router.protocols.table import PROTOCOLS

Fields = dict[str, Any]


def _lines(*events: Any) -> bytes:
    return b"".join(b"data: " + orjson.dumps(event) + b"\n\n" for event in events)


def _chat(fields: Fields) -> tuple[Fields, bytes]:
    fields = dict(fields)
    usage, where = fields.pop("usage"), fields.pop("streamed_in", None)
    head = {"id": "c", "created": 1, "model": "m", **fields}
    message = {"role": "assistant", "content": "Hi"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    whole = head | {"object": "chat.completion", "choices": [choice], "usage": usage}
    head["object"] = "chat.completion.chunk"
    said = {"index": 0, "delta": {"role": "assistant", "content": "Hi"}, "finish_reason": None}
    end: Fields = {"index": 0, "delta": {}, "finish_reason": "stop"}
    last: Fields = head | {"choices": [], "usage": usage}
    if where == "choice":
        end, last = end | {"usage": usage}, {}
    elif where == "x_groq":
        last = head | {"choices": [], "x_groq": {"id": "r", "usage": usage}}
    chunks = [head | {"choices": [said]}, head | {"choices": [end]}, *([last] if last else [])]
    return whole, _lines(*chunks) + b"data: [DONE]\n\n"


def _messages(fields: Fields) -> tuple[Fields, bytes]:
    usage = fields["usage"]
    head = {"id": "m", "type": "message", "role": "assistant", "model": "m"}
    text = {"type": "text", "text": "Hi"}
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    early = {name: held for name, held in usage.items() if name != "iterations"}
    begun = head | {"content": [], "usage": early | {"output_tokens": 1}}
    late = {name: held for name, held in usage.items() if name not in _EARLY}
    stream = _lines(
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": text | {"text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ended, "usage": late},
        {"type": "message_stop"},
    )
    return head | {"content": [text], "usage": usage} | ended, stream


# What the last event of a message does not repeat.
_EARLY = ("cache_creation", "service_tier", "inference_geo", "speed")


def _responses(fields: Fields) -> tuple[Fields, bytes]:
    fields = dict(fields)
    text = {"type": "output_text", "text": "Hi", "annotations": []}
    message = {"type": "message", "id": "i", "role": "assistant", "content": [text]}
    output = [*fields.pop("output", ()), message | {"status": "completed"}]
    whole = {"id": "r", "object": "response", "model": "m", "status": "completed", **fields}
    whole["output"] = output
    begun = whole | {"status": "in_progress", "output": [], "usage": None}
    place = {"output_index": len(output) - 1, "content_index": 0, "item_id": "i"}
    events = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_text.delta", "delta": "Hi", **place},
        {"type": "response.completed", "response": whole},
    ]
    return whole, _lines(*events)


def _gemini(fields: Fields) -> tuple[Fields, bytes]:
    fields = dict(fields)
    said = {"content": {"role": "model", "parts": [{"text": "Hi"}]}, "index": 0}
    ended = said | {"finishReason": "STOP", **fields.pop("candidate", {})}
    head = {"responseId": "r", "modelVersion": "m"} | fields
    early = {"promptTokenCount": fields["usageMetadata"]["promptTokenCount"]}
    first = head | {"candidates": [said], "usageMetadata": early}
    last = head | {"candidates": [ended | {"content": {"role": "model", "parts": []}}]}
    return head | {"candidates": [ended]}, _lines(first, last)


def _ollama(fields: Fields) -> tuple[Fields, bytes]:
    head = {"model": "m", "created_at": "2026-01-01T00:00:00Z"}
    said = {"message": {"role": "assistant", "content": "Hi"}}
    ended = {"done": True, "done_reason": "stop", **fields}
    lines = [head | said | {"done": False}, head | {"message": {"role": "assistant"}} | ended]
    return head | said | ended, b"".join(orjson.dumps(line) + b"\n" for line in lines)


def _replicate(fields: Fields) -> tuple[Fields, bytes]:
    whole = {"id": "p", "model": "m", "status": "succeeded", "output": ["Hi"], **fields}
    return whole, orjson.dumps(whole)


def _vectors(fields: Fields) -> tuple[Fields, bytes]:
    return {"object": "list", "data": [{"embedding": [0.5]}], "model": "m", **fields}, b""


def _pictures(fields: Fields) -> tuple[Fields, bytes]:
    return {"created": 1, "data": [{"b64_json": "eA=="}], **fields}, b""


def _ranking(fields: Fields) -> tuple[Fields, bytes]:
    return {"results": [{"index": 0, "relevance_score": 0.5}], **fields}, b""


WRITERS: Mapping[str, Callable[[Fields], tuple[Fields, bytes]]] = MappingProxyType(
    {
        "chat": _chat,
        "messages": _messages,
        "responses": _responses,
        "gemini": _gemini,
        "ollama": _ollama,
        "replicate": _replicate,
        "openai": _vectors,
        "pictures": _pictures,
        "ranking": _ranking,
    }
)
_ONLY_TRANSLATED = ("ollama", "replicate")
_DIALECTS = {"chat": "openai", "messages": "anthropic", "gemini": "gemini"}
_ASKED = orjson.dumps(
    {"model": "a", "max_tokens": 2**20, "messages": [{"role": "user", "content": "x"}]}
)
_STREAMED = _ASKED.replace(b"{", b'{"stream":true,', 1)


def readings(protocol: str, fields: Fields) -> dict[str, Usage]:
    """What every reader of a protocol takes from an answer: the one that passes it on, those that
    translate it, of a whole answer and of a stream."""
    whole, stream = WRITERS[protocol](fields)
    asks: dict[str, tuple[Ask, Passage]] = {}
    if protocol not in _ONLY_TRANSLATED:
        ask = PLAIN_ASK._replace(protocol=protocol, max_output_tokens=None)
        asks["native"] = ask, PROTOCOLS[protocol].passage
    dialect = _DIALECTS.get(protocol, protocol)
    for name, parse in (("chat", parse_chat), ("messages", parse_message)):
        if stream and name != protocol:
            asks[name] = (ask := parse(_ASKED)), translated(dialect, ask)
    read: dict[str, Usage] = {}
    for name, (ask, passage) in asks.items():
        read[f"{name}, whole"] = passage.reply(orjson.dumps(whole), ask).usage
        if stream:
            streamed = passage.stream(ask._replace(stream=True))
            for byte in range(0, len(stream), 50):
                streamed.feed(stream[byte : byte + 50])
            streamed.finish()
            assert streamed.usage is not None
            read[f"{name}, streamed"] = streamed.usage
    return read
