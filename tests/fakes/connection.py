"""A client's connection without a network: the real HTTP edge over a socket in memory."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

import uvicorn

from router.api.connection import Connection
from router.api.door import Door
from router.api.exchange import Exchange
from router.api.gateway import Limits
from router.api.inference import Inference
from router.api.server_state import DatedState
from router.telemetry.metrics import Metrics


class FakeSocket(asyncio.Transport):
    """What is written to it is kept in `sent`; `paused` is whether the edge wants no more now."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = False
        self.half_closed = False
        self.paused = False
        self.unread = 0
        self.protocol: Any = None  # that the connection handed it over to

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Keep whom the connection is handed over to."""
        self.protocol = protocol

    def pause_reading(self) -> None:
        """Note that what arrives has to wait; a closed one cannot, as in uvloop."""
        assert not self.closed
        self.paused = True

    def resume_reading(self) -> None:
        """Note that the edge reads on; a closed one cannot."""
        assert not self.closed
        self.paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep what is written."""
        self.sent += bytes(data)

    def get_write_buffer_size(self) -> int:
        """What the client has not read: as much as the test says."""
        return self.unread

    def write_eof(self) -> None:
        """Note that the edge has said its last word."""
        self.half_closed = True

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True

    def abort(self) -> None:
        """Note that it was closed."""
        self.closed = True

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed


class FakeLoop:
    """The event loop, with timers that ring when the test says so."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.timers: list[Any] = []
        self.ahead = 0.0

    def time(self) -> float:
        """The time, as far ahead as the test wants."""
        return self._loop.time() + self.ahead

    def call_later(self, _seconds: float, ring: Any, *_arguments: Any) -> Any:
        """Keep a timer."""
        timer = SimpleNamespace(ring=ring, cancelled=False)
        timer.cancel = lambda: setattr(timer, "cancelled", True)
        self.timers.append(timer)
        return timer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def ring(self) -> None:
        """Let every timer ring that was set until now."""
        due, self.timers = self.timers, []
        for timer in due:
            if not timer.cancelled:
                timer.ring()


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer, read from the bytes of its connection; `whole`: its end came."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool


def read_answer(sent: bytes) -> HttpAnswer:
    """Read the one answer of a connection."""
    head, _, rest = sent.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    number = int(status.split()[1])
    if headers.get("transfer-encoding") != "chunked":
        return HttpAnswer(number, headers, rest, len(rest) == int(headers["content-length"]))
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return HttpAnswer(number, headers, body, True)
        body, rest = body + rest[:length], rest[length + 2 :]
    return HttpAnswer(number, headers, body, False)


def bare_gateway(limits: Limits, **more: Any) -> Any:
    """What a connection needs of a gateway, and what else a test does."""
    nothing = {"cors": None, "denials": None}
    return SimpleNamespace(limits=limits, metrics=Metrics(), door=Door(), **nothing, **more)


class _Handing(Inference):
    """Hands each request to a function, in place of the corridor."""

    def __init__(self, use: Callable[[Exchange], Awaitable[None]]) -> None:
        super().__init__(bare_gateway(Limits(10_000, 5.0)))
        self._use = use

    async def _walk(self, exchange: Any) -> None:
        await self._use(exchange)


@cache
def _config() -> uvicorn.Config:
    config = uvicorn.Config(lambda: None, log_config=None)
    config.load()
    return config


def connect(inference: Inference, **more: Any) -> tuple[Connection, FakeSocket]:
    """Return a connection of the real edge, and its client's socket."""
    connection = Connection(
        inference, config=_config(), server_state=DatedState(), app_state={}, **more
    )
    socket = FakeSocket()
    connection.connection_made(socket)
    return connection, socket


async def answered(
    use: Callable[[Exchange], Awaitable[None]], raw: bytes, headers: Mapping[str, str]
) -> HttpAnswer:
    """Send a chat request, have `use` answer it, and return what the client got."""
    connection, socket = connect(_Handing(use))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n{lines}"
    head += f"Content-Length: {len(raw)}\r\n\r\n"
    connection.data_received(head.encode() + raw)
    await asyncio.gather(*connection.tasks)
    connection.connection_lost(None)
    return read_answer(socket.sent)
