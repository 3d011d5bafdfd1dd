"""The sections of an evaluation; each gives lines with targets, baselines and intervals."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from classifiers.cards.ability import Ability
from classifiers.cards.drift import drift
from classifiers.cards.fit_card import fit_card
from classifiers.cards.metrics import adaptive_ece, apgr, auc, brier, cpt, debiased_ece, ece
from classifiers.cards.observations import observe
from classifiers.training.dataset import CLASSES
from classifiers.training.forecasts import LengthAlone, Readings
from classifiers.training.report import Measurement, measured
from classifiers.training.routing import curve, quality_at, static_at

Vector = NDArray[np.float64]
Cards = Mapping[str, Ability]
Lengths = Mapping[str, LengthAlone]

AUC_TARGETS: Final = {"local": ">=0.75", "moe": ">=0.755", "premium": ">=0.765"}
BUDGETS: Final = {0.3: ">=0.04", 0.5: ">=0.06"}
DATE: Final = "evaluation"
FOLDS: Final = 10
DIVISIONS: Final = range(20)  # seeds: which prompt falls into which fold moves the error by 0.01
RECALIBRATED: Final = "recalibrated on other prompts of valid"


def ranking(valid: Readings, cards: Cards, lengths: Lengths) -> Iterator[Measurement]:
    """AUC, Brier score and calibration error of each shipped ability on `valid`."""
    random = np.random.default_rng(11)
    for column, name in enumerate(CLASSES):
        truth = valid.outcomes.by_class[:, column]
        rows = np.flatnonzero(np.isfinite(truth))
        y = truth[rows].astype(np.float64)
        p, base = valid.forecast(cards[name])[rows], lengths[name].forecast(valid.length)[rows]
        shuffled = random.permutation(p)
        section = "prompts like the training data (valid)"
        for what, forecast, target in (
            ("classifier", p, AUC_TARGETS[name]),
            ("length alone", base, ""),
            ("shuffled control", shuffled, ""),
        ):
            yield measured(
                section, f"AUC {name}", what, _on(auc, forecast, y), len(y), target=target
            )
        for what, forecast in (("classifier", p), ("length alone", base)):
            yield measured(section, f"Brier {name}", what, _on(brier, forecast, y), len(y))
        forecasts = _calibrated(valid, rows, y, cards[name], base)
        yield from _calibration(section, name, forecasts, y)


def _calibrated(
    valid: Readings, rows: NDArray[np.intp], y: Vector, card: Ability, base: Vector
) -> dict[str, list[Vector]]:
    """Forecasts per contender; several where chance divides the prompts into folds."""
    return {
        "classifier as shipped": [valid.forecast(card)[rows]],
        RECALIBRATED: [_cross_refitted(valid, rows, y, card, seed) for seed in DIVISIONS],
        "length alone": [base],
        "constant": [np.full(len(y), y.mean())],
    }


def _calibration(
    section: str, name: str, forecasts: Mapping[str, list[Vector]], y: Vector
) -> Iterator[Measurement]:
    for what, forecast in forecasts.items():
        target = "<=0.03" if what == RECALIBRATED else ""
        mean = partial(_mean_of, ece, forecast, y)
        yield measured(section, f"ECE {name}", what, mean, len(y), target=target)
        alike = partial(_mean_of, adaptive_ece, forecast, y)
        yield measured(section, f"adaptive ECE {name}", what, alike, len(y))
        if what != "constant":
            unbiased = partial(_mean_of, debiased_ece, forecast, y)
            yield measured(section, f"adaptive ECE {name}, less chance", what, unbiased, len(y))
    shipped = forecasts["classifier as shipped"][0]
    chance = drift(shipped, y).chance
    perfect = "perfect forecasts, 95 % bound by chance"
    yield Measurement(section, f"adaptive ECE {name}", perfect, chance, 0, chance)


def _mean_of(
    function: Callable[[Vector, Vector], float],
    forecasts: list[Vector],
    truth: Vector,
    rows: NDArray[np.intp],
) -> float:
    return float(np.mean([function(forecast[rows], truth[rows]) for forecast in forecasts]))


def _cross_refitted(
    valid: Readings, rows: NDArray[np.intp], y: Vector, card: Ability, seed: int
) -> Vector:
    """Every prompt forecast by a card refitted on the other nine tenths."""
    forecast = np.empty(len(rows))
    fold = np.random.default_rng(seed).integers(0, FOLDS, len(rows))
    for number in range(FOLDS):
        inside, outside = rows[fold != number], rows[fold == number]
        observed = observe(valid.z[inside], valid.embedding[inside], list(y[fold != number]))
        new = fit_card(card, observed, date=DATE)
        forecast[fold == number] = new.probabilities(valid.z[outside], valid.embedding[outside])
    return forecast


def three_classes(
    name: str, split: Readings, cards: Cards, lengths: Lengths, *, targets: bool
) -> Iterator[Measurement]:
    """Quality at shares of always-premium cost, above the best mixture that looks at nothing."""
    known = np.isfinite(split.outcomes.by_class).all(axis=1)
    truth = split.outcomes.by_class[known].astype(np.float64)
    ours = np.column_stack([split.forecast(cards[kind])[known] for kind in CLASSES])
    base = np.column_stack([lengths[kind].forecast(split.length)[known] for kind in CLASSES])
    shuffled = np.random.default_rng(5).permutation(ours)
    section = f"three classes, share of always-premium quality ({name})"
    for budget, target in BUDGETS.items():
        at = f"at {budget:.0%} of its cost"
        for what, forecast in (
            ("classifier", ours),
            ("length alone", base),
            ("shuffled control", shuffled),
            ("oracle", truth),
        ):
            yield measured(section, at, what, _quality(forecast, truth, budget), len(truth))
        yield measured(section, at, "static mixture", _static(truth, budget), len(truth))
        for what, forecast, goal in (
            ("classifier minus static mixture", ours, target if targets else ""),
            ("length alone minus static mixture", base, ""),
        ):
            gain = _gain(forecast, truth, budget)
            yield measured(section, at, what, gain, len(truth), target=goal)


def _quality(forecast: Vector, truth: Vector, budget: float) -> Callable[[NDArray[np.intp]], float]:
    return lambda rows: quality_at(*curve(forecast[rows], truth[rows]), budget)


def _static(truth: Vector, budget: float) -> Callable[[NDArray[np.intp]], float]:
    return lambda rows: static_at(truth[rows], budget)


def _gain(forecast: Vector, truth: Vector, budget: float) -> Callable[[NDArray[np.intp]], float]:
    def gain(rows: NDArray[np.intp]) -> float:
        reached = quality_at(*curve(forecast[rows], truth[rows]), budget)
        return reached - static_at(truth[rows], budget)

    return gain


def zero_shot(
    name: str, split: Readings, cards: Cards, weak: str = "moe", strong: str = "premium"
) -> Iterator[Measurement]:
    """APGR without a single label of this traffic, beside length alone and chance."""
    y = split.outcomes.by_class[:, [CLASSES.index(weak), CLASSES.index(strong)]]
    rows = np.flatnonzero(np.isfinite(y).all(axis=1))
    low, high = y[rows, 0].astype(np.float64), y[rows, 1].astype(np.float64)
    gap = (split.forecast(cards[strong]) - split.forecast(cards[weak]))[rows]
    section = f"zero-shot on unseen traffic, {weak} against {strong}"
    for what, preference in (
        ("classifier", gap),
        ("length alone", split.length[rows]),
        ("shuffled control", np.random.default_rng(5).permutation(gap)),
    ):
        yield measured(section, f"APGR {name}", what, _routed(preference, low, high), len(rows))


def _routed(preference: Vector, low: Vector, high: Vector) -> Callable[[NDArray[np.intp]], float]:
    return lambda rows: apgr(preference[rows], low[rows], high[rows])


def transfer(split: Readings, cards: Cards, lengths: Lengths) -> Iterator[Measurement]:
    """AUC on benchmarks of other makers, without labels."""
    for source in sorted(set(split.outcomes.sources)):
        mine = np.array([one == source for one in split.outcomes.sources])
        for column, name in enumerate(CLASSES):
            truth = split.outcomes.by_class[:, column]
            rows = np.flatnonzero(mine & np.isfinite(truth))
            y = truth[rows].astype(np.float64)
            section = "zero-shot on other makers' benchmarks (dev_transfer)"
            for what, forecast in (
                ("classifier", split.forecast(cards[name])),
                ("length alone", lengths[name].forecast(split.length)),
            ):
                title = f"AUC {name}, {source.removeprefix('routerbench_')}"
                yield measured(section, title, what, _on(auc, forecast[rows], y), len(y))


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """One draw: the prompts tried, and how much each contender wants the stronger backend."""

    rest: NDArray[np.intp]
    preferences: Mapping[str, Vector]


class FewLabels:
    """Cards refitted on `labels` outcomes drawn at random, tried on all other prompts."""

    def __init__(self, split: Readings, cards: Cards, labels: int, draws: int) -> None:
        weak, strong = CLASSES.index("moe"), CLASSES.index("premium")
        self.low = split.outcomes.by_class[:, weak].astype(np.float64)
        self.high = split.outcomes.by_class[:, strong].astype(np.float64)
        self.draws_made: list[Draw] = []
        for draw in range(draws):
            order = np.random.default_rng(draw).permutation(len(self.low))
            drawn, rest = order[:labels], order[labels:]
            gap, base = np.zeros(len(rest)), np.zeros(len(rest))
            for sign, name, truth in ((-1, "moe", self.low), (1, "premium", self.high)):
                observed = observe(split.z[drawn], split.embedding[drawn], list(truth[drawn]))
                card = fit_card(cards[name], observed, date=DATE)
                gap += sign * card.probabilities(split.z[rest], split.embedding[rest])
                alone = LengthAlone.fit(split.length[drawn], truth[drawn])
                base += sign * alone.forecast(split.length[rest])
            self.draws_made.append(Draw(rest, {"classifier": gap, "length alone, refitted": base}))

    def lines(self, name: str, labels: int, targets: Mapping[str, str]) -> Iterator[Measurement]:
        """Mean over the draws, with an interval from resampling the prompts tried."""
        section = "few labels of the traffic itself, moe against premium"
        measures: tuple[tuple[str, Callable[[Vector, Vector, Vector], float]], ...] = (
            ("APGR", apgr),
            ("CPT50", lambda p, low, high: cpt(p, low, high, 0.5)),
            ("CPT80", lambda p, low, high: cpt(p, low, high, 0.8)),
        )
        for measure, function in measures:
            for what in self.draws_made[0].preferences:
                yield measured(
                    section,
                    f"{measure} {name}, {labels} labels",
                    what,
                    partial(self._mean, function, what),
                    len(self.draws_made[0].rest),
                    target=targets.get(measure, "") if what == "classifier" else "",
                )

    def _mean(
        self,
        function: Callable[[Vector, Vector, Vector], float],
        what: str,
        rows: NDArray[np.intp],
    ) -> float:
        values = []
        for tried in self.draws_made:
            rest, preference = tried.rest[rows], tried.preferences[what][rows]
            values.append(function(preference, self.low[rest], self.high[rest]))
        return float(np.mean(values))


def _on(
    function: Callable[[Vector, Vector], float], forecast: Vector, truth: Vector
) -> Callable[[NDArray[np.intp]], float]:
    return lambda rows: function(forecast[rows], truth[rows])
