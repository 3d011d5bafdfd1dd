"""Means with intervals from blocks: a cluster bootstrap that needs no second look at the log.

Each record falls into one of BLOCKS blocks by its conversation, so that turns of a conversation
stay together; blocks are resampled with a fixed seed. Memory does not grow with the log.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

BLOCKS: Final = 200
_RESAMPLES: Final = 1_000
_SEED: Final = 20_240_229


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % interval; all None where there is no support."""

    mean: float | None
    low: float | None
    high: float | None


NOTHING: Final = Interval(None, None, None)


class Blocks:
    """Sums and counts by block."""

    __slots__ = ("counts", "sums")

    def __init__(self) -> None:
        self.sums: dict[int, float] = {}
        self.counts: dict[int, int] = {}

    def add(self, block: int, value: float) -> None:
        """Count one value of one record."""
        self.sums[block] = self.sums.get(block, 0.0) + value
        self.counts[block] = self.counts.get(block, 0) + 1

    def merge(self, other: "Blocks") -> None:
        """Add another group's values."""
        for block, count in other.counts.items():
            self.sums[block] = self.sums.get(block, 0.0) + other.sums[block]
            self.counts[block] = self.counts.get(block, 0) + count

    @property
    def count(self) -> int:
        """Values seen."""
        return sum(self.counts.values())

    def interval(self, *, at_least: int = 1) -> Interval:
        """The mean with its bootstrap interval; abstains under `at_least` values."""
        if self.count < max(at_least, 1):
            return NOTHING
        blocks = sorted(self.counts)
        sums = np.asarray([self.sums[block] for block in blocks])
        counts = np.asarray([self.counts[block] for block in blocks], dtype=float)
        low, high = (float(x) for x in np.quantile(_resampled(sums, counts), (0.025, 0.975)))
        return Interval(float(sums.sum() / counts.sum()), low, high)


def _resampled(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over blocks drawn with replacement, _RESAMPLES times."""
    draws = np.random.default_rng(_SEED).integers(0, len(sums), (_RESAMPLES, len(sums)))
    means: NDArray[np.float64] = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    return means
