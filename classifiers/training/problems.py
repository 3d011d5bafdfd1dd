"""The last number of z: where a stronger model gets further than a weaker one in word problems.

Kernel and votes say how hard a prompt is, and what is hard for one model mostly is for all. Routing
lives on the difference. In arithmetic told in words plain counts tell some of it (fractions,
comparisons, length), which a card could not find among many columns in a few hundred labels; in one
column it can. The direction is a ridge regression on the training data's word problems that
the same models, weak and strong ones, have answered. The shipped cards give it no weight: whom it
favours depends on the two models at hand, so a card learns its sign from labels (ADR 25).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from classifiers.text.lexical_features import FEATURE_NAMES, PROBLEM_FEATURES
from classifiers.training.dataset import Outcomes

Matrix = NDArray[np.float64]

WORD_PROBLEMS: Final = "ulab/gsm8k"  # with harder mathematics among them the direction told nothing
COLUMNS: Final = slice(len(FEATURE_NAMES) - len(PROBLEM_FEATURES), len(FEATURE_NAMES))
LEAST: Final = 100  # prompts; with fewer there is no such direction
ANSWERED: Final = 0.9  # of the prompts, by a model that is to count
PENALTY: Final = 100.0  # 30 to 300 did alike in cross-validation
FOLDS: Final = 5
DIVISIONS: Final = 10


def gaps(outcomes: Outcomes) -> Matrix:
    """[N]: how much better the stronger half of the models answered; NaN where not to be used."""
    gap = np.full(len(outcomes.ids), np.nan)
    rows = np.flatnonzero(np.array(outcomes.tasks) == WORD_PROBLEMS)
    if len(rows) < LEAST:
        return gap
    scores = outcomes.by_model[rows].astype(np.float64)
    scores = scores[:, np.isfinite(scores).mean(axis=0) >= ANSWERED]
    if scores.shape[1] < 2:
        return gap
    by_skill = scores[:, np.argsort(np.nanmean(scores, axis=0), kind="stable")]
    half = by_skill.shape[1] // 2
    weaker, stronger = by_skill[:, :half], by_skill[:, half:]
    known = np.isfinite(weaker).any(axis=1) & np.isfinite(stronger).any(axis=1)
    gap[rows[known]] = np.nanmean(stronger[known], axis=1) - np.nanmean(weaker[known], axis=1)
    return gap


def fit_direction(lexical: NDArray[np.float32], gap: Matrix) -> Matrix:
    """Weights of PROBLEM_FEATURES: mean 0 and deviation 1 over the word problems with a gap.

    All zero where there are fewer than LEAST of them.
    """
    features = lexical[:, COLUMNS].astype(np.float64)
    rows = (features[:, 0] > 0) & np.isfinite(gap)
    if rows.sum() < LEAST:
        return np.zeros(len(PROBLEM_FEATURES))
    counts = features[rows, 1:]
    spread = np.maximum(counts.std(axis=0), 1e-6)
    standard = (counts - counts.mean(axis=0)) / spread
    left = standard.T @ standard + PENALTY * np.eye(standard.shape[1])
    weights = np.linalg.solve(left, standard.T @ (gap[rows] - gap[rows].mean())) / spread
    scale = 1 / max((counts @ weights).std(), 1e-9)
    direction: Matrix = np.append(-counts.mean(axis=0) @ weights, weights) * scale
    return direction


def cross_validated(lexical: NDArray[np.float32], gap: Matrix, seed: int) -> tuple[int, float]:
    """How many word problems there are, and how the direction fitted on others of them correlates
    with the gap: 0.0 where there are too few, or all gaps are alike."""
    rows = np.flatnonzero((lexical[:, COLUMNS.start] > 0) & np.isfinite(gap))
    if len(rows) < 2 * LEAST or np.ptp(gap[rows]) == 0:
        return len(rows), 0.0
    random, correlations = np.random.default_rng(seed), []
    for _ in range(DIVISIONS):
        fold, forecast = random.integers(0, FOLDS, len(rows)), np.empty(len(rows))
        for number in range(FOLDS):
            inside, outside = rows[fold != number], rows[fold == number]
            weights = fit_direction(lexical[inside], gap[inside])
            forecast[fold == number] = lexical[outside, COLUMNS] @ weights
        correlations.append(np.corrcoef(forecast, gap[rows])[0, 1])
    return len(rows), float(np.mean(correlations))
