"""What looking for private data may take, and what of it is left."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Budget:
    """What a reading may take: `bytes` of text, `microseconds` of a processor, and `looks` at what
    is written like a number of a person and is none by its checksum (a long log has many).
    """

    bytes: int = 8_000_000
    microseconds: int = 500_000
    looks: int = 10_000


BUDGET: Final = Budget()


class OverBudget(Exception):
    """Not all was read: nobody knows what else there is."""


def never() -> bool:
    """Nobody has left."""
    return False


class Purse:
    """What is left of a budget, from now on; each call raises OverBudget where it is too little.

    `stopped` says whether nobody waits any more; `now` tells nanoseconds.
    """

    __slots__ = ("_bytes", "_looks", "_now", "_stopped", "_until")

    def __init__(
        self,
        budget: Budget,
        stopped: Callable[[], bool] = never,
        now: Callable[[], int] = time.thread_time_ns,
    ) -> None:
        self._bytes = budget.bytes
        self._looks = budget.looks
        self._stopped = stopped
        self._now = now
        self._until = now() + 1_000 * budget.microseconds

    def read(self, size: int) -> None:
        """Spend so many bytes of text."""
        self._bytes -= size
        if self._bytes < 0:
            raise OverBudget

    def look(self) -> None:
        """Spend a look at what may be a number of a person."""
        self._looks -= 1
        if self._looks < 0:
            raise OverBudget

    def check(self) -> None:
        """See whether there is time, and somebody who waits."""
        if self._stopped() or self._now() > self._until:
            raise OverBudget
