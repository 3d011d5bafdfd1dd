"""Means with intervals from blocks: a cluster bootstrap in one pass over the log.

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
    """Sums of weighted values and of weights by block, and the number of values."""

    __slots__ = ("count", "sums", "weights")

    def __init__(self) -> None:
        self.sums: dict[int, float] = {}
        self.weights: dict[int, float] = {}
        self.count = 0

    def add(self, block: int, value: float, weight: float = 1.0) -> None:
        """Count one value of one record."""
        self.sums[block] = self.sums.get(block, 0.0) + value * weight
        self.weights[block] = self.weights.get(block, 0.0) + weight
        self.count += 1

    def merge(self, other: "Blocks") -> None:
        """Add another group's values."""
        for block, weight in other.weights.items():
            self.sums[block] = self.sums.get(block, 0.0) + other.sums[block]
            self.weights[block] = self.weights.get(block, 0.0) + weight
        self.count += other.count

    def interval(self, *, at_least: int = 1) -> Interval:
        """The mean with its bootstrap interval; NOTHING from fewer than `at_least` values."""
        if self.count < max(at_least, 1):
            return NOTHING
        blocks = sorted(self.weights)
        sums = np.asarray([self.sums[block] for block in blocks])
        weights = np.asarray([self.weights[block] for block in blocks])
        low, high = (float(x) for x in np.quantile(_resampled(sums, weights), (0.025, 0.975)))
        return Interval(float(sums.sum() / weights.sum()), low, high)


def _resampled(sums: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over blocks drawn with replacement, _RESAMPLES times."""
    draws = np.random.default_rng(_SEED).integers(0, len(sums), (_RESAMPLES, len(sums)))
    means: NDArray[np.float64] = sums[draws].sum(axis=1) / weights[draws].sum(axis=1)
    return means
