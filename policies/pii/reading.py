"""One reading of texts by every detector, within a budget of bytes and of time.

Theory of operation. A text is read in pieces of PIECE bytes: between two of them the reader looks
whether it is still wanted and within its time, and the interpreter is free while a pattern is
matched, so that nobody waits for it longer than a piece takes. Pieces overlap by more than the
longest thing that is looked for. One pattern says whether there is anything at all; only then those
of each kind look at the piece, and what has a checksum is checked.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from functools import cache
from typing import Final

from policies import plugins
from policies.pii.budget import Budget, OverBudget, Purse, never
from policies.pii.detector import Detector
from policies.pii.linear import found
from policies.pii.plain import plain
from policies.pii.shapes import ANY, SHAPES, Shape
from policies.plugins import Extended

DETECTORS: Final = Extended(plugins.DETECTORS, dict[str, Detector](), Detector)
PLUGGED: Final = bool(len(DETECTORS))
detectors = cache(DETECTORS.load)

PIECE: Final = 65_536
OVERLAP: Final = 4_096
UNCLEAR: Final = "unclear"  # the kind of a text that was not read to its end


class PrivateData(IntEnum):
    """What detectors say of texts. UNREAD: they could not read them all, and found nothing yet."""

    NOTHING = 0
    FOUND = 1
    UNREAD = 2


class Reading:
    """One reading. `stopped` says whether nobody waits for it any more; `now` tells nanoseconds."""

    def __init__(
        self,
        budget: Budget,
        stopped: Callable[[], bool] = never,
        now: Callable[[], int] = time.thread_time_ns,
    ) -> None:
        self._purse = Purse(budget, stopped, now)

    def finding(self, texts: Iterable[bytes]) -> PrivateData:
        """Read until something is found."""
        for kind in self.kinds(texts):
            return PrivateData.UNREAD if kind == UNCLEAR else PrivateData.FOUND
        return PrivateData.NOTHING

    def kinds(self, texts: Iterable[bytes]) -> Iterator[str]:
        """Yield the kind of each find; UNCLEAR at the end, where texts were not all read."""
        try:
            for text in texts:
                self._purse.read(len(text))
                yield from self._in_text(text)
        except OverBudget:
            yield UNCLEAR

    def _in_text(self, text: bytes) -> Iterator[str]:
        if len(text) <= PIECE:
            yield from self._in_piece(plain(text))
            return
        for start in range(0, len(text) - OVERLAP, PIECE - OVERLAP):
            self._purse.check()
            yield from self._in_piece(plain(text[start : start + PIECE]))

    def _in_piece(self, piece: bytes) -> Iterator[str]:
        if ANY.search(piece) is not None:
            for shape in SHAPES:
                if self._holds(piece, shape):
                    yield shape.kind
        if PLUGGED:
            yield from _plugged(piece.decode("utf-8", "ignore"))

    def _holds(self, piece: bytes, shape: Shape) -> bool:
        for start, end in found(shape.pattern, piece):
            self._purse.look()
            if shape.begins(piece, start) and shape.valid(piece[start:end].decode("latin-1")):
                return True
        return False


def _plugged(text: str) -> Iterator[str]:
    for kind, detector in detectors():
        if detector.may_find(text) and detector.finds(text):
            yield kind
