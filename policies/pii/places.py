"""Text as the patterns read it, and where each of its bytes stood in the text.

The same folding as `plain`, of a decoded text: what is replaced is replaced as it was written,
escapes, full-width digits and unseen characters included.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from policies.pii.plain import FOLDED

# An escape within an escape counts as one; a character may take two codes.
_CHANGED: Final = re.compile(
    r"\\+u[dD][89abAB][0-9a-fA-F]{2}\\+u[dD][c-fC-F][0-9a-fA-F]{2}|\\+u[0-9a-fA-F]{4}"
    r"|\\+[nrtfb\"/]|[^\x00-\x7f]"
)
_CODE: Final = re.compile(r"u([0-9a-fA-F]{4})")
_ESCAPED: Final = {"n": "\n", "r": "\n", "t": "\n", "f": "\n", "b": " ", '"': '"', "/": "/"}


class Placed(NamedTuple):
    """A text made plain; byte i of it stands for the characters `starts[i]` up to `ends[i]`."""

    plain: bytes
    starts: Sequence[int]
    ends: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where some bytes of the plain text, at least one, stood in the text."""
        return self.starts[start], self.ends[end - 1]


def placed(text: str) -> Placed:
    """Return a text as the patterns read it, with the places of its bytes."""
    if text.isascii() and "\\" not in text:
        return Placed(text.encode(), range(len(text)), range(1, len(text) + 1))
    pieces: list[bytes] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for match in _CHANGED.finditer(text):
        start, end = match.span()
        meant = _meant(match[0])
        pieces += text[at:start].encode(), meant
        starts += range(at, start)
        starts += [start] * len(meant)
        ends += range(at + 1, start + 1)
        ends += [end] * len(meant)
        at = end
    pieces.append(text[at:].encode())
    starts += range(at, len(text))
    ends += range(at + 1, len(text) + 1)
    return Placed(b"".join(pieces), starts, ends)


def _meant(written: str) -> bytes:
    """What a character or an escape counts as."""
    if written[0] != "\\":
        return FOLDED.get(written, written).encode("utf-8", "replace")
    codes = _CODE.findall(written)
    if not codes:
        return _ESCAPED[written[-1]].encode()
    units = b"".join(int(code, 16).to_bytes(2, "big") for code in codes)
    char = units.decode("utf-16-be", "replace")
    return FOLDED.get(char, char).encode("utf-8", "replace")
