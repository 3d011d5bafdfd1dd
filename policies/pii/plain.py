"""Text as the patterns read it: escapes of JSON undone, digits, spaces and dashes in ASCII.

Every step is linear, and what has no escapes and is ASCII goes through as it is. What is left of
the text is for detectors alone: characters that nobody sees are gone.
"""

import re
from types import MappingProxyType
from typing import Final

from policies.pii.linear import linear_utf8

# The zero of each script's decimal digits; the other nine follow it. Of what lies beyond the first
# plane of Unicode only what looks like ASCII: a test compares these tables with Unicode's own.
_ZEROS: Final = (
    *(0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6),
    *(0xE50, 0xED0, 0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50),
    *(0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0),
    *(0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1FBF0),
)
_SPACES: Final = (0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
_DASHES: Final = (
    *(0x58A, 0x5BE, 0x1400, 0x1806, *range(0x2010, 0x2016), 0x2043, 0x2212, 0x2E17, 0x2E1A),
    *(0x2E3A, 0x2E3B, 0x2E40, 0x2E5D, 0x301C, 0x3030, 0x30A0, 0xFE31, 0xFE32, 0xFE58, 0xFE63),
)
_UNSEEN: Final = (
    *(0xAD, 0x34F, 0x61C, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x115F, 0x1160, *range(0x600, 0x606)),
    *range(0x180B, 0x1810),
    *(*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164, 0xFEFF),
    *(*range(0xFE00, 0xFE10), 0xFFA0, *range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE0080)),
)
_DOTS: Final = (0x2024, 0x3002, 0xFE52, 0xFF61)  # of domains, too
_SLASHES: Final = (0x2044, 0x2215)
# Of the full-width signs those of numbers and addresses: commas stand in the prose of millions.
_FULL_WIDTH: Final = {
    code + 0xFEE0: chr(code)
    for code in range(0x21, 0x7F)
    if chr(code).isalnum() or chr(code) in "%+-./@_()"
}
_CODES: Final[dict[int, str]] = {
    **{zero + value: str(value) for zero in _ZEROS for value in range(10)},
    **dict.fromkeys(_SPACES, " "),
    **dict.fromkeys(_DASHES, "-"),
    **dict.fromkeys(_UNSEEN, ""),
    **dict.fromkeys(_DOTS, "."),
    **dict.fromkeys(_SLASHES, "/"),
    **_FULL_WIDTH,
    0xFE6B: "@",
    0xFE62: "+",
}
FOLDED: Final = MappingProxyType({chr(code): meant for code, meant in _CODES.items()})
_ASTRAL: Final = re.compile("[\U0001d7ce-\U0001d7ff\U0001fbf0-\U0001fbf9\U000e0000-\U000e007f]")
_NEAR: Final = "".join(char for char in FOLDED if ord(char) <= 0xFFFF)
_OTHERS: Final = re.compile(f"[{re.escape(_NEAR)}]")
_ANY: Final = linear_utf8(f"[{re.escape(''.join(FOLDED))}]")  # most texts have none
_ESCAPES: Final = (
    *((b"\\n", b"\n"), (b"\\r", b"\n"), (b"\\t", b"\t"), (b"\\f", b"\n"), (b"\\b", b" ")),
    *((b'\\"', b'"'), (b"\\/", b"/")),
)
_LEVELS: Final = 3  # of JSON in a string of JSON


def plain(text: bytes) -> bytes:
    """Return a text as the patterns read it. An escape within an escape (JSON in a string of JSON,
    as arguments of tools are) counts as one.
    """
    if b"\\" in text:
        for escape, meant in _ESCAPES:
            text = text.replace(escape, meant)
        if b"\\u" in text:
            text = _without_codes(text)
    if text.isascii() or _ANY.search(text) is None:
        return text
    return _folded(text)


def _without_codes(text: bytes) -> bytes:
    r"""The text with the characters that its codes (\u0040) stand for."""
    for _ in range(_LEVELS):
        text = text.replace(b"\\\\u", b"\\u")
    codes = text.decode("utf-8", "replace").replace("\\u", "\0").replace("\\", "\\\\")
    escaped = codes.replace("\0", "\\u").encode("ascii", "backslashreplace")
    return escaped.decode("unicode_escape", "replace").encode("utf-8", "replace")


def _folded(text: bytes) -> bytes:
    folded = _OTHERS.sub(_meant, text.decode("utf-8", "ignore"))
    return _ASTRAL.sub(_meant, folded).encode("utf-8", "replace")


def _meant(match: re.Match[str]) -> str:
    return FOLDED[match[0]]
