"""`python -m bench.translation`: what it costs to answer a client of another protocol.

CPU of this process in microseconds, the best of several rounds: an event of a stream, each in a
read of its own, and an agent's request from its bytes to the backend's, parsing included.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from bench.payloads import MODEL
from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dialects.translated import dialect_of
from router.operations.chat import parse_chat
from router.operations.message import parse_message
from router.protocols.sse import encode

ROUNDS: Final = 25
EVENTS: Final = 2_000
REQUESTS: Final = 20  # of a round
TURNS: Final = 54
_STREAMED: Final[dict[str, Any]] = {"model": MODEL, "stream": True, "max_tokens": 10_000}


def chunk(text: str) -> bytes:
    """One chunk of a chat stream."""
    choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": None}
    fields = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    return encode(orjson.dumps(fields | {"system_fingerprint": "fp_1", "choices": [choice]}))


def delta(text: str) -> bytes:
    """One event of a streamed message."""
    fields = {"type": "text_delta", "text": text}
    event = {"type": "content_block_delta", "index": 0, "delta": fields}
    return encode(orjson.dumps(event), b"content_block_delta")


BEGUN: Final = b"".join(
    encode(orjson.dumps(event), event["type"].encode())  # type: ignore[attr-defined]
    for event in (
        {"type": "message_start", "message": {"id": "m", "model": MODEL, "usage": {}}},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        },
    )
)


def body(**fields: Any) -> bytes:
    """A small request, or one with these fields."""
    return orjson.dumps({**_STREAMED, "messages": [{"role": "user", "content": "hi"}], **fields})


def agent() -> bytes:
    """A message of an agent that has called tools for a while."""
    turns: list[dict[str, Any]] = []
    for number in range(TURNS // 2):
        used = {"type": "tool_use", "id": f"t{number}", "name": "read", "input": {"path": "/a.py"}}
        content = [{"type": "text", "text": "I will look at that."}, used]
        output = [{"type": "text", "text": "a line of the file\n" * 10}]
        result = {"type": "tool_result", "tool_use_id": f"t{number}", "content": output}
        turns += [{"role": "assistant", "content": content}, {"role": "user", "content": [result]}]
    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    tools = [
        {"name": f"tool_{n}", "description": "d" * 90, "input_schema": schema} for n in range(8)
    ]
    return body(messages=[{"role": "user", "content": "Go."}, *turns], tools=tools)


def stream(dialect: str, ask: Ask, begun: bytes, events: Sequence[bytes]) -> None:
    """Translate one stream, read by read."""
    answer = dialect_of(dialect, ask)[1].stream(ask)
    answer.feed(begun)
    for event in events:
        answer.feed(event)


def requests(raw: bytes, backend: Backend) -> None:
    """From a messages client's bytes to those of a chat backend, some times."""
    for _ in range(REQUESTS):
        ask = parse_message(raw)
        asking, _ = dialect_of(backend.dialect, ask)
        asking.call(backend.deployments()[0], backend, ask, "r")


def best(step: Callable[[], None], times: int) -> float:
    """Microseconds of one of `times`."""
    seconds = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        step()
        seconds = min(seconds, time.process_time() - began)
    return seconds / times * 1e6


def main() -> None:
    """Print the figures."""
    message, chat = parse_message(body()), parse_chat(body())
    words = [f" word{number}" for number in range(EVENTS)]
    chunks, deltas = [chunk(word) for word in words], [delta(word) for word in words]
    backend, raw = Backend("b", "http://127.0.0.1/v1", "m"), agent()
    ways: dict[str, Callable[[], None]] = {
        "an event, chat to messages": lambda: stream("openai", message, b"", chunks),
        "an event, messages to chat": lambda: stream("anthropic", chat, BEGUN, deltas),
    }
    for name, step in ways.items():
        print(f"{name:40} {best(step, EVENTS):8.2f}")
    name = f"an agent's request ({len(raw):,} bytes)"
    print(f"{name:40} {best(lambda: requests(raw, backend), REQUESTS):8.1f}")


if __name__ == "__main__":
    main()
