"""Answers of one protocol, whole and streamed, as clients of another get them."""

from collections.abc import Callable
from typing import Any

import orjson

from router.ask import Ask
from router.backends.dialects.translated import translated
from router.operations.message import parse_message
from router.protocols.sse import data_of, encode, events

Chat = Callable[..., Ask]


USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def message(**fields: Any) -> Ask:
    body = {"model": "a", "max_tokens": 99, "messages": [{"role": "user", "content": "x"}]}
    return parse_message(orjson.dumps(body | fields))


def as_message(answer: dict[str, Any], finish: str = "stop", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": answer, "finish_reason": finish}
    whole = {"id": "x", "model": "served", "choices": [choice], "usage": USAGE} | more
    ask = message()
    body: dict[str, Any] = orjson.loads(
        translated("openai", ask).reply(orjson.dumps(whole), ask).body
    )
    return body


def as_chat(chat: Chat, **fields: Any) -> dict[str, Any]:
    whole = {
        "id": "m",
        "model": "served",
        "content": [],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 10, "output_tokens": 5},
    }
    ask = chat()
    raw = orjson.dumps(whole | fields)
    body: dict[str, Any] = orjson.loads(translated("anthropic", ask).reply(raw, ask).body)
    return body


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return encode(orjson.dumps({"id": "x", "model": "served", "choices": [choice]} | more))


def call(index: int | None = None, id_: str | None = None, **function: Any) -> dict[str, Any]:
    fields = {"index": index, "id": id_, "function": function}
    return {name: value for name, value in fields.items() if value is not None}


def streamed(*pieces: bytes) -> list[dict[str, Any]]:
    """What a messages client is told of a chat stream, event by event."""
    ask = message(stream=True)
    stream = translated("openai", ask).stream(ask)
    out = b"".join(stream.feed(piece) for piece in pieces) + stream.finish()
    return [orjson.loads(data_of(event) or b"") for event in events(out)]


def blocks(stream: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The content blocks of a streamed message: kind and text, in order; one open at a time."""
    pairs: list[tuple[str, str]] = []
    opened = -1
    for event in stream:
        if event["type"] == "content_block_start":
            assert opened == -1
            opened = event["index"]
            pairs.append((event["content_block"]["type"], ""))
        elif event["type"] == "content_block_delta":
            assert event["index"] == opened
            delta = event["delta"]
            more = delta.get("text") or delta.get("thinking") or delta.get("partial_json") or ""
            pairs[-1] = (pairs[-1][0], pairs[-1][1] + more)
        elif event["type"] == "content_block_stop":
            assert event["index"] == opened
            opened = -1
    return pairs
