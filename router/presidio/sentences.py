"""What of a request a reader of language is shown: its strings, not its bytes.

Patterns read bytes, whatever they mean. What recognizes names reads sentences: so here a body is
read as JSON, every string and every key of it, JSON in strings as well, and only what is none of it
as it stands. Single words in small letters are left out: they are ids and words of protocols, and
no name is recognized without its capital. Short strings are put together, long ones cut with an
overlap, so that what is read costs by its length alone.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Final

import orjson

from policies.pii.media import SHORTEST, without_media

PIECE: Final = 2_000  # characters: what one look takes decides how long others wait for it
OVERLAP: Final = 200
_LEVELS: Final = 3  # of JSON in a string of JSON
_VALUES: Final = 100_000  # of one body
_WORD: Final = re.compile(r"[a-z0-9_.:/+-]*")
_OPENS: Final = ("{", "[")


class TooMuch(Exception):
    """More text than is read, or more values than anybody writes."""


def pieces_of(wholes: Iterable[bytes], budget: int) -> list[str]:
    """Return what of some bodies is language. Raises TooMuch where that is more than so many bytes:
    then none of it is worth the time, since it counts as private all the same.
    """
    texts: list[str] = []
    for text in sentences(wholes):
        budget -= len(text.encode("utf-8", "replace"))
        if budget < 0:
            raise TooMuch
        texts.append(text)
    return list(pieces(texts))


def sentences(wholes: Iterable[bytes]) -> Iterator[str]:
    """Yield the strings of JSON, of lines of JSON, or of plain text. Raises TooMuch."""
    for whole in wholes:
        for value in _values(whole):
            yield from _strings(value)


def pieces(texts: Iterable[str]) -> Iterator[str]:
    """Yield texts together in pieces of PIECE characters at most."""
    gathered: list[str] = []
    size = 0
    for text in texts:
        for _, part in cut(text):
            if gathered and size + len(part) > PIECE:
                yield "\n".join(gathered)
                gathered, size = [], 0
            gathered.append(part)
            size += len(part) + 1
    if gathered:
        yield "\n".join(gathered)


def may_hold_names(text: str) -> bool:
    """Whether it is more than a word of a protocol."""
    return _WORD.fullmatch(text) is None


def cut(text: str) -> Iterator[tuple[int, str]]:
    """Yield the parts of a text that are read at once, and where each begins."""
    for start in range(0, max(1, len(text) - OVERLAP), PIECE - OVERLAP):
        yield start, text[start : start + PIECE]


def _values(whole: bytes) -> Iterator[Any]:
    try:
        yield orjson.loads(whole)
        return
    except orjson.JSONDecodeError:
        pass
    lines = whole.split(b"\n")
    if not _is_json(lines[0]):
        yield whole.decode("utf-8", "replace")
        return
    for line in lines:
        yield orjson.loads(line) if _is_json(line) else line.decode("utf-8", "replace")


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _strings(value: Any) -> Iterator[str]:
    """Walk in depth, so that what waits is no more than the value is deep."""
    levels: list[tuple[Iterator[Any], int]] = [(iter((value,)), 0)]
    looked = 0
    while levels:
        values, level = levels[-1]
        for item in values:
            looked += 1
            if looked > _VALUES:
                raise TooMuch
            if isinstance(item, dict):
                levels.append((chain.from_iterable(item.items()), level))
                break
            if isinstance(item, list):
                levels.append((iter(item), level))
                break
            if isinstance(item, str) and may_hold_names(item):
                nested = _nested(item) if level < _LEVELS else None
                if nested is not None:
                    levels.append((iter((nested,)), level + 1))
                    break
                yield from _without_media(item)
        else:
            levels.pop()


def _nested(text: str) -> Any:
    """What a string holds as JSON: arguments of tools do."""
    if not text.startswith(_OPENS):
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _without_media(text: str) -> Iterator[str]:
    if len(text) < SHORTEST:
        yield text
        return
    for part in without_media(text.encode("utf-8", "replace")):
        if part.strip():
            yield part.decode("utf-8", "replace")
