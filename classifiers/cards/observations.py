"""Outcomes as the numbers that a card is fitted on and judged by."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

MOST_OUTCOMES: Final = 5_000  # the latest are kept: more take minutes and tell little more


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Outcomes as numbers: z [N, Z], embedding [N, E], scores [N] in 0..1, weights [N]."""

    z: NDArray[np.float32]
    embedding: NDArray[np.float32]
    scores: Vector
    weights: Vector

    @property
    def size(self) -> int:
        """How many outcomes."""
        return len(self.scores)

    def take(self, rows: NDArray[Any]) -> "Observations":
        """The outcomes at these positions."""
        return Observations(
            self.z[rows], self.embedding[rows], self.scores[rows], self.weights[rows]
        )


class TooFewOutcomes(ValueError):
    """There are not enough outcomes to say anything."""


def observe(
    z: NDArray[np.floating],
    embedding: NDArray[np.floating],
    scores: Sequence[float],
    weights: Sequence[float] | None = None,
) -> Observations:
    """Check and join columns; ValueError when scores leave 0..1 or lengths differ."""
    truth = np.asarray(scores, dtype=np.float64)
    if not (len(z) == len(embedding) == len(truth)):
        raise ValueError("z, embedding and scores must have one row per outcome")
    if not ((truth >= 0) & (truth <= 1)).all():
        raise ValueError("every score must lie between 0 and 1")
    weight = np.ones(len(truth)) if weights is None else np.asarray(weights, dtype=np.float64)
    kept = slice(-MOST_OUTCOMES, None)
    return Observations(
        z[kept].astype(np.float32), embedding[kept].astype(np.float32), truth[kept], weight[kept]
    )


def splits(size: int, folds: int, seed: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Positions inside and outside of each fold."""
    order = np.random.default_rng(seed).permutation(size)
    for part in np.array_split(order, folds):
        yield np.setdiff1d(order, part), np.sort(part)


def weighted_mean(values: Vector, weights: Vector) -> float:
    """The mean of `values`, each counting by its weight."""
    return float((values * weights).sum() / weights.sum())
