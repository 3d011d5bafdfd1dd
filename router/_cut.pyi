"""Types of the C extension in native/cut.c; protocols/ahead.py says what it does."""

from typing import Any, Final

EDITION: Final[int]

class Cuts:
    """A body without its long texts, and these, decoded.

    `small` has "" in the place of each, or, of a text that is wrong, what is wrong in it. `halves`:
    one is wrong since an escape in it is half a character; none where they are mended to U+FFFD.
    `surrogates` are the escapes in long texts that may be halves. `outline` is the body
    with the first 72 bytes of each, and `\\u` behind those of one that has an escape by number;
    `numbered` are these.
    """

    @property
    def small(self) -> bytes: ...
    @property
    def outline(self) -> bytes: ...
    @property
    def numbered(self) -> list[str]: ...
    @property
    def halves(self) -> bool: ...
    @property
    def surrogates(self) -> int: ...
    def put_back(self, body: dict[str, Any], /) -> None:
        """Put the texts into what orjson read of `small`, an object in which no key stands twice.

        Raises ValueError where it is something else.
        """

    def missing(self, place: int, /) -> int:
        """How many bytes of the body are missing in `small` before a place in it."""

    def gone(self, start: int, end: int, /) -> int:
        """How many characters of the body stood where texts are missing in `small` between two
        places, in bytes."""

def cut(raw: bytes, least: int, mend: bool, /) -> Cuts:
    """Take the texts of at least `least` bytes out of a JSON body.

    Other threads run meanwhile. Any bytes are safe.
    """

def utf8_size(text: str, /) -> int:
    """How many bytes a text is in UTF-8; it is not encoded for it."""
