"""Fit an ability card on outcomes: what training, `turnout calibrate` and the loop share.

A card's forecast is corrected in three layers, each held back by a prior that trusts the card it
starts from: intercept and slope (a hundred outcomes are plenty), the other numbers in z, and what
is near in the embedding, by kernel ridge regression on centers among the outcomes. How far the last
may go is decided by cross-validation on the outcomes themselves: the fits under several penalties
are averaged, each with a weight that falls with its loss, so that luck in choosing one does little
harm. The text of the prompts is not needed: z and embedding are enough.

The constants were chosen on the training data alone (`python -m classifiers episodes`), by
playing a new domain: a source is kept out of the trunk, a few of its outcomes fit a card, the rest
of it is forecast.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from classifiers.cards.ability import Ability
from classifiers.cards.correction import Design
from classifiers.cards.metrics import adaptive_ece, brier, log_loss
from classifiers.cards.observations import Observations, TooFewOutcomes, splits, weighted_mean
from classifiers.cards.rbf import centers_among

Vector = NDArray[np.float64]

LEAST_FOR_RBF: Final = 200
FOLDS: Final = 5
TEMPERATURE: Final = 4.0  # nats of cross-validated loss that cost a fit two thirds of its weight
LEAST_OUTCOMES: Final = 30  # fewer say nothing about calibration


def fit_card(
    base: Ability, observed: Observations, *, date: str, name: str | None = None, seed: int = 0
) -> Ability:
    """A card for `name` (default: the base's) fitted on outcomes, starting from `base`.

    Its record holds Brier score, calibration error and log loss from cross-validation, beside the
    base's own on the same outcomes. TooFewOutcomes below LEAST_OUTCOMES.
    """
    if observed.size < LEAST_OUTCOMES:
        raise TooFewOutcomes(
            f"{observed.size} outcomes are too few to fit a card: it takes at least "
            f"{LEAST_OUTCOMES}; from 200 on the card also learns what this traffic is like, and "
            "1,500 are plenty."
        )
    enough = observed.size >= LEAST_FOR_RBF
    centers = centers_among(observed.embedding, seed=seed) if enough else None
    design = Design.of(base, observed.z, observed.embedding, centers)
    shares, forecast = _weigh(design, observed, seed)
    fitted = design.card(shares @ design.path(observed.scores, observed.weights))
    before = base.probabilities(observed.z, observed.embedding).astype(np.float64)
    record: Mapping[str, Any] = {
        "date": date,
        "base": base.name,
        "correction": _named(shares, centers),
        "kept": round(float(shares[0]), 3),  # the base's own share in the average
        "brier": round(brier(forecast, observed.scores), 4),
        "ece": round(adaptive_ece(forecast, observed.scores), 4),
        "log_loss": round(weighted_mean(log_loss(forecast, observed.scores), observed.weights), 4),
        "brier_before": round(brier(before, observed.scores), 4),
        "ece_before": round(adaptive_ece(before, observed.scores), 4),
        "log_loss_before": round(
            weighted_mean(log_loss(before, observed.scores), observed.weights), 4
        ),
    }
    return replace(fitted, name=name or base.name, outcomes=observed.size, fitted=record)


def nearest(cards: Mapping[str, Ability], name: str, observed: Observations) -> Ability:
    """The card to start from: the one of that name, else the one nearest to the outcomes.

    Nearest means the least log loss once its intercept and slope are refitted.
    """
    if name in cards:
        return cards[name]
    losses = {}
    for card in cards.values():
        design = Design.of(card, observed.z, observed.embedding, None)
        p = design.forecast(design.path(observed.scores, observed.weights)[-1])
        losses[card.name] = weighted_mean(log_loss(p, observed.scores), observed.weights)
    return cards[min(losses, key=losses.__getitem__)]


def _named(shares: Vector, centers: object) -> str:
    if centers is None:
        return "intercept, slope and z"
    return f"what is near, {shares[2:].sum():.0%}"


def _weigh(design: Design, observed: Observations, seed: int) -> tuple[Vector, Vector]:
    """The weight of every penalty by its cross-validated log loss; the forecasts they give."""
    folds = []
    for inside, outside in splits(observed.size, FOLDS, seed):
        path = design.take(inside).path(observed.scores[inside], observed.weights[inside])
        folds.append((path, design.take(outside), outside))
    losses = np.zeros(len(folds[0][0]))
    for path, rest, outside in folds:
        for index, solution in enumerate(path):
            loss = log_loss(rest.forecast(solution), observed.scores[outside])
            losses[index] += loss @ observed.weights[outside]
    shares = np.exp((losses.min() - losses) / TEMPERATURE)
    shares /= shares.sum()
    forecast = np.empty(observed.size)
    for path, rest, outside in folds:
        forecast[outside] = rest.forecast(shares @ path)
    return shares, forecast
