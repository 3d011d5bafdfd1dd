"""One HTTP exchange as the simulator sees it; it notices when the client leaves."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from router.protocols.sse import encode

Message = dict[str, Any]
Headers = tuple[tuple[str, str], ...]


class Gone(Exception):
    """The client has left."""


class Broken(Exception):
    """The simulator drops the connection: the server closes it without a proper end."""


class SimulatedExchange:
    """Reads a request, writes its answer. Reading and waiting raise Gone if the client leaves."""

    def __init__(
        self,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        self._receive = receive
        self._send = send

    async def body(self) -> bytes:
        """The whole request body."""
        pieces: list[bytes] = []
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Gone
            pieces.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(pieces)

    async def wait(self, seconds: float) -> None:
        """Sleep, unless the client leaves before."""
        if seconds <= 0:
            return
        try:
            message = await asyncio.wait_for(self._receive(), seconds)
        except TimeoutError:
            return
        if message["type"] == "http.disconnect":
            raise Gone

    async def reply(self, status: int, body: Any, headers: Headers = ()) -> None:
        """A whole JSON answer."""
        await self.reply_bytes(status, orjson.dumps(body), "application/json", headers)

    async def reply_bytes(
        self, status: int, body: bytes, content_type: str, headers: Headers = ()
    ) -> None:
        """A whole answer of any type."""
        await self.head(status, content_type, (*headers, ("content-length", str(len(body)))))
        await self.write(body, more=False)

    async def head(self, status: int, content_type: str, headers: Headers = ()) -> None:
        """Status and headers."""
        named = [("content-type", content_type), *headers]
        raw = [(name.encode(), value.encode("latin-1")) for name, value in named]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def begin_stream(self) -> None:
        """The head of an event stream."""
        await self.head(200, "text/event-stream; charset=utf-8", (("x-simulated", "true"),))

    async def event(self, data: bytes) -> None:
        """One event."""
        await self.write(encode(data))

    async def write(self, data: bytes, *, more: bool = True) -> None:
        """Bytes of the body; `more` is false for the last ones."""
        await self._send({"type": "http.response.body", "body": data, "more_body": more})
