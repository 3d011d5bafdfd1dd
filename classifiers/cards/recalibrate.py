"""The guard of the loop: a refitted card replaces the running one only when it is really better.

It must forecast held-back outcomes better by more than the noise.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from classifiers.cards.ability import Ability
from classifiers.cards.fit_card import fit_card
from classifiers.cards.metrics import log_loss
from classifiers.cards.observations import Observations, TooFewOutcomes, splits, weighted_mean

FOLDS: Final = 3
CERTAIN: Final = 1.645  # standard errors by which a new card must be better: one chance in twenty
LEAST_TO_RECALIBRATE: Final = 45  # two thirds of them fit a card, and the others judge it


@dataclass(frozen=True, slots=True)
class Refit:
    """Whether `card` should replace the running one, and why.

    `gain` is the mean fall of the log loss on held-back outcomes, in nats; `noise` is what it
    must exceed.
    """

    card: Ability
    promoted: bool
    gain: float
    noise: float
    reason: str


def recalibrate(running: Ability, observed: Observations, *, date: str, seed: int = 0) -> Refit:
    """Refit the running card and decide whether the new one may replace it.

    Every outcome is forecast by a card that was fitted without it, penalties included.
    TooFewOutcomes below LEAST_TO_RECALIBRATE.
    """
    if observed.size < LEAST_TO_RECALIBRATE:
        raise TooFewOutcomes(f"{observed.size} outcomes are too few to judge a card on")
    gains = np.empty(observed.size)
    for inside, outside in splits(observed.size, FOLDS, seed + 1):
        new = fit_card(running, observed.take(inside), date=date, seed=seed)
        held = observed.take(outside)
        gains[outside] = log_loss(
            running.probabilities(held.z, held.embedding), held.scores
        ) - log_loss(new.probabilities(held.z, held.embedding), held.scores)
    gain = weighted_mean(gains, observed.weights)
    share = observed.weights / observed.weights.sum()
    noise = CERTAIN * float(np.sqrt((share**2 * (gains - gain) ** 2).sum()))
    card = fit_card(running, observed, date=date, seed=seed)
    promoted = gain > noise
    words = "is" if promoted else "is not"
    reason = (
        f"held back in turn, {observed.size} outcomes: log loss {words} lower beyond the noise, "
        f"{gain:+.4f} nats against {noise:.4f}"
    )
    return Refit(card, promoted, gain, noise, reason)
