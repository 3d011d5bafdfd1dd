"""Where private data stands in a text: what the patterns find, as wide as it goes.

A pattern sees as much as it needs to be sure; what is replaced has to be all of it: the whole name
before an `@`, the whole key behind its prefix, a private key up to its end.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from string import ascii_letters, digits
from typing import Final

from policies.pii.budget import Budget, Purse, never
from policies.pii.found import Found
from policies.pii.linear import found
from policies.pii.places import Placed, placed
from policies.pii.plain import plain
from policies.pii.reading import OVERLAP, PIECE, PLUGGED, detectors
from policies.pii.shapes import ANY, SHAPES, Shape

_WORDS: Final = (ascii_letters + digits).encode()
_NAME: Final = frozenset(_WORDS + b"._%+-'")  # of a mail box
_DOMAIN: Final = frozenset(_WORDS + b"-")
_SECRET: Final = frozenset(_WORDS + b"+/_=.~!@#%^&*-")
_OTHERS: Final = frozenset(range(0x80, 0x100))  # bytes of characters that are not ASCII
_PEM: Final = "-----BEGIN "
_PEM_END: Final = re.compile(r"-----END [A-Z ]{0,30}PRIVATE KEY-----")


class ShapeFinder:
    """The patterns as a `Finder`, within one budget for all texts that it is given.

    Raises OverBudget where that is used up, or `stopped` says that nobody waits any more.
    """

    def __init__(
        self,
        budget: Budget,
        stopped: Callable[[], bool] = never,
        now: Callable[[], int] = time.thread_time_ns,
    ) -> None:
        self._purse = Purse(budget, stopped, now)
        self._key_end = 0  # of the last private key in the text at hand

    def find(self, text: str) -> Sequence[Found]:
        """See `Finder.find`."""
        self._purse.read(len(text))
        finds: list[Found] = []
        self._key_end = 0
        for at in range(0, max(1, len(text) - OVERLAP), PIECE - OVERLAP):
            self.check()
            finds += self._in_piece(text, at)
        return finds

    def check(self) -> None:
        """Raise OverBudget where the time is over, or nobody waits."""
        self._purse.check()

    def _in_piece(self, text: str, at: int) -> Iterator[Found]:
        piece = text[at : at + PIECE]
        if PLUGGED:
            yield from _plugged(piece, at)
        if ANY.search(plain(piece.encode("utf-8", "replace"))) is None:
            return
        read = placed(piece)
        for shape in SHAPES:
            for start, end in self._of_shape(read, shape):
                first, last = read.span(*_whole(read.plain, start, end, shape.kind))
                first, last = at + first, at + last
                if text.startswith(_PEM, first):
                    last = self._end_of_key(text, last)
                yield Found(first, last, shape.kind)

    def _end_of_key(self, text: str, at: int) -> int:
        """Where a private key ends: one that begins within another ends with it."""
        if at > self._key_end:
            closing = _PEM_END.search(text, at)
            self._key_end = len(text) if closing is None else closing.end()
        return self._key_end

    def _of_shape(self, read: Placed, shape: Shape) -> Iterator[tuple[int, int]]:
        text = read.plain
        for start, end in found(shape.pattern, text):
            if shape.begins(text, start) and shape.valid(text[start:end].decode("latin-1")):
                yield start, end
                continue
            self._purse.look()


def _plugged(piece: str, at: int) -> Iterator[Found]:
    for kind, detector in detectors():
        if detector.places is not None and detector.may_find(piece):
            for start, end in detector.places(piece):
                if 0 <= start < end <= len(piece):
                    yield Found(at + start, at + end, kind)


def _whole(text: bytes, start: int, end: int, kind: str) -> tuple[int, int]:
    """Where all of it stands that a pattern found."""
    if kind == "email":
        before = _NAME if text[start] < 0x80 else _NAME | _OTHERS
        while start and text[start - 1] in before:
            start -= 1
        while text[start] in b".'":
            start += 1
        while _goes_on(text, end):
            end += 1
    elif kind == "secret":
        while end < len(text) and text[end] in _SECRET:
            end += 1
        while text[end - 1] in b".":
            end -= 1
    return start, end


def _goes_on(text: bytes, end: int) -> bool:
    """Whether a domain does: with a letter, or with a point before one."""
    rest = text[end : end + 2]
    return bool(rest) and (
        rest[0] in _DOMAIN or (rest[:1] == b"." and len(rest) == 2 and rest[1] in _DOMAIN)
    )
