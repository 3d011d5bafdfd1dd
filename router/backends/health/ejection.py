"""Replicas that answer, but far slower than the others of their backend: avoided while they are.

Failures in a row are the breaker's business; this module is about slow replicas. A slow replica
is never excluded: it comes last in the order, so it is still asked when the others are busy or
broken, and its time to the first byte goes on being measured.
"""

from collections.abc import Sequence
from statistics import median
from typing import Final

ENOUGH: Final = 8  # answers before a replica is judged
FACTOR: Final = 3.0  # times the median of all
_MEMORY: Final = 0.2


class Pace:
    """One replica's time to its first byte, in seconds: a running mean."""

    __slots__ = ("answers", "mean")

    def __init__(self) -> None:
        self.answers = 0
        self.mean = 0.0

    def add(self, seconds: float) -> None:
        """One more answer."""
        self.answers += 1
        weight = _MEMORY if self.answers * _MEMORY > 1.0 else 1.0 / self.answers
        self.mean += (seconds - self.mean) * weight


def outliers(paces: Sequence[Pace]) -> list[bool]:
    """Which of these replicas to avoid: at most one in three, and only among three or more."""
    judged = [pace.mean for pace in paces if pace.answers >= ENOUGH]
    if len(paces) < 3 or len(judged) < 3:
        return [False] * len(paces)
    limit = FACTOR * median(judged)
    slow = sorted((p.mean for p in paces if p.answers >= ENOUGH and p.mean > limit), reverse=True)
    allowed = slow[: len(paces) // 3]
    return [pace.answers >= ENOUGH and pace.mean in allowed for pace in paces]
