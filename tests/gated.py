"""A chat server that says the first part of its answer, and the rest when a test lets it."""

import asyncio
import contextlib
import threading
from typing import Any

import orjson

from router.simulator.exchange import Gone, SimulatedExchange

FIRST, REST = "It dives ", "for fish."
_HEAD = {"id": "chatcmpl-1", "created": 1, "model": "gated", "object": "chat.completion.chunk"}
_LOOK_SECONDS = 0.01


class Gated:
    """An ASGI application. `heard` are the bodies it was sent, `left` how many clients left."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.heard: list[dict[str, Any]] = []
        self.left = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, streamed or whole."""
        exchange = SimulatedExchange(receive, send)
        body = orjson.loads(await exchange.body())
        self.heard.append(body)
        with contextlib.suppress(Gone):
            await (self._stream if body.get("stream") else self._whole)(exchange)
            return
        self.left += 1

    async def _stream(self, exchange: SimulatedExchange) -> None:
        await exchange.begin_stream()
        await exchange.event(_chunk({"role": "assistant", "content": FIRST}))
        await self._open(exchange)
        await exchange.event(_chunk({"content": REST}))
        await exchange.event(_chunk({}, finish="stop"))
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        await exchange.event(orjson.dumps(_HEAD | {"choices": [], "usage": usage}))
        await exchange.write(b"data: [DONE]\n\n", more=False)

    async def _whole(self, exchange: SimulatedExchange) -> None:
        await self._open(exchange)
        message = {"role": "assistant", "content": FIRST + REST}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        await exchange.reply(200, _HEAD | {"choices": [choice], "usage": usage})

    async def _open(self, exchange: SimulatedExchange) -> None:
        while not self.gate.is_set():
            await exchange.wait(_LOOK_SECONDS)
        await asyncio.sleep(0)


def _chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    return orjson.dumps(
        _HEAD | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    )
