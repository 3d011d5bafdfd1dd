"""The strings of a JSON text, where they stand, so that one is changed and no other byte is."""

import json
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_LONG_NUMBER: Final = re.compile(r"-?[0-9]{8,}(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_DECODER: Final = json.JSONDecoder(strict=False)
_COLON: Final = re.compile(r"[ \t\r\n]*:[ \t\r\n]*")


class Token(NamedTuple):
    """A string, decoded, or a number of at least eight digits as it is written.

    `text[start:end]` is how it stands; `key` the name of the member that it is the value of, or
    empty. `is_key`: it is itself such a name.
    """

    start: int
    end: int
    value: str
    key: str
    is_key: bool = False
    is_number: bool = False


def tokens(text: str) -> Iterator[Token]:
    """Yield the strings and long numbers of a valid JSON text, in order."""
    at, key, valued = 0, "", -1
    while True:
        start = text.find('"', at)
        end_of_gap = len(text) if start < 0 else start
        if end_of_gap - at >= 8:
            for match in _LONG_NUMBER.finditer(text, at, end_of_gap):
                name = key if match.start() == valued else ""
                yield Token(match.start(), match.end(), match[0], name, is_number=True)
        if start < 0:
            return
        value, at = _DECODER.raw_decode(text, start)
        colon = _COLON.match(text, at)
        if colon is None:
            yield Token(start, at, value, key if start == valued else "")
            continue
        yield Token(start, at, value, "", is_key=True)
        key, at = value, colon.end()
        valued = at


def written(value: str) -> str:
    """A string as JSON; characters as they are, but for those that are none alone."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return json.dumps(value, ensure_ascii=False)


def inside(value: str) -> str:
    """A text as it stands within a string of JSON."""
    return written(value)[1:-1]
