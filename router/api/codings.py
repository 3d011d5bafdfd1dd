"""Bodies that come compressed: inflated within bounds, or refused by name.

Theory of operation. A few kilobytes may inflate to gigabytes. A decoder is therefore never asked
for more than is allowed, and it is asked only for a client whose key is known. Two bounds hold: the
body as it is read may not be larger than any other body (`limits.body`), and beyond the first
megabyte not MOST_RATIO times what was sent, so that nobody spends the gateway's CPU for nothing.
What is not done after the first piece is inflated beside the event loop.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from router.api.body_room import TIMES, Berth, need_of
from router.errors import BadRequest, PayloadTooLarge, UnsupportedCoding
from router.protocols.decoders import ACCEPTED, MOST_RATIO, Decoder, decoder_of, most_of

_FREE: Final = 65_536  # bytes of a body that take no room
_AT_ONCE: Final = 262_144  # bytes of a body that are inflated without leaving the event loop


Enter = Callable[[int], Awaitable[Berth | None]]


async def without_room(_: int) -> Berth | None:
    """Take no room: there is none to be shared."""
    return None


async def decoded(body: bytes, codings: bytes, most: int, enter: Enter = without_room) -> bytes:
    """Return what a body says whose `content-encoding` is `codings`, at most `most` bytes.

    `enter` takes room for what is larger than came, before it is made. Raises what that raises;
    UnsupportedCoding for codings that are not taken (several at once are none), BadRequest
    where the body is not of its coding or was cut, PayloadTooLarge.
    """
    name, make = decoder_of(codings)
    if not name:
        return body
    if make is None:
        raise UnsupportedCoding(
            f"This content-encoding is not taken here: send the body as it is, or in one of "
            f"{ACCEPTED}.",
            headers=(("accept-encoding", ACCEPTED),),
        )
    inflation = _Inflation(make(body), body, name.decode(), most)
    if inflation.run(_AT_ONCE if enter is without_room else _FREE):
        return inflation.whole()
    berth = await enter(TIMES * inflation.bound)
    if not inflation.run(_AT_ONCE):
        await asyncio.to_thread(inflation.run, inflation.bound)
    whole = inflation.whole()
    if berth is not None:
        berth.resize(need_of(whole))
    return whole


class _Inflation:
    """One body on its way to be larger."""

    def __init__(self, decoder: Decoder, body: bytes, coding: str, most: int) -> None:
        self.bound = min(most, most_of(len(body)))
        self._decoder: Any = decoder
        self._rest = body
        self._coding = coding
        self._most = most
        self._pieces: list[bytes] = []
        self._size = 0

    def run(self, until: int) -> bool:
        """Inflate up to so many bytes, and one; whether that was all. Raises as `decoded`."""
        decoder = self._decoder
        wanted = min(until, self.bound) + 1
        while self._size < wanted and not decoder.over:
            try:
                piece = decoder.take(self._rest, wanted - self._size)
            except ValueError:
                raise self._wrong() from None
            self._rest = decoder.left
            if not piece and not self._rest and not decoder.over:
                raise self._wrong()  # it was cut
            self._pieces.append(piece)
            self._size += len(piece)
        return bool(decoder.over)

    def whole(self) -> bytes:
        """Return what came of it, once the end was reached. Raises as `decoded`."""
        if self._size > self.bound:
            raise self._too_large()
        if not self._decoder.over or self._decoder.unused:
            raise self._wrong()
        return b"".join(self._pieces)

    def _wrong(self) -> BadRequest:
        return BadRequest(f"The body is not what its content-encoding says: {self._coding}.")

    def _too_large(self) -> PayloadTooLarge:
        if self.bound == self._most:
            return PayloadTooLarge(
                f"The request body is larger than this gateway accepts ({self._most} bytes) once "
                "it is inflated."
            )
        return PayloadTooLarge(
            f"The request body inflates to more than {MOST_RATIO} times its size; send it as it is."
        )
