"""The regression behind a refitted card: what corrects the card it starts from, and how strongly.

    logit = base + slope base + intercept + z part + part near the centers

Every part has a penalty that pulls it to zero, that is to the base. The last one's is left open:
`path` solves for all of PENALTIES, from "no such part" on.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from classifiers.cards.ability import Ability
from classifiers.cards.logistic import fit_logistic
from classifiers.cards.rbf import RadialBasis, kernel, whitening

Vector = NDArray[np.float64]

SLOPE_PENALTY: Final = 3.0
INTERCEPT_PENALTY: Final = 0.5
Z_PENALTY: Final = 30.0
# The first: nothing from centers. Below 2 the log loss of one card still falls where traffic is
# very unlike the training data, but routing compares two cards, and does better with smoother ones.
PENALTIES: Final = (1e6, 30.0, 10.0, 5.0, 3.0, 2.0)


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """The columns of the regression [N, K]: the base's logit, one, z, kernel to the centers."""

    base: Ability
    centers: NDArray[np.float32] | None
    whiten: Vector
    middle: Vector
    columns: Vector
    offset: Vector

    @classmethod
    def of(
        cls,
        base: Ability,
        z: NDArray[np.float32],
        embedding: NDArray[np.float32],
        centers: NDArray[np.float32] | None,
    ) -> "Design":
        """Columns for outcomes; centers the base already has are restated on the new ones."""
        whiten, near = np.zeros((0, 0)), np.zeros((len(z), 0))
        if centers is not None:
            whiten = whitening(centers)
            near = kernel(embedding.astype(np.float64), centers.astype(np.float64)) @ whiten
            old = None if base.rbf is None else base.rbf.restated_on(centers)
            base = replace(base, rbf=old)
        middle = near.sum(axis=0) / max(len(z), 1)
        logits = base.logits(z, embedding).astype(np.float64)
        columns = [logits, np.ones(len(z)), z.astype(np.float64), near - middle]
        return cls(base, centers, whiten, middle, np.column_stack(columns), logits)

    def take(self, rows: NDArray[Any]) -> "Design":
        """The outcomes at these positions, with the centers as they are."""
        return replace(self, columns=self.columns[rows], offset=self.offset[rows])

    def path(self, scores: Vector, weights: Vector) -> Vector:
        """No correction, then the solution under every penalty [1 + P, K], weakest last."""
        penalties = PENALTIES[:1] if self.centers is None else PENALTIES
        solutions = [np.zeros(self.columns.shape[1])]
        for penalty in penalties:
            solution = fit_logistic(
                self.columns,
                scores,
                offset=self.offset,
                penalty=self._penalties(penalty),
                weights=weights,
                start=solutions[-1],
            )
            solutions.append(solution)
        return np.array(solutions)

    def forecast(self, solution: Vector) -> Vector:
        """P(success) of every outcome under a solution."""
        logits = np.clip(self.offset + self.columns @ solution, -30, 30)
        p: Vector = 1 / (1 + np.exp(-logits))
        return p

    def card(self, solution: Vector) -> Ability:
        """Fold a solution into the base's numbers."""
        slope, intercept = float(1 + solution[0]), float(solution[1])
        z, near = solution[2 : self._fixed], solution[self._fixed :]
        return replace(
            self.base,
            a=(slope * self.base.a + z).astype(np.float32),
            b=float(slope * self.base.b + intercept - near @ self.middle),
            rbf=self._rbf(slope, near),
        )

    @property
    def _fixed(self) -> int:
        """How many columns do not depend on centers."""
        return 2 + len(self.base.a)

    def _penalties(self, rbf: float) -> Vector:
        penalty = np.full(self.columns.shape[1], rbf)
        penalty[: self._fixed] = Z_PENALTY
        penalty[:2] = SLOPE_PENALTY, INTERCEPT_PENALTY
        return penalty

    def _rbf(self, slope: float, near: Vector) -> RadialBasis | None:
        old = self.base.rbf
        if self.centers is None:
            return None if old is None else old.times(slope)
        weights = self.whiten @ near
        if old is not None:
            weights = weights + slope * old.weights
        return RadialBasis(self.centers, weights.astype(np.float32))
