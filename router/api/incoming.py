"""One inference request as it arrives: its headers, and its body within its bounds."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from policies.headers import PREFIX
from router.api.body_room import LARGE, TIMES, Berth, need_of
from router.api.codings import decoded
from router.api.filling import Filling, Gathers
from router.api.gateway import Limits
from router.errors import BodyTooSlow, PayloadTooLarge
from router.ledger.text_weights import weight
from router.operations.operation import Row
from router.protocols.ahead import read_ahead
from router.protocols.decoders import most_of
from router.protocols.headers import credential_of

_HINTS: Final = PREFIX.encode()
_DIGITS: Final = 12  # of a length, looked at: a terabyte


class Asked:
    """Who asks for what, and by which headers: `fields`, their names in lower case."""

    __slots__ = ("authorization", "fields", "row")

    row: Row
    fields: dict[bytes, bytes]
    authorization: bytes | None

    def hint_headers(self) -> dict[str, str]:
        """Return the request's x-turnout-* headers, names in lower case."""
        if _HINTS not in b"\n".join(self.fields):  # mostly: one look at all names
            return {}
        return {
            name.decode("latin-1"): sent.decode("latin-1")
            for name, sent in self.fields.items()
            if name.startswith(_HINTS)
        }

    def header_values(self, names: Iterable[str]) -> dict[str, str]:
        """Return those of the request's headers that were sent; names in lower case."""
        pairs = ((name, self.fields.get(name.encode("latin-1", "replace"))) for name in names)
        return {name: value.decode("latin-1") for name, value in pairs if value is not None}


class Incoming(Asked):
    """The request of one call: what the connection tells of it, and what the corridor asks."""

    __slots__ = ("_body", "_connection", "_limits", "_room", "_waiter", "method", "received")

    def __init__(
        self,
        connection: HttpToolsProtocol,
        row: Row,
        fields: dict[bytes, bytes],
        limits: Limits,
    ) -> None:
        """`fields` are the headers, names in lower case, as the connection's parser has them."""
        self._connection: Any = connection
        self._limits = limits
        self._body: bytes | Gathers = b""  # it usually comes in one part
        self._waiter: asyncio.Future[None] | None = None
        self._room: Berth | None = None
        self.received = False  # all of it
        self.fields = fields
        self.row = row
        self.method: bytes = connection.parser.get_method()
        self.authorization = fields.get(b"authorization") or credential_of(fields)

    @property
    def peer(self) -> str:
        """The address that the connection comes from."""
        peer: str = self._connection.peer
        return peer

    # What the connection tells.

    def feed(self, data: bytes) -> None:
        """Take a part of the body; what is over the limit is dropped, and `body` refuses it."""
        if not self._body:
            self._body = data
            return
        if isinstance(self._body, bytes):
            self._body = self._filling(self._body)
        if len(self._body) <= self._limits.body:
            self._body.add(data)
        else:
            self._wake()

    def _filling(self, first: bytes) -> Gathers:
        """What the parts are gathered in, with room for as many bytes as were announced."""
        announced = self.fields.get(b"content-length", b"0")[:_DIGITS]
        filling = Filling(min(int(announced) if announced.isdigit() else 0, self._limits.body))
        filling.add(first)
        return filling

    def complete(self) -> None:
        """Note that the request is all there."""
        self.received = True
        if self._waiter is not None:
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # What the corridor asks: router.pipeline.caller says what each promises.

    async def body(self) -> bytes:
        """Read the whole body; a compressed one is inflated within the same bound.

        Raises PayloadTooLarge, BodyTooSlow, UnsupportedCoding, BadRequest (it is not what its
        coding says); LimitExceeded and Overloaded where there is no room for it.
        """
        coding = self.fields.get(b"content-encoding")
        if not self.received:
            await self._rest_of_body()
        elif len(self._body) > LARGE and coding is None:
            await self._enter(len(self._body))
        held, self._body = self._body, b""
        if len(held) > self._limits.body:
            raise self._too_large()
        body = held if isinstance(held, bytes) else held.take()
        if coding is not None:
            body = await self._decoded(body, coding)
        elif len(body) > LARGE or self._room is not None:
            await self._turn(body)
        if len(body) > LARGE:
            return await read_ahead(body, weight, self.row.amend)
        return body

    async def _decoded(self, came: bytes, coding: bytes) -> bytes:
        """Inflate a body, in the room that it may take then."""
        if self._room is None and self._most(len(came)) > LARGE:
            await self._enter(self._most(len(came)))
        body = await decoded(came, coding, self._limits.body)
        await self._turn(body)
        return body

    def _most(self, size: int) -> int:
        """What a body of which so many bytes come may become."""
        most = self._limits.body
        return min(most_of(size), most) if b"content-encoding" in self.fields else size

    async def _rest_of_body(self) -> None:
        announced = self.fields.get(b"content-length", b"0")
        most = self._limits.body
        if not announced.isdigit() or int(announced) > most or len(self._body) > most:
            raise self._too_large()
        await self._enter(self._most(int(announced) or most))
        if not self.received:
            await self._arrival()

    async def _enter(self, size: int) -> None:
        """Take room for a body; until there is some, nothing more is read."""
        room, connection = self._limits.room, self._connection
        if room is None or connection.transport.is_closing():
            return
        connection.flow.pause_reading()
        try:
            self._room = await room.enter(self.authorization, TIMES * size)
        finally:
            if not connection.transport.is_closing():
                connection.flow.resume_reading()

    async def _arrival(self) -> None:
        if self.fields.get(b"expect", b"").lower() == b"100-continue":
            self._connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._limits.body_timeout):
                await self._waiter
        except TimeoutError:
            raise BodyTooSlow(
                f"The request body did not arrive within {self._limits.body_timeout:g} seconds."
            ) from None

    async def _turn(self, body: bytes) -> None:
        """Keep what room the body needs, and wait until a large one may be read."""
        if self._room is not None:
            self._room.resize(need_of(body))
        if len(body) > LARGE and self._limits.room is not None:
            await self._limits.room.turn(self.authorization, len(body))

    def _too_large(self) -> PayloadTooLarge:
        return PayloadTooLarge(
            f"The request body is larger than this gateway accepts ({self._limits.body} bytes)."
        )
