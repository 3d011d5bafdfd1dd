"""How much each judge counts: nobody can bend a card by sending many outcomes.

A judge is whoever gave outcomes: a customer with all of its keys, the cascade's checks, the judge
of the audits.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Final

LARGEST_SHARE: Final = 0.2
_EXACT: Final = 1e-9


def fair_weights(weights: Sequence[float], judges: Sequence[Hashable]) -> list[float]:
    """The weights, less where a judge would have more than LARGEST_SHARE of what they add up to.

    Fewer judges than that allows share alike; a single one counts fully, since there is no other.
    """
    totals: dict[Hashable, float] = defaultdict(float)
    for weight, judge in zip(weights, judges, strict=True):
        totals[judge] += weight
    most = _largest(list(totals.values()))
    return [
        weight * min(1.0, most / totals[judge])
        for weight, judge in zip(weights, judges, strict=True)
    ]


def _largest(totals: list[float]) -> float:
    """The total that nobody may exceed, so that it is the largest share of what is left of all."""
    if not totals:
        return 0.0
    share = max(LARGEST_SHARE, 1 / len(totals))
    least, most = min(totals), max(totals)
    while True:
        left = share * sum(min(total, most) for total in totals)
        if left >= most * (1 - _EXACT) or most <= least:
            return max(most, least)
        most = max(left, least)
