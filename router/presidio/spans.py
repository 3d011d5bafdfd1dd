"""Where in each of many texts something was found, though they are read together.

Short texts go into one piece, long ones into several; what is found in a piece is told of the text,
or the texts, that it stands in.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from policies.pii.found import Found
from router.presidio.process import NotRead
from router.presidio.sentences import PIECE, cut, may_hold_names

_BETWEEN: Final = "\n"


class Part(NamedTuple):
    """`text[start:]` stands in a piece at `at`, `length` characters of it."""

    piece: int
    at: int
    text: str
    start: int
    length: int


def packed(texts: Iterable[str]) -> tuple[list[str], list[Part]]:
    """Return texts in pieces of PIECE characters at most, and where each of them stands; what holds
    no names is left out.
    """
    pieces, parts = [""], list[Part]()
    for text in dict.fromkeys(filter(may_hold_names, texts)):
        for start, part in cut(text):
            if pieces[-1] and len(pieces[-1]) + len(_BETWEEN) + len(part) > PIECE:
                pieces.append("")
            before = pieces[-1] + _BETWEEN if pieces[-1] else ""
            parts.append(Part(len(pieces) - 1, len(before), text, start, len(part)))
            pieces[-1] = before + part
    return (pieces if parts else []), parts


class KnownSpans:
    """A `Finder` of what was found before: it knows no other texts."""

    def __init__(self, parts: Iterable[Part], found: Sequence[Sequence[Found]]) -> None:
        spans: defaultdict[str, set[Found]] = defaultdict(set)
        for piece, at, text, start, length in parts:
            known = spans[text]
            for one in found[piece]:
                first, last = max(one.start - at, 0), min(one.end - at, length)
                if first < last:
                    known.add(Found(start + first, start + last, one.kind))
        self._spans: Mapping[str, set[Found]] = spans

    def find(self, text: str) -> Sequence[Found]:
        """Return what stands in a text. Raises NotRead of one that it does not know."""
        if not may_hold_names(text):
            return ()
        if text not in self._spans:
            raise NotRead("it was not shown")
        return sorted(self._spans[text])
