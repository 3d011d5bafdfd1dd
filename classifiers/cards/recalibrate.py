"""Refit an ability card on outcomes: what `turnout calibrate` and `turnout recalibrate` share.

A card's forecast is corrected in three layers, each held back by a prior that trusts the card it
starts from: intercept and slope (a hundred outcomes are plenty), the other numbers in z, and what
is near in the embedding, by kernel ridge regression on places among the outcomes. How far the last
may go is decided by cross-validation on the outcomes themselves: the fits under several penalties
are averaged, each with a weight that falls with its loss, so that luck in choosing one does little
harm. The text of the prompts is not needed: z and embedding are enough.

The constants were chosen on the training data alone (`python -m classifiers episodes`), by
playing a new domain: a source is kept out of the trunk, a few of its outcomes fit a card, the rest
of it is forecast.

`recalibrate` adds the guard of the loop: the new card replaces the running one only when it
forecasts held-back outcomes better by more than the noise.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from classifiers.cards.ability import Ability
from classifiers.cards.correction import Design
from classifiers.cards.metrics import adaptive_ece, brier, log_loss
from classifiers.cards.rbf import places_among

Vector = NDArray[np.float64]

LEAST_FOR_NEARBY: Final = 200
FOLDS: Final = 5
TEMPERATURE: Final = 4.0  # nats of cross-validated loss that cost a fit two thirds of its weight
CERTAIN: Final = 1.645  # standard errors by which a new card must be better: one chance in twenty
LEAST_OUTCOMES: Final = 30  # fewer say nothing about calibration
LEAST_TO_RECALIBRATE: Final = 45  # two thirds of them fit a card, and the others judge it
MOST_OUTCOMES: Final = 5_000  # the latest are kept: more take minutes and tell little more


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Outcomes as numbers: z [N, Z], embedding [N, E], scores [N] in 0..1, weights [N]."""

    z: NDArray[np.float32]
    embedding: NDArray[np.float32]
    scores: Vector
    weights: Vector

    @property
    def size(self) -> int:
        """How many outcomes."""
        return len(self.scores)

    def take(self, rows: NDArray[Any]) -> "Observations":
        """The outcomes at these positions."""
        return Observations(
            self.z[rows], self.embedding[rows], self.scores[rows], self.weights[rows]
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether `card` should replace the running one, and why.

    `gain` is the mean fall of the log loss on held-back outcomes, in nats; `noise` is what it
    must exceed.
    """

    card: Ability
    promoted: bool
    gain: float
    noise: float
    reason: str


class TooFewOutcomes(ValueError):
    """There are not enough outcomes to say anything."""


def observe(
    z: NDArray[np.floating],
    embedding: NDArray[np.floating],
    scores: Sequence[float],
    weights: Sequence[float] | None = None,
) -> Observations:
    """Check and join columns; ValueError when scores leave 0..1 or lengths differ."""
    truth = np.asarray(scores, dtype=np.float64)
    if not (len(z) == len(embedding) == len(truth)):
        raise ValueError("z, embedding and scores must have one row per outcome")
    if not ((truth >= 0) & (truth <= 1)).all():
        raise ValueError("every score must lie between 0 and 1")
    weight = np.ones(len(truth)) if weights is None else np.asarray(weights, dtype=np.float64)
    kept = slice(-MOST_OUTCOMES, None)
    return Observations(
        z[kept].astype(np.float32), embedding[kept].astype(np.float32), truth[kept], weight[kept]
    )


def fit_card(
    base: Ability, seen: Observations, *, date: str, name: str | None = None, seed: int = 0
) -> Ability:
    """A card for `name` (default: the base's) fitted on outcomes, starting from `base`.

    Its record holds Brier score, calibration error and log loss from cross-validation, beside the
    base's own on the same outcomes. TooFewOutcomes below LEAST_OUTCOMES.
    """
    if seen.size < LEAST_OUTCOMES:
        raise TooFewOutcomes(
            f"{seen.size} outcomes are too few to fit a card: it takes at least {LEAST_OUTCOMES}; "
            "from 200 on the card also learns what this traffic is like, and 1,500 are plenty."
        )
    enough = seen.size >= LEAST_FOR_NEARBY
    places = places_among(seen.embedding, seed=seed) if enough else None
    design = Design.of(base, seen.z, seen.embedding, places)
    shares, forecast = _weigh(design, seen, seed)
    fitted = design.card(shares @ design.path(seen.scores, seen.weights))
    before = base.probabilities(seen.z, seen.embedding).astype(np.float64)
    record: Mapping[str, Any] = {
        "date": date,
        "base": base.name,
        "correction": _named(shares, places),
        "kept": round(float(shares[0]), 3),  # the base's own share in the average
        "brier": round(brier(forecast, seen.scores), 4),
        "ece": round(adaptive_ece(forecast, seen.scores), 4),
        "log_loss": round(_mean(log_loss(forecast, seen.scores), seen.weights), 4),
        "brier_before": round(brier(before, seen.scores), 4),
        "ece_before": round(adaptive_ece(before, seen.scores), 4),
        "log_loss_before": round(_mean(log_loss(before, seen.scores), seen.weights), 4),
    }
    return replace(fitted, name=name or base.name, outcomes=seen.size, fitted=record)


def recalibrate(running: Ability, seen: Observations, *, date: str, seed: int = 0) -> Verdict:
    """Refit the running card and decide whether the new one may replace it.

    Every outcome is forecast by a card that was fitted without it, penalties included.
    TooFewOutcomes below LEAST_TO_RECALIBRATE.
    """
    if seen.size < LEAST_TO_RECALIBRATE:
        raise TooFewOutcomes(f"{seen.size} outcomes are too few to judge a card on")
    gains = np.empty(seen.size)
    for inside, outside in _splits(seen.size, FOLDS - 2, seed + 1):
        new = fit_card(running, seen.take(inside), date=date, seed=seed)
        held = seen.take(outside)
        gains[outside] = log_loss(
            running.probabilities(held.z, held.embedding), held.scores
        ) - log_loss(new.probabilities(held.z, held.embedding), held.scores)
    gain = _mean(gains, seen.weights)
    share = seen.weights / seen.weights.sum()
    noise = CERTAIN * float(np.sqrt((share**2 * (gains - gain) ** 2).sum()))
    card = fit_card(running, seen, date=date, seed=seed)
    promoted = gain > noise
    words = "is" if promoted else "is not"
    reason = (
        f"held back in turn, {seen.size} outcomes: log loss {words} lower beyond the noise, "
        f"{gain:+.4f} nats against {noise:.4f}"
    )
    return Verdict(card, promoted, gain, noise, reason)


def nearest(cards: Mapping[str, Ability], name: str, seen: Observations) -> Ability:
    """The card to start from: the one of that name, else the one nearest to the outcomes.

    Nearest means the least log loss once its intercept and slope are refitted.
    """
    if name in cards:
        return cards[name]
    losses = {}
    for card in cards.values():
        design = Design.of(card, seen.z, seen.embedding, None)
        p = design.forecast(design.path(seen.scores, seen.weights)[-1])
        losses[card.name] = _mean(log_loss(p, seen.scores), seen.weights)
    return cards[min(losses, key=losses.__getitem__)]


def _named(shares: Vector, places: object) -> str:
    if places is None:
        return "intercept, slope and z"
    return f"what is near, {shares[2:].sum():.0%}"


def _weigh(design: Design, seen: Observations, seed: int) -> tuple[Vector, Vector]:
    """The weight of every penalty by its cross-validated log loss; the forecasts they give."""
    folds = []
    for inside, outside in _splits(seen.size, FOLDS, seed):
        path = design.take(inside).path(seen.scores[inside], seen.weights[inside])
        folds.append((path, design.take(outside), outside))
    losses = np.zeros(len(folds[0][0]))
    for path, rest, outside in folds:
        for index, found in enumerate(path):
            loss = log_loss(rest.forecast(found), seen.scores[outside])
            losses[index] += loss @ seen.weights[outside]
    shares = np.exp((losses.min() - losses) / TEMPERATURE)
    shares /= shares.sum()
    forecast = np.empty(seen.size)
    for path, rest, outside in folds:
        forecast[outside] = rest.forecast(shares @ path)
    return shares, forecast


def _splits(
    size: int, folds: int, seed: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    order = np.random.default_rng(seed).permutation(size)
    for part in np.array_split(order, folds):
        yield np.setdiff1d(order, part), np.sort(part)


def _mean(values: Vector, weights: Vector) -> float:
    return float((values * weights).sum() / weights.sum())
