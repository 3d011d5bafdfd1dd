"""Bodies that come compressed: inflated within bounds, or refused by name.

Theory of operation. A few kilobytes may inflate to gigabytes. A decoder is therefore never asked
for more than is allowed, and it is asked only for a client whose key is known. Two bounds hold: the
body as it is read may not be larger than any other body (`limits.body`), and beyond the first
megabyte not MOST_RATIO times what was sent, so that nobody spends the gateway's CPU for nothing.
What is not done after the first piece is inflated beside the event loop.
"""

import asyncio
import sys
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

from router.errors import BadRequest, PayloadTooLarge, UnsupportedCoding

_HAS_ZSTD = True
try:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
except ImportError:  # an extra: without it the coding is refused
    _HAS_ZSTD = False

MOST_RATIO: Final = 200
FREE_BYTES: Final = 1_000_000  # so much may come of however little
_AT_ONCE: Final = 262_144  # bytes of a body that are inflated without leaving the event loop
_WINDOW_LOG: Final = 23  # 8 MiB: what every decoder of zstd must take, and no more
_GZIP: Final = 16 + zlib.MAX_WBITS


class _Decoder(Protocol):
    """What zlib and zstd have in common, seen from here."""

    def take(self, data: bytes, most: int) -> bytes:
        """Return at most so many bytes more. `data` is what was not consumed yet; ValueError."""

    @property
    def left(self) -> bytes:
        """What of `data` is to be given again."""

    @property
    def over(self) -> bool:
        """Whether the end came."""

    @property
    def unused(self) -> bytes:
        """What stands behind the end."""


class _Zlib:
    def __init__(self, bits: int) -> None:
        self._inflate = zlib.decompressobj(bits)

    def take(self, data: bytes, most: int) -> bytes:
        try:
            return self._inflate.decompress(data, most)
        except zlib.error as error:
            raise ValueError(str(error)) from None

    @property
    def left(self) -> bytes:
        return self._inflate.unconsumed_tail

    @property
    def over(self) -> bool:
        return self._inflate.eof

    @property
    def unused(self) -> bytes:
        return self._inflate.unused_data


class _Zstd:
    left = b""  # it keeps what it did not consume

    def __init__(self) -> None:
        options = {int(zstd.DecompressionParameter.window_log_max): _WINDOW_LOG}
        self._inflate = zstd.ZstdDecompressor(options=options)

    def take(self, data: bytes, most: int) -> bytes:
        try:
            return bytes(self._inflate.decompress(data, most))
        except zstd.ZstdError as error:
            raise ValueError(str(error)) from None

    @property
    def over(self) -> bool:
        return bool(self._inflate.eof)

    @property
    def unused(self) -> bytes:
        return bytes(self._inflate.unused_data)


def _deflate(data: bytes) -> _Decoder:
    """`deflate` is zlib's format; some clients send it bare."""
    begins = int.from_bytes(data[:2], "big")
    has_header = data[:1] and data[0] & 0x0F == 8 and begins % 31 == 0
    return _Zlib(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)


_Decoders = Mapping[bytes, Callable[[bytes], _Decoder]]
_DECODERS: Final[_Decoders] = MappingProxyType(
    {b"gzip": lambda _: _Zlib(_GZIP), b"deflate": _deflate}
    | ({b"zstd": lambda _: _Zstd()} if _HAS_ZSTD else {})
)
_ALIASES: Final = MappingProxyType({b"x-gzip": b"gzip"})
ACCEPTED: Final = b", ".join(_DECODERS).decode()


async def decoded(body: bytes, codings: bytes, most: int) -> bytes:
    """Return what a body says whose `content-encoding` is `codings`, at most `most` bytes.

    Raises UnsupportedCoding for codings that are not taken (several at once are none), BadRequest
    where the body is not of its coding or was cut, PayloadTooLarge.
    """
    names = [name.strip().lower() for name in codings.split(b",")]
    names = [_ALIASES.get(name, name) for name in names if name not in (b"", b"identity")]
    if not names:
        return body
    make = _DECODERS.get(names[0]) if len(names) == 1 else None
    if make is None:
        raise UnsupportedCoding(
            f"This content-encoding is not taken here: send the body as it is, or in one of "
            f"{ACCEPTED}.",
            headers=(("accept-encoding", ACCEPTED),),
        )
    inflation = _Inflation(make(body), body, names[0].decode(), most)
    if inflation.run(_AT_ONCE):
        return inflation.whole()
    await asyncio.to_thread(inflation.run, inflation.bound)
    return inflation.whole()


class _Inflation:
    """One body on its way to be larger."""

    def __init__(self, decoder: _Decoder, body: bytes, coding: str, most: int) -> None:
        self.bound = min(most, max(FREE_BYTES, MOST_RATIO * len(body)))
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
