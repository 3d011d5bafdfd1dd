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
    """One point of cost against quality: mean USD and mean P(success) of a request."""

    name: str
    cost_usd: float
    quality: float


@dataclass(frozen=True, slots=True)
class ComparableRecords:
    """Every backend's expected cost (USD) and P(success) of every record that has them all."""

    names: tuple[str, ...]
    costs: Floats  # records x backends
    success: Floats  # records x backends
    tokens: Floats  # records
    chosen: NDArray[np.int_]  # records: the policy's choice, an index into `names`


def compare(records: ComparableRecords) -> list[Baseline]:
    """The policy and everything it has to beat, on the same records."""
    rows = np.arange(len(records.chosen))
    cost = float(records.costs[rows, records.chosen].mean())
    own = Baseline("this policy", cost, float(records.success[rows, records.chosen].mean()))
    mix = np.bincount(records.chosen, minlength=len(records.names)).tolist()
    length = by_length(records, cost)
    return [own, *always(records), *([length] if length else []), shuffled(records, mix, cost)]


def always(records: ComparableRecords) -> list[Baseline]:
    """One backend for everything."""
    return [
        Baseline(
            f"always {name}", float(records.costs[:, i].mean()), float(records.success[:, i].mean())
        )
        for i, name in enumerate(records.names)
    ]


def by_length(records: ComparableRecords, cost_usd: float) -> Baseline | None:
    """Short prompts to the cheapest backend, long ones to the dearest, at about this mean cost."""
    means = records.costs.mean(axis=0)
    low, high = int(means.argmin()), int(means.argmax())
    if low == high:
        return None
    order = np.argsort(records.tokens, kind="stable")
    cheap = np.concatenate(([0.0], np.cumsum(records.costs[order, low])))
    dear = np.concatenate(([0.0], np.cumsum(records.costs[order[::-1], high])))[::-1]
    cut = int(np.abs((cheap + dear) / len(order) - cost_usd).argmin())
    short, long = records.success[order[:cut], low], records.success[order[cut:], high]
    cost, quality = cheap[cut] + dear[cut], short.sum() + long.sum()
    return Baseline("prompt length", float(cost / len(order)), float(quality / len(order)))


def shuffled(records: ComparableRecords, mix: Sequence[float], cost_usd: float) -> Baseline:
    """The same mix dealt out blindly, leant until it costs the same (or as near as it can)."""
    costs, success = records.costs.mean(axis=0), records.success.mean(axis=0)
    dealt = np.asarray(mix, dtype=float)
    dealt /= dealt.sum()
    cost = float(dealt @ costs)
    target = int(costs.argmin() if cost > cost_usd else costs.argmax())
    gap = float(costs[target]) - cost
    lean = 0.0 if gap == 0.0 else min(max((cost_usd - cost) / gap, 0.0), 1.0)
    dealt *= 1.0 - lean
    dealt[target] += lean
    return Baseline("shuffled control", float(dealt @ costs), float(dealt @ success))
