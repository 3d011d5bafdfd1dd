"""Where the top-level members of a JSON body stand, and that no object of it has a key twice.

`scan(raw, folded)` runs after orjson accepted `raw` as an object, so that the bytes themselves can
be relayed: splice.py replaces what must change and nothing else. It returns the members in their
order and raises

- TwinKeys where any object, at any depth, has a key twice, escapes decoded. In the body itself, and
  in the object that is the value of a member named in `folded`, keys that are equal after `fold`
  are twins too.
- TooManyKeys where an object has more than MAX_KEYS keys, or MAX_PARAMETERS where its keys are
  folded; TooDeep beyond MAX_DEPTH levels. Where a body is at fault in several ways, any one of
  them is raised.
- ValueError, or returns nonsense, for bytes that orjson does not accept; it reads nothing else.

Time and memory grow with the body's size, whatever its content. The Python below is the definition;
native/scan.c does the same many times faster where installing found a C compiler (ADR 60).
"""

import json
import re
from collections.abc import Set as AbstractSet
from itertools import accumulate
from typing import Any, Final, Protocol

import orjson

from router.protocols.twins import MAX_DEPTH, MAX_KEYS, TooDeep, refuse_twins

try:
    from router import _scan
except ImportError:
    _scan = None  # type: ignore[assignment]

EDITION: Final = 1  # of what is found: rises whenever native/scan.c must be built anew

# A member's places, in bytes: of its key's opening quote, of its value's beginning and end.
Span = tuple[int, int, int]
Members = dict[str, Span]


class Scan(Protocol):
    """Either scan."""

    def __call__(self, raw: bytes, folded: AbstractSet[str] = ..., /) -> Members:
        """The members of `raw`; objects of members named in `folded` are checked folded."""


_SPACE: Final = re.compile(r"[ \t\n\r]*")
_TO_VALUE: Final = re.compile(r"[ \t\n\r]*:[ \t\n\r]*")
_TO_KEY: Final = re.compile(r"[ \t\n\r]*,?[ \t\n\r]*")
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_STEPS: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def scan_in_python(raw: bytes, folded: AbstractSet[str] = frozenset(), /) -> Members:
    """Find the members of `raw`."""
    _refuse_depth(raw)
    text = raw.decode()
    members = _members(text, folded)
    return members if len(text) == len(raw) else _in_bytes(text, members)


def _members(text: str, folded: AbstractSet[str]) -> Members:
    """The members with their places in characters."""
    at = _end(_SPACE, text, 0)
    if text[at : at + 1] != "{":
        raise ValueError("not a JSON object")
    at = _end(_SPACE, text, at + 1)
    keys: list[str] = []
    spans: list[Span] = []
    while (opening := text[at : at + 1]) != "}":
        if opening != '"':
            raise ValueError("not JSON")
        key, key_end = _DECODER.raw_decode(text, at)
        start = _end(_TO_VALUE, text, key_end)
        end = _end_of_value(text, start, key, key in folded)
        keys.append(key)
        spans.append((at, start, end))
        at = _end(_TO_KEY, text, end)
    refuse_twins(keys, True, None)
    return dict(zip(keys, spans, strict=True))


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    if match is None:
        raise ValueError("not JSON")
    return match.end()


def _end_of_value(text: str, start: int, param: str, folded: bool) -> int:
    """Where the value of a member ends that no object in it made unsafe."""
    try:
        value, end = _DECODER.raw_decode(text, start)
    except _Unsafe as error:
        refuse_twins(error.keys, False, param)
        raise
    except RecursionError:
        raise TooDeep from None
    if folded and isinstance(value, dict):
        refuse_twins(list(value), True, param)
    return int(end)


class _Unsafe(Exception):
    """An object whose keys must be refused: the decoder does not know where it stands."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs) or len(made) > MAX_KEYS:
        raise _Unsafe([key for key, _ in pairs])
    return made


# Numbers are of no interest, and Python refuses integers of thousands of digits.
_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_int=float)


def _refuse_depth(raw: bytes) -> None:
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return
    unescaped = raw.replace(rb"\\", b"").replace(rb"\"", b"")
    outside = b"".join(unescaped.split(b'"')[::2])  # of strings
    brackets = outside.translate(None, _NOT_BRACKETS)
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > MAX_DEPTH:
        raise TooDeep


def _in_bytes(text: str, members: Members) -> Members:
    """The same members with their places in UTF-8."""
    places_of: Members = {}
    chars = size = 0
    for key, span in members.items():
        places = []
        for place in span:
            size += len(text[chars:place].encode())
            chars = place
            places.append(size)
        places_of[key] = (places[0], places[1], places[2])
    return places_of


def _in_c() -> Scan | None:
    """The extension's scan, where it was built."""
    if _scan is None:
        return None
    if _scan.EDITION != EDITION:
        raise ImportError(
            f"router/_scan was built for edition {_scan.EDITION} of the scan, and the source "
            f"beside it is of edition {EDITION}. Build it anew: pip install --editable ."
        )
    return _scan.Scanner(refuse_twins, TooDeep, orjson.loads, MAX_DEPTH, MAX_KEYS).scan


_COMPILED: Final = _in_c()
scan: Final[Scan] = _COMPILED or scan_in_python
SCANS_IN: Final = "c" if _COMPILED else "python"
