"""What the trunk learns to say of a prompt: smoothed successes instead of single coin tosses.

A class's score on one prompt may rest on a single answer of a single model. The other models'
answers to the same prompt tell how hard it is, so each score is mixed with what a one-dimensional
item response model (a difficulty per prompt, a skill and a sharpness per model) makes of all of
them. Only the training targets are smoothed: cards are fitted, and everything is measured, on
scores as they are.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from classifiers.training.dataset import CLASSES, Outcomes

Matrix = NDArray[np.float64]

ROUNDS: Final = 60
SMOOTHED: Final = 0.6  # share of the smoothed score; 0.5 to 0.7 did alike in cross-validation
SINGLE_MODELS: Final = 12  # whose success the trunk also learns to foretell
TARGETS: Final = len(CLASSES) + 1 + SINGLE_MODELS


def targets(outcomes: Outcomes) -> Matrix:
    """[N, TARGETS]: the classes, ease over all models, and the models asked most; NaN unknown."""
    given = outcomes.by_model.astype(np.float64)
    expected = expected_scores(given)
    known = np.isfinite(given)
    columns = [
        _mixed(outcomes.by_class[:, index], expected, known & outcomes.members(name))
        for index, name in enumerate(CLASSES)
    ]
    surprise = np.where(known, given - np.nanmean(given, axis=0), 0.0).sum(axis=1)
    columns.append(np.clip(surprise / known.sum(axis=1) + 0.5, 0, 1))
    for model in np.argsort(-known.sum(axis=0), kind="stable")[:SINGLE_MODELS]:
        mixed = SMOOTHED * expected[:, model] + (1 - SMOOTHED) * given[:, model]
        columns.append(mixed)
    return np.column_stack(columns)


def expected_scores(given: Matrix, *, rounds: int = ROUNDS) -> Matrix:
    """P(model m solves prompt i) under sigmoid(a_m d_i + b_m), for every pair; d_i ~ N(0, 1)."""
    known = np.isfinite(given)
    scores = np.where(known, given, 0.0)
    centred = np.where(known, given - np.nanmean(given, axis=0), 0.0)
    ease = 3 * centred.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    sharp, skill = np.ones(given.shape[1]), np.zeros(given.shape[1])
    for _ in range(rounds):
        p, bend = _forecast(ease, sharp, skill, known)
        slope = np.where(known, scores - p, 0.0) @ sharp - ease
        ease += slope / (bend @ sharp**2 + 1.0)
        p, bend = _forecast(ease, sharp, skill, known)
        error = np.where(known, scores - p, 0.0)
        sharp += 0.7 * (error.T @ ease - 5 * (sharp - 1)) / (bend.T @ ease**2 + 5)
        skill += 0.7 * (error.sum(axis=0) - 0.1 * skill) / (bend.sum(axis=0) + 0.1)
    return _forecast(ease, sharp, skill, known)[0]


def _forecast(
    ease: Matrix, sharp: Matrix, skill: Matrix, known: NDArray[np.bool_]
) -> tuple[Matrix, Matrix]:
    p = 1 / (1 + np.exp(-(np.outer(ease, sharp) + skill)))
    return p, np.where(known, p * (1 - p), 0.0)


def _mixed(score: NDArray[np.float32], expected: Matrix, asked: NDArray[np.bool_]) -> Matrix:
    count = asked.sum(axis=1)
    smooth = np.where(asked, expected, 0.0).sum(axis=1) / np.maximum(count, 1)
    mixed: Matrix = SMOOTHED * smooth + (1 - SMOOTHED) * score
    return mixed
