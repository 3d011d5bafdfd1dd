"""What a policy has to beat: one backend for everything, prompt length alone, and a shuffle.

The shuffled control keeps the policy's mix of backends but deals them out blindly, then leans to
the cheapest or dearest backend until it costs the same. A policy that is not above it has learnt
nothing from the prompts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Baseline:
    """One point of the cost-quality plane: mean USD and mean P(success) of a request."""

    name: str
    cost_usd: float
    quality: float


@dataclass(frozen=True, slots=True)
class Plane:
    """Every backend's expected cost (USD) and P(success) of every record that has them all."""

    names: tuple[str, ...]
    costs: Floats  # records x backends
    success: Floats  # records x backends
    tokens: Floats  # records
    chosen: NDArray[np.int_]  # records: the policy's choice, an index into `names`


def compare(plane: Plane) -> list[Baseline]:
    """The policy and everything it has to beat, on the same records."""
    rows = np.arange(len(plane.chosen))
    cost = float(plane.costs[rows, plane.chosen].mean())
    own = Baseline("this policy", cost, float(plane.success[rows, plane.chosen].mean()))
    mix = np.bincount(plane.chosen, minlength=len(plane.names)).tolist()
    length = by_length(plane, cost)
    return [own, *always(plane), *([length] if length else []), shuffled(plane, mix, cost)]


def always(plane: Plane) -> list[Baseline]:
    """One backend for everything."""
    return [
        Baseline(
            f"always {name}", float(plane.costs[:, i].mean()), float(plane.success[:, i].mean())
        )
        for i, name in enumerate(plane.names)
    ]


def by_length(plane: Plane, cost_usd: float) -> Baseline | None:
    """Short prompts to the cheapest backend, long ones to the dearest, at about this mean cost."""
    means = plane.costs.mean(axis=0)
    low, high = int(means.argmin()), int(means.argmax())
    if low == high:
        return None
    order = np.argsort(plane.tokens, kind="stable")
    cheap = np.concatenate(([0.0], np.cumsum(plane.costs[order, low])))
    dear = np.concatenate(([0.0], np.cumsum(plane.costs[order[::-1], high])))[::-1]
    cut = int(np.abs((cheap + dear) / len(order) - cost_usd).argmin())
    chosen = (plane.success[order[:cut], low].sum() + plane.success[order[cut:], high].sum()) / len(
        order
    )
    return Baseline("prompt length", float((cheap[cut] + dear[cut]) / len(order)), float(chosen))


def shuffled(plane: Plane, mix: Sequence[float], cost_usd: float) -> Baseline:
    """The same mix dealt out blindly, leant until it costs the same (or as near as it can)."""
    costs, success = plane.costs.mean(axis=0), plane.success.mean(axis=0)
    dealt = np.asarray(mix, dtype=float)
    dealt /= dealt.sum()
    cost = float(dealt @ costs)
    target = int(costs.argmin() if cost > cost_usd else costs.argmax())
    gap = float(costs[target]) - cost
    lean = 0.0 if gap == 0.0 else min(max((cost_usd - cost) / gap, 0.0), 1.0)
    dealt *= 1.0 - lean
    dealt[target] += lean
    return Baseline("shuffled control", float(dealt @ costs), float(dealt @ success))
