"""Model servers that say what a test wants, in their own protocol, and remember what they heard."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from router.simulator.exchange import SimulatedExchange

Answer = Callable[[dict[str, Any], SimulatedExchange], Any]


class Scripted:
    """An ASGI application that answers each request with the next of its answers, the last again.

    `heard` are the bodies it was sent. An answer is a JSON object, or the events of a stream as
    bytes where the request asks for one.
    """

    def __init__(self, *answers: tuple[Mapping[str, Any], bytes]) -> None:
        self._answers = answers
        self.heard: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        exchange = SimulatedExchange(receive, send)
        body = orjson.loads(await exchange.body())
        self.heard.append(body)
        whole, stream = self._answers[min(len(self.heard), len(self._answers)) - 1]
        if body.get("stream") or "streamGenerateContent" in scope["path"]:
            await exchange.begin_stream()
            await exchange.write(stream, more=False)
        else:
            await exchange.reply(200, whole)


def sse(data: Sequence[Mapping[str, Any]], *, named: bool = False, done: bool = False) -> bytes:
    """Events of a stream, named after their `type` where that is the protocol's way."""
    events = [
        (b"event: %b\n" % event["type"].encode() if named else b"")
        + b"data: %b\n\n" % orjson.dumps(event)
        for event in data
    ]
    return b"".join(events) + (b"data: [DONE]\n\n" if done else b"")


def message(*blocks: dict[str, Any], reason: str = "end_turn") -> tuple[dict[str, Any], bytes]:
    """What Anthropic's servers answer: these blocks."""
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude"}
    usage = {"input_tokens": 10, "output_tokens": 5}
    whole = head | {"content": list(blocks), "stop_reason": reason, "usage": usage}
    told: list[dict[str, Any]] = [
        {"type": "message_start", "message": head | {"content": [], "usage": usage}}
    ]
    for index, block in enumerate(blocks):
        empty, deltas = _told(block)
        told.append({"type": "content_block_start", "index": index, "content_block": empty})
        told += [{"type": "content_block_delta", "index": index, "delta": one} for one in deltas]
        told.append({"type": "content_block_stop", "index": index})
    told.append({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage})
    told.append({"type": "message_stop"})
    return whole, sse(told, named=True)


def _told(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    if block["type"] == "text":
        return block | {"text": ""}, [{"type": "text_delta", "text": block["text"]}]
    if block["type"] == "thinking":
        return block | {"thinking": "", "signature": ""}, [
            {"type": "thinking_delta", "thinking": block["thinking"]},
            {"type": "signature_delta", "signature": block["signature"]},
        ]
    given = orjson.dumps(block["input"]).decode()
    pieces = [given[:7], given[7:]]
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return block | {"input": {}}, deltas


def generated(*parts: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """What Gemini answers: these parts."""
    content = {"role": "model", "parts": list(parts)}
    candidate = {"content": content, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
    whole = {"responseId": "r1", "modelVersion": "gemini", "candidates": [candidate]}
    whole["usageMetadata"] = usage
    return whole, sse([whole])


def completion(**fields: Any) -> tuple[dict[str, Any], bytes]:
    """What chat servers answer: a message of these fields."""
    finish = "tool_calls" if fields.get("tool_calls") else "stop"
    head = {"id": "chatcmpl-1", "created": 1, "model": "chat"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    held = {"role": "assistant", "content": None, **fields}
    choice = {"index": 0, "message": held, "finish_reason": finish}
    whole = head | {"object": "chat.completion", "choices": [choice], "usage": usage}
    calls = [{"index": n, **call} for n, call in enumerate(fields.get("tool_calls") or ())]
    delta = held | ({"tool_calls": calls} if calls else {})
    chunks = [
        head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        head | {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]},
        head | {"choices": [], "usage": usage},
    ]
    return whole, sse(chunks, done=True)
