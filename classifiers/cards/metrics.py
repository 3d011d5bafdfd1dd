"""How good probabilities are, in numpy alone: ranking, calibration, and routing curves.

Scores may be fractions: a prompt that a third of a class's models solved counts as a third of a
success and two thirds of a failure. Definitions of APGR and CPT follow RouteLLM's `evaluate.py`
(arXiv 2406.18665): eleven thresholds at equal quantiles, trapezoid, linear interpolation.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

BINS: Final = 10
QUANTILES: Final = 11


def auc(scores: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Chance that a success outranks a failure; ties count half. NaN if there is only one kind."""
    _, rank = np.unique(scores, return_inverse=True)
    good = np.bincount(rank, weights=truth)
    bad = np.bincount(rank, weights=1.0 - truth)
    pairs = good.sum() * bad.sum()
    if pairs == 0:
        return float("nan")
    below = np.cumsum(bad) - bad
    return float((good * (below + bad / 2)).sum() / pairs)


def brier(probabilities: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Mean squared error of the probabilities against single successes and failures."""
    p, y = probabilities.astype(np.float64), truth.astype(np.float64)
    return float((y * (1 - p) ** 2 + (1 - y) * p**2).mean())


def log_loss(probabilities: NDArray[np.floating], truth: NDArray[np.floating]) -> Vector:
    """Cross entropy per prompt, in nats."""
    p = np.clip(probabilities.astype(np.float64), 1e-6, 1 - 1e-6)
    return -(truth * np.log(p) + (1 - truth) * np.log(1 - p))


def reliability(
    probabilities: NDArray[np.floating], truth: NDArray[np.floating], bins: int = BINS
) -> list[tuple[float, float, int]]:
    """(mean forecast, mean outcome, count) for bins of equal count, lowest forecasts first."""
    order = np.argsort(probabilities, kind="stable")
    parts = np.array_split(order, bins)
    return [
        (float(probabilities[part].mean()), float(truth[part].mean()), len(part))
        for part in parts
        if len(part)
    ]


def ece(
    probabilities: NDArray[np.floating], truth: NDArray[np.floating], bins: int = BINS
) -> float:
    """Expected calibration error over bins of equal width (Naeini et al., AAAI 2015)."""
    bin_of = np.minimum((probabilities * bins).astype(np.intp), bins - 1)
    gaps = np.bincount(bin_of, weights=truth.astype(np.float64) - probabilities)
    return float(np.abs(gaps).sum() / max(len(bin_of), 1))


def adaptive_ece(
    probabilities: NDArray[np.floating], truth: NDArray[np.floating], bins: int = BINS
) -> float:
    """Expected calibration error over bins of equal count: every bin counts alike."""
    rows = reliability(probabilities, truth, bins)
    total = sum(count for _, _, count in rows)
    return sum(abs(forecast - outcome) * count for forecast, outcome, count in rows) / max(total, 1)


def debiased_ece(
    probabilities: NDArray[np.floating], truth: NDArray[np.floating], bins: int = BINS
) -> float:
    """Root mean square calibration error over the bins, less what chance adds to it; at least 0.

    A bin's squared gap is, on average, larger than the true one by the variance of its mean.
    """
    order = np.argsort(probabilities, kind="stable")
    total = 0.0
    for part in np.array_split(order, bins):
        error = (truth[part] - probabilities[part]).astype(np.float64)
        if len(error) > 1:
            total += len(error) * (error.mean() ** 2 - error.var(ddof=1) / len(error))
    return float(np.sqrt(max(total, 0.0) / max(len(order), 1)))


def gap_curve(
    preference: NDArray[np.floating], weak: NDArray[np.floating], strong: NDArray[np.floating]
) -> tuple[Vector, Vector]:
    """(share of calls to the strong model, quality) at eleven thresholds on `preference`.

    `preference` is larger where the strong model is wanted more.
    """
    order = np.argsort(preference)
    ordered, size = preference[order], len(preference)
    thresholds = np.quantile(ordered, np.linspace(0, 1, QUANTILES))
    thresholds[-1] = np.inf  # the last point sends nothing to the strong model
    first = np.searchsorted(ordered, thresholds)[::-1]  # from here on the strong model is asked
    gain = np.concatenate([np.cumsum((strong - weak)[order][::-1])[::-1], [0.0]])
    return (size - first) / size, float(weak.mean()) + gain[first] / size


def apgr(
    preference: NDArray[np.floating], weak: NDArray[np.floating], strong: NDArray[np.floating]
) -> float:
    """Average performance gap recovered: 0.5 is chance, 1 needs no strong calls.

    NaN where both are equally good, which leaves no gap.
    """
    share, recovered = _recovered(preference, weak, strong)
    return float(np.trapezoid(recovered, share))


def cpt(
    preference: NDArray[np.floating],
    weak: NDArray[np.floating],
    strong: NDArray[np.floating],
    goal: float,
) -> float:
    """Least share of strong calls, 0 to 1, that recovers `goal` of the gap, interpolated.

    NaN where both are equally good, which leaves no gap.
    """
    share, recovered = _recovered(preference, weak, strong)
    if np.isnan(recovered).any():
        return float("nan")
    above = np.flatnonzero(recovered >= goal)
    if not len(above) or above[0] == 0:
        return float(share[above[0]]) if len(above) else 1.0
    right = int(above[0])
    left = right - 1
    part = (goal - recovered[left]) / (recovered[right] - recovered[left])
    return float(share[left] + part * (share[right] - share[left]))


def _recovered(
    preference: NDArray[np.floating], weak: NDArray[np.floating], strong: NDArray[np.floating]
) -> tuple[Vector, Vector]:
    """(share of calls to the strong model, share of the gap recovered) at eleven thresholds."""
    share, quality = gap_curve(preference, weak, strong)
    low, gap = float(weak.mean()), float(strong.mean()) - float(weak.mean())
    if not gap:
        return share, np.full_like(quality, np.nan)
    return share, (quality - low) / gap
