"""One kept connection to a model server: one exchange at a time, its answer parsed by llhttp.

Theory of operation. The event loop hands over what it read, the parser cuts it, and everything
that one read held reaches the reader as one piece. Headers and chunks go from the parser straight
into a dictionary and a list, without a call of ours: a read may hold fifty chunks. Nobody is woken
twice for one read, and a reader that is ahead costs one future for each wait (`Waiting`). A reader
that falls behind by more than READ_BUFFER stops the upstream.
"""

import asyncio
import select
from collections.abc import Mapping
from typing import Final, cast

import httptools

from router.backends.transport.header_names import SPELLINGS
from router.backends.transport.pace import Flow, Paced, Take
from router.backends.transport.transport import Pieces, TransportError, TransportTimeout

READ_BUFFER: Final = 64 * 1024  # bytes held for a slow reader before the upstream is paused
HEAD_CAP: Final = 64 * 1024  # bytes of an answer's head
HEADERS_CAP: Final = 200
_NO_BODY: Final = frozenset({204, 304})
_STALLED: Final = "stalled: nothing came within the timeout"
_TOO_LONG: Final = "took longer than the total timeout"


class HttptoolsConnection(Paced, asyncio.Protocol):
    """An open connection. `ask`, then `read` until it gives nothing; then it may be used again."""

    __slots__ = (
        *("_at_eof", "_complete", "_error", "_head_bytes", "_held", "_keeps"),
        *(
            "_pace",
            "_parser",
            "_paused",
            "_pieces",
            "_poll",
            "_transport",
            "_unwritable",
            "closed",
            "fields",
        ),
        *("idle_since", "on_body", "on_header", "ready", "reusable", "status", "used"),
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._pieces: list[bytes] = []
        self.fields: dict[bytes, bytes] = {}  # as sent; the last header of a name wins
        self.on_body = self._pieces.append
        self.on_header = self.fields.__setitem__
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._poll = select.poll()
        self.flowing: Flow | None = None
        self.status = 0
        self._keeps = False  # as the head says
        self._at_eof = self._paused = False
        self._unwritable = False  # the other side reads more slowly than we write
        self.closed = False
        self.used = False  # an earlier exchange ended well on this connection
        self.idle_since = 0.0
        self.least = 0
        self._begin()
        self.ready = True  # until something is asked, no answer is due

    def _begin(self) -> None:
        """Forget the last exchange, which ended well."""
        self.ready = False  # the head is there
        self.reusable = False
        self.fields.clear()
        self._pieces.clear()
        self._held = self._head_bytes = 0
        self._complete = False
        self._error: TransportError | None = None
        self.pace = None

    def header(self, name: str) -> str:
        """Return a header of the answer by its name in lower case; empty where there is none."""
        sent = SPELLINGS[tuple(self.fields)].get(name)
        return "" if sent is None else self.fields[sent].decode("latin-1")

    @property
    def headers(self) -> Mapping[str, str]:
        """Every header of the answer, names in lower case."""
        return {name: self.header(name) for name in SPELLINGS[tuple(self.fields)]}

    async def ask(
        self, request: bytes, body: bytes | Pieces, deadline: float, least: int = 0
    ) -> None:
        """Write a request and wait for the head of its answer; any failure closes the connection.

        `body` is what of it does not stand in `request` yet. `deadline` is an instant of the
        loop's clock; `least` is bytes a second, see `Timeouts`. Raises TransportError.
        """
        self._begin()
        self.least = least
        transport = self._transport
        if transport is None or self.closed:
            self.abort()
            raise self._without_answer()
        try:
            transport.write(request)
            if body:
                if isinstance(body, bytes):
                    transport.write(body)
                else:
                    await self._write(transport, body, deadline)
            while not self.ready:
                if self._error is not None:
                    raise self._error
                await self.wait(deadline)
        except BaseException:  # a cancelled client's, too
            self.abort()
            raise

    async def _write(self, transport: asyncio.Transport, body: Pieces, deadline: float) -> None:
        """Write a body as fast as the server reads it, unless it answers before it read all."""
        for piece in body:
            while self._unwritable and not self.ready and self._error is None:
                await self.wait(deadline)
            if self.ready or self._error is not None:
                self._keeps = self.reusable = False  # whatever is written next would be this body's
                return
            transport.write(piece)
            await asyncio.sleep(0)  # a server that reads fast never lets us wait, but others do

    async def read(self, patience: float, deadline: float) -> bytes:
        """Return what came since the last read, as soon as there is something; empty at the end.

        `patience` in seconds; `deadline` an instant of the loop's clock. Raises TransportError.
        """
        while not self._pieces:
            if self._complete:
                return b""
            if self._error is not None:
                raise self._error
            await self.wait(self._patient_until(patience, deadline))
        data = self._taken()
        if self.pace is not None:
            self.pace.take(data)
        return data

    async def flow(self, take: Take, patience: float, deadline: float) -> bool:
        """Hand each piece to `take` as it comes, waking nobody, while `take` returns true.

        Return whether the answer came to its end. Times as for `read`; raises TransportError,
        and whatever `take` raises.
        """
        while True:
            if self._pieces:
                if not take(self._taken()):
                    return False
            elif self._complete:
                return True
            elif self._error is not None:
                raise self._error
            elif not await self._flowing(Flow(take, patience, deadline)):
                return False

    async def _flowing(self, flow: Flow) -> bool:
        """Let `data_received` hand on what comes; whether its taker would take more."""
        until = self._patient_until(flow.patience, flow.deadline)
        if self.pace is not None:
            flow.take = self.pace.counting(flow.take)
        self.flowing = flow
        try:
            await self.wait(until)
        finally:
            self.flowing = None
        if flow.error is not None:
            raise flow.error
        return flow.goes_on

    def _patient_until(self, patience: float, deadline: float) -> float:
        now = self.loop.time()
        if now >= deadline:
            raise TransportTimeout(_TOO_LONG)
        return min(now + patience, deadline)

    def rest(self) -> bytes | None:
        """Return all that was not read yet, if the answer is whole; None while more is to come."""
        if not self._complete:
            return None
        pieces = self._pieces  # nothing is paused: more than what is held has come
        return pieces.pop() if len(pieces) == 1 else self._taken()

    def _taken(self) -> bytes:
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._held = 0
        if self._paused:
            self._paused = False
            self._resume()
        return data

    def as_new(self) -> bool:
        """Whether the next exchange may begin: the last one ended well, and since then nothing has
        come, not even what the event loop has not read yet. It would be taken for the answer."""
        return self.reusable and not self._poll.poll(0)

    def is_silent(self) -> bool:
        """Whether nothing has come that nobody has read yet."""
        return not self._poll.poll(0)

    def abort(self) -> None:
        """Close at once."""
        self.closed = True
        self.reusable = False
        self.stop_timer()
        if self._transport is not None:
            self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = cast("asyncio.Transport", transport)
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Parse what came, and end the wait for it, once."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.fail(self._invalid())
            self.abort()  # an answer that was whole before is still there to be read
            return
        if not self.ready:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_CAP:
                self.fail(TransportError("sent a head without end"))
            return
        if self._complete:
            self.wake()
            return
        flow = self.flowing
        if flow is not None and flow.goes_on and self._pieces:
            self._hand_on(flow)
        else:
            self._held += len(data)
            self.wake()
        if len(self.fields) > HEADERS_CAP:
            self.fail(self._invalid())
        elif self._held > READ_BUFFER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """The other side does not read."""
        self._unwritable = True

    def resume_writing(self) -> None:
        """It reads again."""
        self._unwritable = False
        self.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side closed: the end of some answers, the break of others."""
        self.closed = True
        self.reusable = False
        if not self.ready:
            self.fail(self._without_answer())
        elif self._at_eof and exc is None and self._error is None:
            self._complete = True
            self.wake()
        elif not self._complete:
            self.fail(TransportError("broke off its answer"))

    # What the parser calls.

    def on_message_begin(self) -> None:
        """An answer begins; one that nobody asked for ends the connection."""
        if self.ready:
            raise ValueError("an answer without a request")

    def on_headers_complete(self) -> None:
        """The head is there, unless it is an interim one, which is skipped."""
        parser = self._parser
        status = parser.get_status_code()
        if status < 200 and status >= 100:  # mostly one comparison, not two
            return
        if len(self.fields) > HEADERS_CAP:
            raise ValueError("too many headers")
        self.status = status
        self.ready = True
        self._keeps = parser.should_keep_alive()
        if self._keeps:
            return  # the body itself says where it ends
        framed = self.header("content-length") or "chunked" in self.header("transfer-encoding")
        self._at_eof = not framed and status not in _NO_BODY

    def on_message_complete(self) -> None:
        """The answer is whole; what was interim is forgotten."""
        if not self.ready:
            self.fields.clear()
            return
        if len(self.fields) > HEADERS_CAP:
            raise ValueError("too many trailers")
        self._complete = self.used = True
        transport = self._transport
        if self._keeps and transport is not None:
            self.reusable = not transport.get_write_buffer_size()

    # Inside.

    def _hand_on(self, flow: Flow) -> None:
        """Give what came to the taker, and move the deadline; or end the flow."""
        try:
            flow.goes_on = flow.take(self._taken())
            self.deadline = self._patient_until(flow.patience, flow.deadline)
        except Exception as error:  # noqa: BLE001 # the taker's own: raised where it waits
            flow.error, flow.goes_on = error, False
        if not flow.goes_on:
            self.wake()

    def has_lines(self) -> bool:
        """See `Paced`; what is compressed has none."""
        return self.ready and not self.header("content-encoding")

    def too_late(self) -> None:
        """Fail: nothing came within the timeout."""
        if not self.ready:
            late = "sent no first byte in time"
        elif self.flowing is not None and self.deadline >= self.flowing.deadline:
            late = _TOO_LONG
        else:
            late = _STALLED
        self.fail(TransportTimeout(late))

    def fail(self, error: TransportError) -> None:
        """End the wait, and the answer, by an error."""
        self._error = self._error or error
        self.reusable = False
        self.wake()

    def _resume(self) -> None:
        if self._transport is not None and not self.closed:
            self._transport.resume_reading()

    def _invalid(self) -> TransportError:
        return TransportError("broke off its answer" if self.ready else "sent no valid HTTP answer")

    def _without_answer(self) -> TransportError:
        """Closed before a byte came: on a connection that was used before, the server let it go."""
        stale = self.used and self._head_bytes == 0
        return TransportError("closed the connection without an answer", stale=stale)
