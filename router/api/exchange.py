"""One inference request at the HTTP edge: what came, and what goes back.

Theory of operation. The connection (`router.api.connection`) fills an exchange while it parses, and
starts one task for it. When the client leaves, the connection says so, and that task is cancelled:
the corridor unwinds block by block, the upstream is closed, the hold is settled. Errors become the
protocol's envelope here and nowhere else: as a JSON body before the first byte, an SSE event after.

A stream that is awaited (`awaits_stream`) is not silent for long: after `head_after` seconds its
head goes out by itself, and whenever nothing was written for `keepalive` seconds, an event that
clients ignore. One timer does both, and a write costs it one flag.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from router.api.gateway import Limits
from router.api.head import (
    CHUNKED,
    CLOSE,
    KEEP,
    NOTHING,
    STREAM,
    STREAMS,
    WHOLE,
    Headers,
    head,
    typed,
)
from router.api.incoming import Incoming
from router.api.request_id import new_request_id, sent_request_id
from router.errors import TurnoutError
from router.operations.operation import Operation, Row


class _Nobody:
    """The event that uvicorn sets when data arrives; an exchange is called directly instead."""

    def set(self) -> None:
        """Do nothing."""


_NOBODY: Final = _Nobody()
_NO_CONTENT: Final = 204
_GO_ON: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Exchange(Incoming):
    """The request and the reply of one call, as the corridor sees them.

    `response_complete`, `disconnected`, `keep_alive` and `message_event` are what uvicorn's
    protocol asks of whatever a connection serves. `standing` are headers of any answer to it.
    """

    __slots__ = (
        *("_early", "_timer", "_wrote", "backend", "chunked", "content_type", "disconnected"),
        *("headers", "id", "keep_alive", "response_complete", "route", "standing", "status"),
        *("streaming", "task"),
    )

    message_event: Any = _NOBODY

    def __init__(
        self,
        connection: HttpToolsProtocol,
        row: Row,
        fields: dict[bytes, bytes],
        limits: Limits,
    ) -> None:
        """`fields` are the headers, names in lower case, as the connection's parser has them."""
        super().__init__(connection, row, fields, limits)
        parser = connection.parser
        self.id = new_request_id()
        self.headers: list[tuple[str, str]] = []
        self.standing: Headers = ()
        self.route = self.backend = self.content_type = ""
        self.status = 0  # until the head was sent
        self.streaming = False
        self.task: asyncio.Task[None] | None = None
        self.keep_alive: bool = parser.should_keep_alive()
        self.chunked = parser.get_http_version() == "1.1"
        self.disconnected = self.response_complete = False
        self._timer: asyncio.TimerHandle | None = None
        self._wrote = False  # since the timer rang last
        self._early = False  # the head went out while nothing had come

    def left(self) -> None:
        """Note that the client is gone; what still runs for it ends."""
        self.disconnected = True
        if self.task is not None and not self.response_complete:
            self.task.cancel()

    @property
    def gone(self) -> bool:
        """Whether the client left before its answer was complete."""
        return self.disconnected and not self.response_complete

    # What goes back; router.pipeline.caller says what each promises.

    def awaits_stream(self) -> None:
        """From now on the client is not left without a byte for long."""
        loop = self._connection.loop
        self._timer = loop.call_later(self._limits.head_after, self._while_silent)

    def _while_silent(self) -> None:
        """The timer rang: say something where nothing was said since it rang before."""
        if self.disconnected or self.response_complete:
            return
        if not (self._wrote or self._connection.flow.write_paused):
            self.show_life()
        self._wrote = False
        loop = self._connection.loop
        self._timer = loop.call_later(self._limits.keepalive / 2, self._while_silent)

    def show_life(self) -> None:
        """Write what says nothing: in a stream, whose head goes out where it did not yet."""
        if isinstance(self.row, Operation) and not self.content_type:
            if not self.streaming:
                self._begin_stream()
                self._early = True
            self.put(self.row.keepalive)

    def ask_if_there(self) -> None:
        """Write what a client that still reads ignores: one that is gone resets the connection."""
        if self.streaming:
            self.show_life()
        elif self.chunked and not self.status:  # HTTP/1.0 knows no interim answers
            self._connection.transport.write(_GO_ON)

    async def start(self, status: int = 200) -> None:
        """Send the head of a stream, unless it went out already.

        It is short, so it waits for no client that is behind; nor does the end.
        """
        self._early = False
        if not self.streaming:
            self._begin_stream(status)

    def _begin_stream(self, status: int = 200) -> None:
        self.streaming = True
        self.chunked = self.chunked and self.keep_alive
        if not self.chunked:
            self.keep_alive = False  # only the connection's end can tell that of the stream
        opening = typed(self.content_type, status) if self.content_type else self._opening()
        data = self._head(status, opening, CHUNKED if self.chunked else b"")
        if not self.disconnected:
            self._connection.transport.write(data)

    def _opening(self) -> bytes:
        return STREAMS[self.row.streams_as] if isinstance(self.row, Operation) else STREAM

    async def write(self, data: bytes) -> None:
        """Send a part of a stream."""
        if data:
            await self._put(b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data)
            self._wrote = True

    def put(self, data: bytes) -> bool:
        """Send a part of a stream, unless the client is behind; return whether it was sent."""
        if self._connection.flow.write_paused or self.disconnected:
            return False
        chunk = b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data
        self._connection.transport.write(chunk)
        self._wrote = True
        return True

    async def end(self) -> None:
        """Finish a stream."""
        if self.chunked and not self.disconnected:
            self._connection.transport.write(b"0\r\n\r\n")
        self._finish()

    def send(self, body: bytes, status: int = 200) -> Coroutine[Any, Any, None]:
        """Send a whole answer at once."""
        return self._answer(status, body)

    async def _answer(self, status: int, body: bytes) -> None:
        if status == _NO_CONTENT:
            await self.send_nothing()
            return
        opening = typed(self.content_type, status) if self.content_type else WHOLE[status]
        data = self._head(status, opening, b"content-length: %d\r\n" % len(body))
        if self.method != b"HEAD":
            data += body
        if self._connection.flow.write_paused:
            await self._put_in_time(data)
        elif not self.disconnected:
            self._connection.transport.write(data)
        self._finish()

    async def _put_in_time(self, data: bytes) -> None:
        """Write to a client that has not read what it asked for before; not for ever."""
        try:
            async with asyncio.timeout(self._limits.unread):
                await self._put(data)
        except TimeoutError:
            self._connection.transport.abort()

    async def send_nothing(self) -> None:
        """Send a head that says all there is to say, 204, with `headers` as they stand."""
        await self._put(self._head(204, NOTHING, b""))
        self._finish()

    def _head(self, status: int, opening: bytes, framing: bytes) -> bytes:
        known = sent_request_id(self.fields.get(b"x-request-id")) or self.id
        self.headers.append(("x-request-id", known))
        if self.row.names_request and "request-id" not in dict(self.headers):
            self.headers.append(("request-id", known))  # where Anthropic's clients look for it
        if self.standing:
            self.headers += self.standing
        if not self.received:
            self.keep_alive = False  # whatever else arrives belongs to this request
        if not self.keep_alive:
            framing += CLOSE
        elif not self.chunked:
            framing += KEEP
        data = head(opening, self._connection.server_state.default_headers, self.headers, framing)
        self.status = status
        return data

    async def _put(self, data: bytes) -> None:
        """Write to the client as fast as it reads; once it is gone, write nothing."""
        flow = self._connection.flow
        if flow.write_paused and not self.disconnected:
            await flow.drain()
        if not self.disconnected:
            self._connection.transport.write(data)

    def _finish(self) -> None:
        if self.disconnected:
            return
        self.response_complete = True
        if not self.keep_alive:
            self._connection.bid_farewell(received=self.received)
        self._connection.on_response_complete()

    def close(self) -> None:
        """Close the connection of an answer that was not brought to its end."""
        if self._timer is not None:
            self._timer.cancel()
        if not self.response_complete and not self.disconnected:
            self._connection.close()

    async def fail(self, error: TurnoutError) -> None:
        """Tell the client what went wrong, in its protocol's envelope, wherever the reply is.

        What is no stream of events has no place for it: such an answer is cut.
        """
        if self.streaming and self.content_type:
            return
        if self.streaming and isinstance(self.row, Operation):
            await self.write(self.row.error_event(error, first=self._early))
            await self.end()
            if self._early:
                self.status = error.status  # as it is counted: nothing of an answer was sent
        elif not self.status:
            self.content_type = ""
            self.headers += error.headers
            await self._answer(error.status, self.row.error_body(error))
