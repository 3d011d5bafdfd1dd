"""Personal data and secrets in texts: a small set of detectors, for `request.pii`.

Theory of operation: what is no text is left out (`media`), the rest is made plain (`plain`: escapes
undone, digits and dashes in ASCII), and patterns of each kind look at it (`shapes`); what has a
checksum is checked. Patterns are matched in linear time and without the interpreter (`linear`),
piece by piece, within a budget (`reading`). What is found is only ever named (`email`, `card`),
never returned.

Limits, on purpose: no names of people, no postal addresses, no dates of birth, no health data, no
images; telephone numbers only with a country code or in a written-out national form; national ids
of seven countries; secrets only of known shapes or beside a word such as `password`. Text that was
altered to hide (spelled-out digits, ciphers) is not found. It is a net, not a proof: a route that
must never leak has only candidates of one's own. What was not read to its end counts as private.
"""

from collections.abc import Iterable
from itertools import repeat
from typing import Any, Final

from policies.pii.budget import Budget
from policies.pii.media import without_media
from policies.pii.reading import Reading

_TEXT: Final = frozenset((str,))
_UNHURRIED: Final = Budget(bytes=64_000_000, microseconds=10_000_000)


def contains_pii(texts: Iterable[str], budget: Budget = _UNHURRIED) -> bool:
    """Whether any text holds personal data or a secret, or is too long to say."""
    return bool(Reading(budget).finding(map(_bytes_of, texts)))


def kinds(texts: Iterable[str], budget: Budget = _UNHURRIED) -> frozenset[str]:
    """Which kinds of personal data and secrets the texts hold; `unclear` where that was not read to
    the end."""
    return frozenset(Reading(budget).kinds(map(_bytes_of, texts)))


def texts_of(value: object) -> list[str]:
    """Every text inside a JSON value (keys and media left out): all of a prompt that models read.

    Exact types, and media looked for at the end: an agent's messages hold thousands of values, and
    this takes half the time.
    """
    texts: list[str] = []
    waiting: list[Any] = [value]
    for item in waiting:  # which grows meanwhile
        kind = type(item)
        if kind is str:
            texts.append(item)
        elif kind is dict:
            waiting += item.values()
        elif kind is list:
            waiting += item
    if any(map(str.startswith, texts, repeat("data:"))):
        return [text for text in texts if not _is_media(text)]
    return texts


def plain_texts_of(value: object) -> list[str] | None:
    """The texts where every message holds nothing but texts, as most do; None where it is not so.
    The looks at each text stay in C, which takes a third of the time.
    """
    if not isinstance(value, list):
        return None
    values: list[Any] = []
    for message in value:
        if not isinstance(message, dict):
            return None
        values += message.values()
    plain = _TEXT.issuperset(map(type, values))
    return values if plain and not any(map(str.startswith, values, repeat("data:"))) else None


def _is_media(text: str) -> bool:
    """Whether a text is the address of bytes that it holds itself."""
    head, comma, _ = text[:256].partition(",")
    return bool(comma) and head.startswith("data:") and head.endswith(";base64")


def _bytes_of(text: str) -> bytes:
    return b"".join(without_media(text.encode("utf-8", "replace")))
