"""Ability cards: what one kind of backend can do, as a few numbers on top of the trunk.

    P(success) = sigmoid(a . z + b + rbf(embedding))

A card is fitted by training, by `turnout calibrate` or by `turnout recalibrate`, and records how
many outcomes it rests on and how well calibrated it was on outcomes it had not seen. `rbf` is
absent until a card has seen enough outcomes of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from classifiers.cards.rbf import RadialBasis

LOGIT_LIMIT: Final = 8.0  # no card claims more certainty than 0.9997

Vector = NDArray[np.float32]

_LOW: Final = np.float32(-LOGIT_LIMIT)
_HIGH: Final = np.float32(LOGIT_LIMIT)
_ONE: Final = np.float32(1)


@dataclass(frozen=True, slots=True, eq=False)
class Ability:
    """One card, ready to score. `classifier` names the trunk whose z and embedding it reads."""

    name: str
    classifier: str
    a: Vector
    b: float
    rbf: RadialBasis | None = None
    outcomes: int = 0
    fitted: Mapping[str, Any] = field(default_factory=dict)  # date, Brier score, ECE, base, ...

    def logits(self, z: Vector, embedding: Vector) -> Vector:
        """One logit per row of z [B, Z] and embedding [B, E], within +-LOGIT_LIMIT."""
        raw = z @ self.a + np.float32(self.b)
        if self.rbf is not None:
            raw = raw + self.rbf.logits(embedding)
        clipped: Vector = np.clip(raw, -LOGIT_LIMIT, LOGIT_LIMIT)
        return clipped

    def probabilities(self, z: Vector, embedding: Vector) -> Vector:
        """P(success) per row."""
        return sigmoid(self.logits(z, embedding))


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """Several cards side by side: a [Z, C], b [C]; one product scores them all.

    `rbf` joins the centers of all cards; its weights [M, C] are zero for centers of another card.
    """

    a: Vector
    b: Vector
    rbf: RadialBasis | None

    @classmethod
    def of(cls, cards: Sequence[Ability]) -> "Heads":
        """Join cards of one trunk."""
        return cls(
            np.array([card.a for card in cards], dtype=np.float32).T,
            np.array([card.b for card in cards], dtype=np.float32),
            _joined([card.rbf for card in cards]),
        )

    def probabilities(self, z: Vector, embedding: Vector) -> Vector:
        """P(success) [N, C], one column per card in the order given."""
        raw: Vector = z @ self.a
        raw += self.b
        if self.rbf is not None:
            raw += self.rbf.logits(embedding)
        np.maximum(raw, _LOW, out=raw)
        np.minimum(raw, _HIGH, out=raw)
        np.exp(np.negative(raw, out=raw), out=raw)
        raw += _ONE
        return np.reciprocal(raw, out=raw)


def _joined(cards: Sequence[RadialBasis | None]) -> RadialBasis | None:
    """The centers of all cards under one another, and weights with one column per card."""
    if not any(cards):
        return None
    centers = [card.centers for card in cards if card is not None]
    weights = np.zeros((sum(map(len, centers)), len(cards)), dtype=np.float32)
    row = 0
    for column, card in enumerate(cards):
        if card is not None:
            weights[row : row + len(card.centers), column] = card.weights
            row += len(card.centers)
    return RadialBasis(np.concatenate(centers), weights)


def sigmoid(logits: Vector) -> Vector:
    """Logits to probabilities."""
    scaled: Vector = np.reciprocal(1 + np.exp(-logits), dtype=np.float32)
    return scaled
