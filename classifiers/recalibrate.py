"""Refit an ability card on outcomes: what `turnout calibrate` and `turnout recalibrate` share.

A card's forecast is corrected in three layers, each held back by a prior that trusts the card it
starts from: intercept and slope (a hundred outcomes are plenty), the other numbers in z, and a
smooth correction that is linear in the embedding, which means kernel ridge regression. How far
the last may go is decided by cross-validation on the outcomes themselves; with few outcomes it
comes out as not at all. The text of the prompts is not needed: z and embedding are enough.

`recalibrate` adds the guard of the loop: the new card replaces the running one only when it
forecasts held-back outcomes better by more than the noise.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from classifiers.ability import Ability
from classifiers.logistic import fit_logistic
from classifiers.metrics import brier, ece, log_loss

Vector = NDArray[np.float64]

SLOPE_PENALTY: Final = 10.0
INTERCEPT_PENALTY: Final = 0.5
Z_PENALTY: Final = 30.0
EMBEDDING_PENALTIES: Final = (1e6, 20.0, 6.0, 2.4, 1.2, 0.6)  # the first: no correction at all
CAUTION: Final = 0.5  # standard errors a more cautious penalty may cost
LEAST_FOR_EMBEDDING: Final = 200
FOLDS: Final = 5
CERTAIN: Final = 1.645  # standard errors by which a new card must be better: one chance in twenty
LEAST_OUTCOMES: Final = 30  # fewer say nothing about calibration
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
            "200 are a good start, and from 500 on the card learns what this traffic is like."
        )
    design = _Design.of(base, seen)
    penalty, forecast = _choose(design, seen, seed)
    fitted = design.card(base, _solve(design, seen, penalty))
    before = base.probabilities(seen.z, seen.embedding).astype(np.float64)
    record: Mapping[str, Any] = {
        "date": date,
        "base": base.name,
        "correction": "none" if penalty == EMBEDDING_PENALTIES[0] else f"ridge {penalty:g}",
        "brier": round(brier(forecast, seen.scores), 4),
        "ece": round(ece(forecast, seen.scores), 4),
        "log_loss": round(_mean(log_loss(forecast, seen.scores), seen.weights), 4),
        "brier_before": round(brier(before, seen.scores), 4),
        "ece_before": round(ece(before, seen.scores), 4),
        "log_loss_before": round(_mean(log_loss(before, seen.scores), seen.weights), 4),
    }
    return replace(fitted, name=name or base.name, outcomes=seen.size, fitted=record)


def recalibrate(running: Ability, seen: Observations, *, date: str, seed: int = 0) -> Verdict:
    """Refit the running card and decide whether the new one may replace it.

    Every outcome is forecast by a card that was fitted without it, penalties included.
    """
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
        design = _Design.of(card, seen)
        found = _solve(design, seen, EMBEDDING_PENALTIES[0])
        p = design.forecast(found)
        losses[card.name] = _mean(log_loss(p, seen.scores), seen.weights)
    return cards[min(losses, key=losses.__getitem__)]


@dataclass(frozen=True, slots=True, eq=False)
class _Design:
    """The columns of the regression: the base's logit, one, z, and the centred embedding."""

    columns: Vector
    offset: Vector
    middle: Vector
    z_size: int

    @classmethod
    def of(cls, base: Ability, seen: Observations) -> "_Design":
        logits = base.logits(seen.z, seen.embedding).astype(np.float64)
        middle = seen.embedding.mean(axis=0, dtype=np.float64)
        columns = np.column_stack(
            [logits, np.ones(seen.size), seen.z.astype(np.float64), seen.embedding - middle]
        )
        return cls(columns, logits, middle, seen.z.shape[1])

    def take(self, rows: NDArray[Any]) -> "_Design":
        return _Design(self.columns[rows], self.offset[rows], self.middle, self.z_size)

    def penalties(self, embedding: float) -> Vector:
        penalty = np.full(self.columns.shape[1], embedding)
        penalty[: self.z_size + 2] = Z_PENALTY
        penalty[:2] = SLOPE_PENALTY, INTERCEPT_PENALTY
        return penalty

    def forecast(self, found: Vector) -> Vector:
        logits = np.clip(self.offset + self.columns @ found, -30, 30)
        p: Vector = 1 / (1 + np.exp(-logits))
        return p

    def card(self, base: Ability, found: Vector) -> Ability:
        """Fold the correction into the base's numbers."""
        slope, intercept = 1 + found[0], found[1]
        z, embedding = found[2 : 2 + self.z_size], found[2 + self.z_size :]
        old = 0.0 if base.residual is None else base.residual
        return replace(
            base,
            a=(slope * base.a + z).astype(np.float32),
            b=float(slope * base.b + intercept - embedding @ self.middle),
            residual=(slope * old + embedding).astype(np.float32),
        )


def _solve(
    design: _Design, seen: Observations, penalty: float, start: Vector | None = None
) -> Vector:
    return fit_logistic(
        design.columns,
        seen.scores,
        offset=design.offset,
        penalty=design.penalties(penalty),
        weights=seen.weights,
        start=start,
    )


def _choose(design: _Design, seen: Observations, seed: int) -> tuple[float, Vector]:
    """The penalty with the least cross-validated log loss, and the forecasts it gave."""
    few = seen.size < LEAST_FOR_EMBEDDING
    penalties = EMBEDDING_PENALTIES[:1] if few else EMBEDDING_PENALTIES
    forecasts = np.empty((len(penalties), seen.size))
    for inside, outside in _splits(seen.size, FOLDS, seed):
        part, rows, rest = design.take(inside), seen.take(inside), design.take(outside)
        found = None
        for index, penalty in enumerate(penalties):
            found = _solve(part, rows, penalty, found)
            forecasts[index, outside] = rest.forecast(found)
    chosen = _most_cautious(np.array([log_loss(p, seen.scores) for p in forecasts]), seen.weights)
    return penalties[chosen], forecasts[chosen]


def _most_cautious(losses: Vector, weights: Vector) -> int:
    """The first (largest) penalty that is worse than the best by less than CAUTION of its noise."""
    share = weights / weights.sum()
    best = int(np.argmin(losses @ share))
    for index, loss in enumerate(losses[:best]):
        worse = loss - losses[best]
        mean = float(worse @ share)
        if mean <= CAUTION * float(np.sqrt((share**2 * (worse - mean) ** 2).sum())):
            return index
    return best


def _splits(
    size: int, folds: int, seed: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    order = np.random.default_rng(seed).permutation(size)
    for part in np.array_split(order, folds):
        yield np.setdiff1d(order, part), np.sort(part)


def _mean(values: Vector, weights: Vector) -> float:
    return float((values * weights).sum() / weights.sum())
