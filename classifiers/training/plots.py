"""The pictures of an evaluation, as PNG."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from classifiers.cards.ability import Ability
from classifiers.cards.metrics import gap_curve, reliability
from classifiers.training.dataset import CLASSES
from classifiers.training.forecasts import LengthAlone, Readings
from classifiers.training.routing import curve, hull, static_hull
from classifiers.training.sections import FewLabels

Vector = NDArray[np.float64]
BLUE, ORANGE, GREY, GREEN = "#2b6cb0", "#c05621", "#718096", "#2f855a"

mpl.use("Agg")


def draw_reliability(path: Path, valid: Readings, cards: Mapping[str, Ability]) -> None:
    """Forecast against outcome for each ability, ten bins of equal count, with 95 % bars."""
    figure, axes = _figure(len(CLASSES), "Reliability on prompts like the training data (valid)")
    for column, (name, axis) in enumerate(zip(CLASSES, axes, strict=True)):
        truth = valid.outcomes.by_class[:, column]
        rows = np.isfinite(truth)
        bins = reliability(valid.forecast(cards[name])[rows], truth[rows])
        forecast, outcome, count = np.array(bins).T
        bars = 1.96 * np.sqrt(np.maximum(outcome * (1 - outcome), 0.01) / count)
        axis.plot([0, 1], [0, 1], color=GREY, linewidth=1)
        axis.errorbar(forecast, outcome, yerr=bars, fmt="o", color=BLUE, capsize=2)
        axis.set(title=name, xlabel="forecast", ylabel="outcome", xlim=(0, 1), ylim=(0, 1))
    figure.savefig(path)


def draw_costs(
    path: Path,
    splits: Mapping[str, Readings],
    cards: Mapping[str, Ability],
    lengths: Mapping[str, LengthAlone],
) -> None:
    """Cost against quality, relative to always-premium."""
    figure, axes = _figure(len(splits), "Three classes: quality against cost of always-premium")
    for (name, split), axis in zip(splits.items(), axes, strict=True):
        known = np.isfinite(split.outcomes.by_class).all(axis=1)
        truth = split.outcomes.by_class[known].astype(np.float64)
        forecast = np.column_stack([split.forecast(cards[kind])[known] for kind in CLASSES])
        base = np.column_stack([lengths[kind].forecast(split.length)[known] for kind in CLASSES])
        axis.plot(*hull(*curve(truth, truth)), color=GREEN, linestyle=":", label="oracle")
        axis.plot(*hull(*curve(forecast, truth)), color=BLUE, label="classifier")
        axis.plot(*hull(*curve(base, truth)), color=ORANGE, label="length alone")
        axis.plot(*static_hull(truth), color=GREY, linestyle="--", label="static mixture")
        axis.set(title=name, xlabel="cost", ylabel="quality", xlim=(0, 1))
        axis.legend(fontsize=7)
    figure.savefig(path)


def draw_gaps(path: Path, tried: Mapping[str, FewLabels]) -> None:
    """Share of calls to premium against the gap recovered, mean of the draws."""
    figure, axes = _figure(len(tried), "Gap between moe and premium recovered, few labels")
    for (name, few), axis in zip(tried.items(), axes, strict=True):
        grid = np.linspace(0, 1, 41)
        for colour, label in ((BLUE, "classifier"), (ORANGE, "length alone, refitted")):
            curves = []
            for one in few.draws_made:
                low, high = few.low[one.rest], few.high[one.rest]
                share, quality = gap_curve(one.preferences[label], low, high)
                gain = (quality - low.mean()) / (high.mean() - low.mean())
                curves.append(np.interp(grid, share, gain))
            axis.plot(grid, np.mean(curves, axis=0), color=colour, label=label)
        axis.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="chance")
        axis.set(title=name, xlabel="share of calls to premium", ylabel="gap recovered")
        axis.legend(fontsize=7)
    figure.savefig(path)


def _figure(count: int, title: str) -> tuple[Figure, list[Any]]:
    figure = Figure(figsize=(3.4 * count, 3.4), dpi=110, layout="constrained")
    axes = figure.subplots(1, count, squeeze=False)[0]
    figure.suptitle(title, fontsize=10)
    for axis in axes:
        axis.grid(alpha=0.3)
    return figure, list(axes)
