"""What routing by the classifier would have cost and earned, beside policies that know nothing.

Two backends: RouteLLM's measures (APGR, CPT), in `classifiers.cards.metrics`. Three classes: every
prompt goes where probability minus lambda times price is largest; lambda from 0 to infinity draws
the cost-quality curve. Prices are relative to premium; quality is relative to always-premium.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from classifiers.training.dataset import CLASSES

Vector = NDArray[np.float64]

# Per answer, relative to premium: about 9B on one's own card, a large MoE, a frontier model.
PRICES: Final[Mapping[str, float]] = {"local": 0.02, "moe": 0.1, "premium": 1.0}
PENALTIES: Final = np.concatenate([[0.0], np.geomspace(0.01, 10, 60), [1e6]])


def prices() -> Vector:
    """Relative prices in the order of CLASSES."""
    return np.array([PRICES[name] for name in CLASSES])


def curve(forecast: Vector, truth: Vector) -> tuple[Vector, Vector]:
    """(cost, quality) per penalty, relative to always-premium; `forecast` and `truth` [N, 3]."""
    price = prices()
    costs, quality = [], []
    for penalty in PENALTIES:
        choice = np.argmax(forecast - penalty * price, axis=1)
        costs.append(price[choice].mean())
        quality.append(truth[np.arange(len(truth)), choice].mean())
    return np.array(costs), np.array(quality) / truth[:, -1].mean()


def quality_at(costs: Vector, quality: Vector, budget: float) -> float:
    """The best quality for at most `budget`, mixing neighbouring points of the curve at random."""
    x, y = hull(costs, quality)
    return float(np.interp(budget, x, y))


def hull(costs: Vector, quality: Vector) -> tuple[Vector, Vector]:
    """The upper concave hull of points: what mixing them at random can reach."""
    order = np.lexsort((-quality, costs))
    kept: list[tuple[float, float]] = []
    for point in zip(costs[order], quality[order], strict=True):
        while len(kept) >= 2 and _turns_up(kept[-2], kept[-1], point):
            kept.pop()
        if not kept or point[0] > kept[-1][0]:
            kept.append(point)
    best = int(np.argmax([y for _, y in kept]))
    x, y = np.array(kept[: best + 1]).T
    return x, y


def static_hull(truth: Vector) -> tuple[Vector, Vector]:
    """The hull of always-local, always-moe and always-premium: mixing without looking."""
    return hull(prices(), truth.mean(axis=0) / truth[:, -1].mean())


def static_at(truth: Vector, budget: float) -> float:
    """Quality of the best static mixture at a budget."""
    x, y = static_hull(truth)
    return float(np.interp(budget, x, y))


def _turns_up(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) >= 0
