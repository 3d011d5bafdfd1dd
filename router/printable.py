"""Text from outside as a line of a terminal, a log or a file of lines may show it.

Customers, backends and files name things as they like. A name may steer a terminal (escape
sequences), end a line for some readers of it (U+2028), or turn the direction of what follows it.
"""

import re
from typing import Final

# What JSON lets stand as it is, although it does one of these.
_UNSAFE: Final = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_COLOUR: Final = re.compile("(\x1b\\[[0-9;]*m)")


def printable(text: str, *, keep: str = "") -> str:
    """Return a text whose characters that do not print are written out, as in `\\x1b`.

    Characters of `keep` stay as they are: a line break, say.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in keep else char.encode("unicode_escape").decode()
        for char in text
    )


def printable_beside_colours(text: str, *, keep: str = "") -> str:
    """Return the same, with sequences that do nothing but colour left in."""
    parts = _COLOUR.split(text)
    parts[::2] = [printable(part, keep=keep) for part in parts[::2]]
    return "".join(parts)


def safe_json(text: str) -> str:
    """Return JSON that says the same, without characters that a reader of lines may stumble on."""
    if text.isascii() and "\x7f" not in text:
        return text
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
