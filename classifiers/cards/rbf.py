"""What a card remembers of its own traffic: a few centers in the embedding, and what each adds.

    sum over centers m of  weight_m exp(-NEAR |embedding - center_m|^2)

The trunk's embedding was made to tell the training prompts apart; centers set among the prompts of
a card's own traffic tell those apart better (ADR 23). A center is the middle of a cluster of
prompts, never a prompt.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float32]

NEAR: Final = 3.0  # embeddings are at most one long: at a distance of 0.6 a center counts a third
CENTERS: Final = 128
ROUNDS: Final = 10
SOFT: Final = 1e-4  # added to the centers' kernel to one another, so that it can be inverted


@dataclass(frozen=True, slots=True, eq=False)
class RadialBasis:
    """Places [M, E] in the embedding and the logits they add [M]."""

    centers: Vector
    weights: Vector
    sizes: Vector = field(init=False)  # squared lengths of the centers: half of the cost of scoring

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", squares(self.centers))

    def logits(self, embedding: Vector) -> Vector:
        """What the centers add to the logit of each row of embedding [B, E]."""
        added: Vector = kernel(embedding, self.centers, self.sizes) @ self.weights
        return added

    def times(self, factor: float) -> "RadialBasis":
        """The same centers with all weights scaled."""
        return replace(self, weights=(factor * self.weights).astype(np.float32))

    def restated_on(self, centers: Vector) -> "RadialBasis":
        """The same function, as nearly as other centers can express it."""
        across = kernel(centers.astype(np.float64), self.centers.astype(np.float64))
        weights = np.linalg.solve(_gram(centers), across @ self.weights.astype(np.float64))
        return RadialBasis(centers, weights.astype(np.float32))


def squares(rows: NDArray[Any]) -> NDArray[Any]:
    """The squared length of each row."""
    return np.asarray(np.einsum("me,me->m", rows, rows))


def kernel(
    embedding: NDArray[Any], centers: NDArray[Any], sizes: NDArray[Any] | None = None
) -> NDArray[Any]:
    """exp(-NEAR |e - center|^2) for every pair [B, M], in the precision of the arguments.

    `sizes` are the squares of the centers, where they are known.
    """
    near = embedding @ centers.T
    near *= 2
    near -= squares(embedding)[:, None]
    near -= squares(centers) if sizes is None else sizes
    near *= NEAR
    near = np.minimum(near, 0, out=near)
    return np.asarray(np.exp(near, out=near))


def centers_among(embedding: Vector, *, seed: int = 0) -> Vector:
    """The middles of at most CENTERS clusters of rows, rounded as a card keeps them."""
    rows = embedding.astype(np.float64)
    start = np.random.default_rng(seed).permutation(len(rows))[:CENTERS]
    middles = rows[np.sort(start)]
    sizes = (rows**2).sum(axis=1)[:, None]
    for _ in range(ROUNDS):
        apart = sizes - 2 * rows @ middles.T + (middles**2).sum(axis=1)
        member = np.zeros((len(middles), len(rows)))
        member[apart.argmin(axis=1), np.arange(len(rows))] = 1.0
        count = member.sum(axis=1, keepdims=True)
        middles = np.where(count > 0, member @ rows / np.maximum(count, 1), middles)
    return middles.astype(np.float16).astype(np.float32)


def whitening(centers: Vector) -> Matrix:
    """[M, M]: turns kernel to the centers into columns for which a plain ridge is right."""
    values, vectors = np.linalg.eigh(_gram(centers))
    whiten: Matrix = vectors / np.sqrt(np.maximum(values, SOFT))
    return whiten


def _gram(centers: Vector) -> Matrix:
    exact = centers.astype(np.float64)
    return kernel(exact, exact) + SOFT * np.eye(len(centers))
