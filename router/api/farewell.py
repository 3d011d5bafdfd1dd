"""Ends of a connection that need time: a client that still sends, and one that only listens.

A socket that is closed while bytes of its client are on their way answers them with a reset, and a
reset takes from the client the answer that it has not read yet. So the last answer to a request
that is not all there is followed by half a close: the client sees where the answer ends, and what
it still sends is read and dropped, within bounds (`Lingering`).

A client may also close its own half after the request and wait for the answer, as `nc -N` does. To
us that looks like the close of a client that left; only a byte sent there tells: who is gone
answers with a reset. So such a client is written to, ever more seldom, and looked at (`Listening`).
"""

import asyncio
import select
from collections.abc import Callable
from itertools import chain, cycle
from typing import Any, Final

LINGER_SECONDS: Final = 30.0  # in all
IDLE_SECONDS: Final = 5.0  # without a byte
LINGER_BYTES: Final = 256_000_000
DROPPED_A_SECOND: Final = 100_000_000  # bytes, of all connections together
# Before each look, and whether something is written then: nothing where the answer is there within
# a moment, and little where it takes long. The looks behind are for what came of it.
_LOOKS: Final = ((0.2, True), (0.05, False), (0.25, False), (1.0, False))
_LATER_LOOKS: Final = ((10.0, True), (0.25, False))


class Deaf:
    """Takes nothing of what comes: the answers that are due are the last."""

    over = False

    def take(self, size: int) -> None:
        """Forget so many bytes."""

    def stop(self) -> None:
        """There is nothing to stop."""


class GentleTransport:
    """A connection's transport as uvicorn sees it: closed so that the client reads the answer."""

    def __init__(self, connection: Any, cycle: Any) -> None:
        self._connection = connection
        self._cycle = cycle

    def close(self) -> None:
        """End the connection behind the answer of this cycle."""
        self._connection.bid_farewell(received=not self._cycle.more_body)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection.transport, name)


class Drain:
    """How fast all connections together are read of what is dropped; one for a gateway."""

    __slots__ = ("_free_at",)

    def __init__(self) -> None:
        self._free_at = 0.0  # on the loop's clock

    def rest(self, now: float, size: int) -> float:
        """Return how many seconds to rest behind so many bytes."""
        self._free_at = max(now, self._free_at) + size / DROPPED_A_SECOND
        return self._free_at - now


class Lingering:
    """Reads on behind the last answer and drops what comes, until the client closes or a bound."""

    over = True

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        close: Callable[[], None],
        drain: Drain | None = None,
    ) -> None:
        """`close` closes the connection behind what was written; without a drain it has its own."""
        self._close = close
        self._drain = drain or Drain()
        self._loop = loop
        self._transport = transport
        self._rest: asyncio.TimerHandle | None = None
        self._ends = loop.time() + LINGER_SECONDS
        self._bytes = 0
        self._since = 0  # bytes, when the timer rang last
        transport.write_eof()
        self._timer = loop.call_later(IDLE_SECONDS, self._look)

    def take(self, size: int) -> None:
        """Note that so many bytes came, and read no more until others had their turn."""
        self._bytes += size
        if self._bytes > LINGER_BYTES:
            self._close()
            return
        seconds = self._drain.rest(self._loop.time(), size)
        if self._rest is None and not self._transport.is_closing():
            self._transport.pause_reading()
            self._rest = self._loop.call_later(seconds, self._read_on)

    def _read_on(self) -> None:
        self._rest = None
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _look(self) -> None:
        if self._bytes == self._since or self._loop.time() >= self._ends:
            self._close()
        else:
            self._since = self._bytes
            self._timer = self._loop.call_later(IDLE_SECONDS, self._look)

    def stop(self) -> None:
        """Look no more: the connection is gone."""
        self._timer.cancel()
        if self._rest is not None:
            self._rest.cancel()


class Listening:
    """Watches a client that closed its half, as long as its answer takes.

    `write` sends something that it ignores. A client that is gone has its connection aborted.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        write: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._write = write
        self._poll = select.poll()
        socket = transport.get_extra_info("socket")
        if socket is not None:
            self._poll.register(socket.fileno(), 0)  # errors and hang-ups are always told
        self._looks = chain(_LOOKS, cycle(_LATER_LOOKS))
        self._set_timer()

    def _set_timer(self) -> None:
        pause, self._writes = next(self._looks)
        self._timer = self._loop.call_later(pause, self._look)

    def _look(self) -> None:
        if self._transport.is_closing():
            return
        if self._poll.poll(0):
            self._transport.abort()
            return
        if self._writes:
            self._write()
        self._set_timer()

    def stop(self) -> None:
        """Look no more: the connection is gone."""
        self._timer.cancel()
