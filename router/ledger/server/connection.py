"""One pipelined connection to one ledger node.

Theory of operation. `call` packs a command, appends it to the loop iteration's write and returns
a future; everything called in one iteration leaves in one write, and replies come back in order.
A command has a deadline: past it the caller gets `TimedOut`, and the place in the order stays, so
that a late reply goes to nobody else. Only the node's time counts: while this process is busy and
neither writes nor reads, deadlines wait for it. A node that says nothing for `silence` seconds
while somebody waits is given up: the connection closes, every waiter gets `Disconnected`, and it
is opened again in the background. Replies that are errors are returned, not raised: the caller
knows what they mean.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

import hiredis

from router.ledger.server.address import LedgerAddress, Node
from router.ledger.server.errors import (
    Disconnected,
    ErrorReply,
    NotSent,
    ProtocolError,
    TimedOut,
    reply_reader,
)

CommandPart = bytes | str | int
_pack = hiredis.pack_command
_CONNECT_SECONDS: Final = 2.0
_WATCH_SECONDS: Final = 0.02
_TURN_SECONDS: Final = 0.001  # the least that lets a loop, uvloop too, read before its next timer
_BACKOFF_SECONDS: Final = (0.02, 1.0)


class PipelinedConnection(asyncio.Protocol):
    """A connection that opens itself again until it is closed.

    `on_open` runs after each successful opening, before anybody else may call: it may refuse the
    node by raising. `locate` says, before each opening, which node it is today.
    """

    def __init__(
        self,
        node: Node,
        address: LedgerAddress,
        *,
        timeout: float,
        on_open: Callable[["PipelinedConnection"], Awaitable[None]] | None = None,
        locate: Callable[[], Awaitable[Node]] | None = None,
        silence: float = 1.0,
    ) -> None:
        self.node = node
        self._address = address
        self._timeout = timeout
        self._silence = max(silence, 2 * timeout)
        self._on_open = on_open
        self._locate = locate
        self._loop = asyncio.get_running_loop()
        self._reader = reply_reader()
        self._transport: asyncio.Transport | None = None
        self._ready = False
        self._closing = False
        self._create_future = self._loop.create_future
        self._call_soon = self._loop.call_soon
        self._time = self._loop.time
        # Who waits, in the order of the commands: (future, instant sent, deadline).
        self._waiters: deque[tuple[asyncio.Future[Any], float, float]] = deque()
        self._out: list[bytes] = []
        self._watch: asyncio.TimerHandle | None = None
        self._due = 0.0  # when waiters are to be judged
        self._heard = 0.0
        self._lost = float("-inf")
        self._opened: asyncio.Event | None = None  # made while somebody waits for it
        self._reopening: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether commands can be sent now."""
        return self._ready

    async def open(self) -> None:
        """Connect and greet. Raises OSError, Disconnected, or what `on_open` raises."""
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await self._connect()
        except TimeoutError:
            self._drop()
            raise Disconnected(f"The ledger at {self.node} does not answer.") from None

    def call(self, *parts: CommandPart, seconds: float | None = None) -> asyncio.Future[Any]:
        """Send one command; the future gives its reply, or Disconnected or TimedOut.

        An error reply is the future's result, as an ErrorReply.
        """
        return self.send(parts, seconds)

    def send(
        self, parts: tuple[CommandPart, ...], seconds: float | None, *, opening: bool = False
    ) -> asyncio.Future[Any]:
        """As `call`, for a command that is a tuple already. `opening`: before we are ready."""
        future = self._create_future()
        if not self._ready and not opening:
            future.set_exception(self._not_sent())
            return future
        now, out = self._time(), self._out
        self._waiters.append((future, now, now + (seconds or self._timeout)))
        if not out:
            self._call_soon(self._flush)
        out.append(_pack(parts))  # type: ignore[arg-type]  # a narrow stub
        if self._watch is None:
            self._due = now + _WATCH_SECONDS + _TURN_SECONDS
            self._watch = self._loop.call_later(_WATCH_SECONDS, self._look)
        return future

    async def opened(self, until: float) -> None:
        """Wait until commands can be sent. Raises NotSent where they cannot at `until`, in the
        loop's time.
        """
        if self._ready:
            return
        if until <= self._time():
            raise self._not_sent()
        self._opened = self._opened or asyncio.Event()
        try:
            async with asyncio.timeout_at(until):
                await self._opened.wait()
        except TimeoutError:
            raise self._not_sent() from None

    async def close(self) -> None:
        """Close for good. Whoever still waits gets Disconnected."""
        self._closing = True
        if self._reopening is not None:
            self._reopening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reopening
        self._drop()

    def kick(self) -> None:
        """Give this connection up, as if it had broken, and open it again."""
        self._drop()
        self._reopen()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The stream is open."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand each reply to whoever has waited longest."""
        self._heard = self._time()
        reader, waiters = self._reader, self._waiters
        try:
            reader.feed(data)
            reply = reader.gets()
            while reply is not False:
                future = waiters.popleft()[0]
                if not future.done():
                    future.set_result(reply)
                reply = reader.gets()
        except (ProtocolError, IndexError):
            self.kick()  # not a Redis server, or an answer that nobody waits for

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who waits, and open again."""
        self._drop()
        self._reopen()

    # Inside.

    def _flush(self) -> None:
        out, transport = self._out, self._transport
        if out and transport is not None:
            transport.write(b"".join(out))
        out.clear()

    def _look(self) -> None:
        # The loop itself may have been late: let it write and read before judging. A timer of no
        # time would not do: uvloop calls it in the same turn.
        self._watch = self._loop.call_later(_TURN_SECONDS, self._judge)

    def _judge(self) -> None:
        self._watch = None
        now = self._time()
        if now - self._due > _TURN_SECONDS:
            self._wait_for_us(now, now - self._due)
        for future, sent, deadline in self._waiters:
            if deadline <= now and not future.done():
                future.set_exception(TimedOut(f"The ledger at {self.node} is late.", sent=sent))
        if not self._waiters:
            return
        if now - max(self._heard, self._waiters[0][1]) > self._silence:
            self.kick()
        else:
            self._due = now + _WATCH_SECONDS + _TURN_SECONDS
            self._watch = self._loop.call_later(_WATCH_SECONDS, self._look)

    def _wait_for_us(self, now: float, busy: float) -> None:
        """Give everybody who waits the time that this process was too busy to look."""
        self._waiters = deque(
            (future, sent + min(busy, now - sent), deadline + min(busy, now - sent))
            for future, sent, deadline in self._waiters
        )

    async def _connect(self) -> None:
        self._reader = reply_reader()
        if self._locate is not None:
            self.node = await self._locate()
        if self.node.path:
            await self._loop.create_unix_connection(lambda: self, self.node.path)
        else:
            context = self._address.context()
            await self._loop.create_connection(
                lambda: self, self.node.host, self.node.port, ssl=context
            )
        await self._greet()
        if self._on_open is not None:
            await self._on_open(self)
        self._ready = True
        if self._opened is not None:
            self._opened.set()
            self._opened = None

    async def _greet(self) -> None:
        if self._address.password is not None:
            user = (self._address.username,) if self._address.username else ()
            await self.ask("AUTH", *user, self._address.password)
        if self._address.database:
            await self.ask("SELECT", self._address.database)

    async def ask(self, *parts: CommandPart, seconds: float = _CONNECT_SECONDS) -> Any:
        """One command off the path of requests, while opening too. Raises Disconnected, Refused."""
        if self._transport is None:
            raise Disconnected(f"The ledger at {self.node} is not connected.")
        reply = await self.send(parts, seconds, opening=True)
        if isinstance(reply, ErrorReply):
            raise reply.refusal()
        return reply

    def _not_sent(self) -> NotSent:
        return NotSent(
            f"The ledger at {self.node} is not connected.", until=self._lost + self._timeout
        )

    def _drop(self) -> None:
        if self._ready:
            self._lost = self._time()
        self._ready = False
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._out.clear()
        waiters, self._waiters = self._waiters, deque()
        for future, sent, deadline in waiters:
            if not future.done():
                gone = f"The ledger at {self.node} went away."
                future.set_exception(Disconnected(gone, sent=sent, until=deadline))

    def _reopen(self) -> None:
        if not self._closing and (self._reopening is None or self._reopening.done()):
            self._reopening = self._loop.create_task(self._keep_opening())

    async def _keep_opening(self) -> None:
        wait, most = _BACKOFF_SECONDS
        while not self._closing:
            try:
                await self.open()
            except Exception:  # noqa: BLE001  # whatever a server on its way up does: try again
                self._drop()
                await asyncio.sleep(wait)
                wait = min(most, wait * 2)
            else:
                return
