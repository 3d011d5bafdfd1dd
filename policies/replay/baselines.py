"""What a policy must beat: one backend for everything, prompt length alone, and a shuffle.

The shuffled control keeps the policy's mix of backends but assigns them at random, then shifts
requests to the cheapest or most expensive backend until it costs the same. A policy that is not
better than it has learnt nothing from the prompts.
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
    """Expected cost (USD) and P(success) of every backend, on the records that have them all."""

    names: tuple[str, ...]
    costs: Floats  # records x backends
    success: Floats  # records x backends
    tokens: Floats  # records
    chosen: NDArray[np.int_]  # records: the policy's first choice, an index into `names`
    own_costs: Floats  # records: of what the policy plans, with the later steps of a cascade
    own_success: Floats  # records


def compare(records: ComparableRecords) -> list[Baseline]:
    """The policy and everything that it must beat, on the same records."""
    cost = float(records.own_costs.mean())
    own = Baseline("this policy", cost, float(records.own_success.mean()))
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
    """Short prompts to the cheapest backend, long ones to the most expensive, at this mean cost."""
    means = records.costs.mean(axis=0)
    low, high = int(means.argmin()), int(means.argmax())
    if low == high:
        return None
    order = np.argsort(records.tokens, kind="stable")
    cheap = np.concatenate(([0.0], np.cumsum(records.costs[order, low])))
    expensive = np.concatenate(([0.0], np.cumsum(records.costs[order[::-1], high])))[::-1]
    split = int(np.abs((cheap + expensive) / len(order) - cost_usd).argmin())
    short, long = records.success[order[:split], low], records.success[order[split:], high]
    cost, quality = cheap[split] + expensive[split], short.sum() + long.sum()
    return Baseline("prompt length", float(cost / len(order)), float(quality / len(order)))


def shuffled(records: ComparableRecords, mix: Sequence[float], cost_usd: float) -> Baseline:
    """The same mix assigned at random, shifted until it costs the same, or nearly if it cannot."""
    costs, success = records.costs.mean(axis=0), records.success.mean(axis=0)
    shares = np.asarray(mix, dtype=float)
    shares /= shares.sum()
    cost = float(shares @ costs)
    target = int(costs.argmin() if cost > cost_usd else costs.argmax())
    gap = float(costs[target]) - cost
    shift = 0.0 if gap == 0.0 else min(max((cost_usd - cost) / gap, 0.0), 1.0)
    shares *= 1.0 - shift
    shares[target] += shift
    return Baseline("shuffled control", float(shares @ costs), float(shares @ success))
