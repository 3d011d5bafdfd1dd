"""Reading JSON in which halves of characters stand: what JavaScript writes of a text that was cut.

`JSON.stringify` of an emoji that was cut in two says `\\ud83d`, an escape without its other half.
That is valid JSON which most servers and clients read; orjson refuses it. Here such an escape is
read as U+FFFD, the sign of a character that is not there, and nothing else is forgiven.
"""

import re
from typing import Any, Final

import orjson

_HIGH: Final = rb"\\u[dD][89abAB][0-9a-fA-F]{2}"
_LOW: Final = rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF: Final = re.compile(rb"%b(?!%b)|(?<!%b)%b" % (_HIGH, _LOW, _HIGH, _LOW))
_BACKSLASH, _STAND_IN = rb"\\", b"\0\0"  # an escaped one begins no other escape


def loads(raw: bytes | str) -> Any:
    """Return what JSON says. Raises orjson.JSONDecodeError."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        data = raw if isinstance(raw, bytes) else raw.encode(errors="replace")
        mended = without_halves(data)
        if mended is data:
            raise
        return orjson.loads(mended)


def without_halves(raw: bytes) -> bytes:
    """`raw` with U+FFFD for every escape that is half a character; of the same length, so that
    places in it stay where they are. The same object where there is none."""
    if b"\\u" not in raw or b"\0" in raw:
        return raw
    masked = raw.replace(_BACKSLASH, _STAND_IN)
    mended, found = _HALF.subn(rb"\\ufffd", masked)
    return mended.replace(_STAND_IN, _BACKSLASH) if found else raw
