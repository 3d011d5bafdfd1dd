"""One inference request at the HTTP edge: what came, and what goes back.

Theory of operation. The connection (`router.api.connection`) fills an exchange while it parses, and
starts one task for it. When the client leaves, the connection says so, and that task is cancelled:
the corridor unwinds block by block, the upstream is closed, the hold is settled. Errors become
OpenAI's envelope here and nowhere else: as a JSON body before the first byte, an SSE event after.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from policies.headers import PREFIX
from router.api.gateway import Limits
from router.api.head import CHUNKED, CLOSE, STREAM, WHOLE, head, typed
from router.api.request_id import new_request_id, sent_request_id
from router.errors import BadRequest, BodyTooSlow, PayloadTooLarge, TurnoutError
from router.operations.operation import Operation, Row
from router.protocols.headers import credential_of


class _Nobody:
    """The event that uvicorn sets when data arrives; an exchange is called directly instead."""

    def set(self) -> None:
        """Do nothing."""


_NOBODY: Final = _Nobody()
_HINTS: Final = PREFIX.encode()


class Exchange:
    """The request and the reply of one call, as the corridor sees them.

    `response_complete`, `disconnected`, `keep_alive` and `message_event` are what uvicorn's
    protocol asks of whatever a connection serves.
    """

    __slots__ = (
        "_body",
        "_connection",
        "_limits",
        "_received",
        "_waiter",
        "authorization",
        "backend",
        "chunked",
        "content_type",
        "disconnected",
        "fields",
        "headers",
        "id",
        "keep_alive",
        "method",
        "response_complete",
        "route",
        "row",
        "status",
        "streaming",
        "task",
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
        parser = connection.parser
        self._connection = connection
        self._limits = limits
        self._body: bytes | bytearray = b""  # it usually comes in one part
        self._received = False
        self._waiter: asyncio.Future[None] | None = None
        self.fields = fields
        self.row = row
        self.method: bytes = parser.get_method()
        self.authorization = fields.get(b"authorization") or credential_of(fields)
        self.id = new_request_id()
        self.headers: list[tuple[str, str]] = []
        self.route = self.backend = self.content_type = ""
        self.status = 0  # until the head was sent
        self.streaming = False
        self.task: asyncio.Task[None] | None = None
        self.keep_alive: bool = parser.should_keep_alive()
        self.chunked = parser.get_http_version() == "1.1"
        self.disconnected = self.response_complete = False

    # What the connection tells.

    def feed(self, data: bytes) -> None:
        """Take a part of the body; what is over the limit is dropped, and `body` refuses it."""
        if not self._body:
            self._body = data
            return
        if isinstance(self._body, bytes):
            self._body = bytearray(self._body)
        if len(self._body) <= self._limits.body:
            self._body += data
        else:
            self.complete()

    def complete(self) -> None:
        """Note that the body is all there, or more of it than may be."""
        self._received = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def left(self) -> None:
        """Note that the client is gone; what still runs for it ends."""
        self.disconnected = True
        if self.task is not None and not self.response_complete:
            self.task.cancel()

    @property
    def gone(self) -> bool:
        """Whether the client left before its answer was complete."""
        return self.disconnected and not self.response_complete

    # What the corridor asks: router.pipeline.caller says what each promises.

    def hint_headers(self) -> dict[str, str]:
        """Return the request's x-turnout-* headers, names in lower case."""
        return {
            name.decode("latin-1"): sent.decode("latin-1")
            for name, sent in self.fields.items()
            if name.startswith(_HINTS)
        }

    def header_values(self, names: Iterable[str]) -> dict[str, str]:
        """Return those of the request's headers that were sent; names in lower case."""
        pairs = ((name, self.fields.get(name.encode("latin-1", "replace"))) for name in names)
        return {name: value.decode("latin-1") for name, value in pairs if value is not None}

    async def body(self) -> bytes:
        """Read the whole body.

        Raises PayloadTooLarge, BodyTooSlow, BadRequest (a coded body).
        """
        if b"content-encoding" in self.fields:
            self._refuse_coding(self.fields[b"content-encoding"])
        if not self._received:
            await self._rest_of_body()
        body, self._body = self._body, b""
        if len(body) > self._limits.body:
            raise self._too_large()
        return body if isinstance(body, bytes) else bytes(body)

    @staticmethod
    def _refuse_coding(coding: bytes) -> None:
        if coding.lower() != b"identity":
            raise BadRequest("Send the body uncompressed: Content-Encoding is not accepted here.")

    async def _rest_of_body(self) -> None:
        announced = self.fields.get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > self._limits.body:
            raise self._too_large()
        if self.fields.get(b"expect", b"").lower() == b"100-continue":
            self._connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._limits.body_timeout):
                await self._waiter
        except TimeoutError:
            self.keep_alive = False  # whatever else arrives belongs to this request
            raise BodyTooSlow(
                f"The request body did not arrive within {self._limits.body_timeout:g} seconds."
            ) from None

    def _too_large(self) -> PayloadTooLarge:
        self.keep_alive = False  # whatever else arrives belongs to this request
        return PayloadTooLarge(
            f"The request body is larger than this gateway accepts ({self._limits.body} bytes)."
        )

    async def start(self) -> None:
        """Send the head of a stream."""
        self.streaming = True
        self.chunked = self.chunked and self.keep_alive
        opening = typed(self.content_type) if self.content_type else STREAM
        await self._put(self._head(200, opening, CHUNKED if self.chunked else b""))

    async def write(self, data: bytes) -> None:
        """Send a part of a stream."""
        if data:
            await self._put(b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data)

    def put(self, data: bytes) -> bool:
        """Send a part of a stream, unless the client is behind; return whether it was sent."""
        if self._connection.flow.write_paused or self.disconnected:
            return False
        chunk = b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data
        self._connection.transport.write(chunk)
        return True

    async def end(self) -> None:
        """Finish a stream."""
        if self.chunked:
            await self._put(b"0\r\n\r\n")
        self._finish()

    def send(self, body: bytes, status: int = 200) -> Coroutine[Any, Any, None]:
        """Send a whole answer at once."""
        return self._answer(status, body)

    async def _answer(self, status: int, body: bytes) -> None:
        opening = typed(self.content_type) if self.content_type else WHOLE[status]
        data = self._head(status, opening, b"content-length: %d\r\n" % len(body))
        if self.method != b"HEAD":
            data += body
        if self._connection.flow.write_paused:
            await self._put(data)
        elif not self.disconnected:
            self._connection.transport.write(data)
        self._finish()

    def _head(self, status: int, opening: bytes, framing: bytes) -> bytes:
        known = sent_request_id(self.fields.get(b"x-request-id")) or self.id
        self.headers.append(("x-request-id", known))
        if not self.keep_alive:
            framing += CLOSE
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
            self._connection.transport.close()
        self._connection.on_response_complete()

    def close(self) -> None:
        """Close the connection of an answer that was not brought to its end."""
        if not self.response_complete and not self.disconnected:
            self._connection.transport.close()

    async def fail(self, error: TurnoutError) -> None:
        """Tell the client what went wrong, in OpenAI's envelope, wherever the reply stands.

        What is no stream of events has no place for it: such an answer is cut.
        """
        if self.streaming and self.content_type:
            return
        if self.streaming and isinstance(self.row, Operation):
            await self.write(self.row.error_event(error))
            await self.end()
        elif not self.status:
            self.content_type = ""
            self.headers += error.headers
            await self._answer(error.status, self.row.error_body(error))
