"""Penalised logistic regression on fractional outcomes, in numpy alone.

Small and dense: thousands of rows, hundreds of columns, solved by Newton's method in milliseconds.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

STEPS: Final = 25
TOLERANCE: Final = 1e-5  # of a logit per unit of a column


def fit_logistic(
    columns: Vector,
    scores: Vector,
    *,
    offset: Vector,
    penalty: Vector,
    weights: Vector,
    start: Vector | None = None,
) -> Vector:
    """The minimum of  sum w * cross-entropy(score, sigmoid(offset + X b)) + 1/2 b' diag(penalty) b.

    `columns` is X [N, K]; `scores` lie in 0..1; every penalty is above zero, so there is always
    exactly one minimum, also with a single row or with all scores alike. `start` (default: zeros)
    only saves steps.
    """
    solution = np.zeros(columns.shape[1]) if start is None else start.copy()
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(offset + columns @ solution, -30, 30)))
        slope = columns.T @ (weights * (p - scores)) + penalty * solution
        bend = columns.T @ (columns * (weights * np.maximum(p * (1 - p), 1e-4))[:, None])
        bend[np.diag_indices_from(bend)] += penalty
        step = np.linalg.solve(bend, slope)
        solution -= step * min(1.0, 4.0 / max(float(np.abs(step).max()), 1e-12))
        if float(np.abs(step).max()) < TOLERANCE:
            break
    return solution
