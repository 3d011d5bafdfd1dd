"""Types of the C extension in native/join.c; protocols/beside.py says what it does."""

from typing import Final

EDITION: Final[int]

def join(parts: tuple[bytes | memoryview, ...], /) -> bytes:
    """Copy pieces behind one another. Other threads run meanwhile."""

def fill(small: bytes, texts: tuple[str, ...], /) -> bytes:
    """Write texts as JSON, with quotes, in the places of the bytes 0xFF of a document.

    Other threads run meanwhile. ValueError where there are not as many of these as texts, and where
    a text holds half a character.
    """

def may_widen(body: bytes | bytearray, /) -> bool:
    """Whether a body may have characters beyond ASCII: as such, or as escapes by number."""
