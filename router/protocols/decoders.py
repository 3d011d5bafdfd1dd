"""Decoders of compressed bodies (RFC 9110, 8.4.1), and how far each may be trusted.

Theory of operation. A few kilobytes may inflate to gigabytes, so a decoder is never asked for more
than its caller allows, and beyond the first megabyte a body may not become MOST_RATIO times what
came.
"""

import sys
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

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
_WINDOW_LOG: Final = 23  # 8 MiB: what every decoder of zstd must take, and no more
_GZIP: Final = 16 + zlib.MAX_WBITS


class Decoder(Protocol):
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


def _deflate(data: bytes) -> Decoder:
    """`deflate` is zlib's format; some clients send it bare."""
    begins = int.from_bytes(data[:2], "big")
    has_header = data[:1] and data[0] & 0x0F == 8 and begins % 31 == 0
    return _Zlib(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)


Makes = Callable[[bytes], Decoder]  # it gets how the body begins
_DECODERS: Final[Mapping[bytes, Makes]] = MappingProxyType(
    {b"gzip": lambda _: _Zlib(_GZIP), b"deflate": _deflate}
    | ({b"zstd": lambda _: _Zstd()} if _HAS_ZSTD else {})
)
_ALIASES: Final = MappingProxyType({b"x-gzip": b"gzip"})
ACCEPTED: Final = b", ".join(_DECODERS).decode()


def decoder_of(codings: bytes) -> tuple[bytes, Makes | None]:
    """The name of the one coding in a `content-encoding`, and what makes its decoder.

    An empty name: the body is as it is. None: the coding is not known, or there are several.
    """
    names = [name.strip().lower() for name in codings.split(b",")]
    names = [_ALIASES.get(name, name) for name in names if name not in (b"", b"identity")]
    if not names:
        return b"", None
    return names[0], _DECODERS.get(names[0]) if len(names) == 1 else None


def most_of(came: int) -> int:
    """Bytes that a body may become of which so many came."""
    return max(FREE_BYTES, MOST_RATIO * came)
