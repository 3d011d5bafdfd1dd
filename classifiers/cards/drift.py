"""Whether a card still tells the truth: calibration error on recent outcomes, against chance.

Even a perfect card shows some calibration error on few outcomes. So the error is compared with
what it would be if every probability were exactly right, by drawing outcomes from them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from classifiers.cards.metrics import adaptive_ece

DRAWS: Final = 200
ALARM_EXCESS: Final = 0.03  # smaller errors than this change no decision
LEAST: Final = 50


@dataclass(frozen=True, slots=True)
class CalibrationDrift:
    """`error` is the expected calibration error seen, `chance` its 95 % bound for a true card.

    `bias` is mean forecast minus mean outcome: above zero the card promises too much.
    """

    outcomes: int
    error: float
    chance: float
    bias: float

    @property
    def alarm(self) -> bool:
        """The error is beyond chance, and large enough to matter."""
        return self.outcomes >= LEAST and self.error > self.chance and self.excess > ALARM_EXCESS

    @property
    def excess(self) -> float:
        """How far the error lies beyond chance; at least 0."""
        return max(0.0, self.error - self.chance)


def drift(
    probabilities: NDArray[np.floating], scores: NDArray[np.floating], *, seed: int = 0
) -> CalibrationDrift:
    """Compare forecasts with the scores that came; all zero without outcomes."""
    if not len(scores):
        return CalibrationDrift(0, 0.0, 0.0, 0.0)
    random = np.random.default_rng(seed)
    drawn = random.random((DRAWS, len(scores))) < probabilities
    chance = np.quantile([adaptive_ece(probabilities, row) for row in drawn.astype(float)], 0.95)
    bias = float(np.mean(probabilities) - np.mean(scores))
    return CalibrationDrift(len(scores), adaptive_ece(probabilities, scores), float(chance), bias)
