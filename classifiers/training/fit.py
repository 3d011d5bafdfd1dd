"""Fit the trunk and its shipped abilities on encoded prompts."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge

from classifiers.features import encode
from classifiers.hand import HAND_FEATURES
from classifiers.prompt import prompt_of_text
from classifiers.training.export import HAND_LIMIT, TrunkWeights
from classifiers.training.table import WordTable

Matrix = NDArray[np.float32]
Z_SIZE: Final = 16


def raw_inputs(texts: Sequence[str], table: WordTable) -> tuple[Matrix, Matrix]:
    """The bag [N, D] and the hand features [N, F] of texts, as the graph will see them."""
    bags = np.empty((len(texts), table.steps.shape[1]), dtype=np.float32)
    hands = np.empty((len(texts), len(HAND_FEATURES)), dtype=np.float32)
    for row, text in enumerate(texts):
        batch = encode([prompt_of_text(text)])
        bags[row] = batch.weights[0] @ table.steps[batch.ids[0]].astype(np.float32)
        hands[row] = batch.hand[0]
    return bags * table.scale, hands


def fit_trunk(table: WordTable, bags: Matrix, hands: Matrix, by_model: Matrix) -> TrunkWeights:
    """One ridge regression per model asked, reduced to its Z_SIZE main directions."""
    mean, deviation = hands.mean(axis=0), hands.std(axis=0)
    hand_scale = np.where(deviation > 1e-6, 1 / np.maximum(deviation, 1e-6), 0.0)
    spread = bags.std(axis=0).mean()
    table = WordTable(table.steps, (table.scale / spread * 0.5).astype(np.float32))
    inputs = np.hstack(
        [bags / spread * 0.5, np.clip((hands - mean) * hand_scale, -HAND_LIMIT, HAND_LIMIT)]
    )
    columns = []
    for scores in by_model.T:
        asked = np.isfinite(scores)
        if asked.sum() >= 300:
            ridge = Ridge(alpha=300.0).fit(inputs[asked], scores[asked])
            columns.append(ridge.coef_ * asked.mean())
    _, _, directions = np.linalg.svd(np.array(columns), full_matrices=False)
    out = directions[:Z_SIZE].T
    z = inputs @ out
    scale = 1 / z.std(axis=0)
    return TrunkWeights(
        table=table.steps,
        scale=table.scale,
        hand_mean=mean.astype(np.float32),
        hand_scale=hand_scale.astype(np.float32),
        out=(out * scale).astype(np.float32),
        bias=(-z.mean(axis=0) * scale).astype(np.float32),
    )


def fit_head(z: Matrix, scores: Matrix) -> tuple[Matrix, float]:
    """Logistic head (a, b) on fractional scores; rows without a score are left out."""
    asked = np.isfinite(scores)
    x, y = z[asked], scores[asked]
    head = LogisticRegression(C=0.1, max_iter=500)
    head.fit(
        np.vstack([x, x]),
        np.r_[np.ones(len(y)), np.zeros(len(y))],
        sample_weight=np.r_[y, 1 - y],
    )
    return head.coef_[0].astype(np.float32), float(head.intercept_[0])
