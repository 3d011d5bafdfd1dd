"""Ids of tool calls as a server takes them: in its letters, of its length, each one once.

Servers make ids in letters and of lengths that others refuse; some make none at all, or the same
for every call. A result is known by its call's id alone, so both are fitted alike: where several
calls have one id, results answer them in the order in which they were made.
"""

import re
from collections import deque
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from typing import Final

_NAMELESS: Final = "call"
_DIGEST: Final = 8  # bytes of what is put for the end of an id that is too long
Fit = Callable[[str], str]


class CallIds:
    """The ids of one conversation; `fit` makes of any text an id that the server takes, and of
    different texts different ones where it can."""

    __slots__ = ("_answered", "_fit", "_used", "_waiting")

    def __init__(self, fit: Fit) -> None:
        self._fit = fit
        self._used: set[str] = set()
        self._answered: dict[str, str] = {}  # by the id that came, the last call of those
        self._waiting: dict[str, deque[str]] = {}  # by the id that came, the calls to be answered

    def of_call(self, given: str) -> str:
        """The id of the next call."""
        fitted, number = self._fit(given), 1
        while fitted in self._used:
            number += 1
            fitted = self._fit(f"{given or _NAMELESS}_{number}")
        self._used.add(fitted)
        self._waiting.setdefault(given, deque()).append(fitted)
        return fitted

    def of_result(self, given: str) -> str:
        """The id of the call that a result answers; the last one's where all have been answered."""
        waiting = self._waiting.get(given)
        if waiting:
            self._answered[given] = waiting.popleft()
        return self._answered.get(given) or self._fit(given)


def in_letters(foreign: re.Pattern[str]) -> Fit:
    """Fits ids to servers that refuse `foreign` letters."""
    return lambda given: foreign.sub("_", given) or _NAMELESS


def at_most(most: int) -> Fit:
    """Fits ids to servers that take `most` letters."""
    return partial(_shortened, most)


def _shortened(most: int, given: str) -> str:
    if len(given) <= most:
        return given or _NAMELESS
    return given[: max(0, most - 2 * _DIGEST)] + digest(given)[:most]


def digest(given: str) -> str:
    """Sixteen letters and digits for any text."""
    return blake2b(given.encode(), digest_size=_DIGEST).hexdigest()
