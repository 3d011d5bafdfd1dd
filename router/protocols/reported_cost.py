"""The cost of a request that a server reports among its counts, in whole pico-USD.

The amounts come as JSON numbers in the servers' own units. A number with a point is taken as the
decimal that it is written as and rounded to whole pico-USD, once; from there on it is an integer.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from types import MappingProxyType
from typing import Any, Final

_USD: Final = 10**12  # pico-USD
_MOST: Final = 10**6  # USD; a larger amount is none
# Names in `usage`, and how many pico-USD one of it is. The first that is there counts.
_UNITS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "cost": _USD,  # OpenRouter's, in credits, which are USD; Perplexity's
        "estimated_cost": _USD,  # DeepInfra's
        "cost_in_usd_ticks": 100,  # xAI's: 10**10 are one USD
    }
)
NAMES: Final = frozenset(_UNITS)


def reported_cost(usage: Mapping[str, Any]) -> int | None:
    """The cost in pico-USD; None if none is reported, or one that cannot be true.

    Whoever brings a key of their own to OpenRouter pays its fee here and the provider beside it:
    both were spent.
    """
    for name, unit in _UNITS.items():
        if name in usage:
            told = usage[name]
            if isinstance(told, dict):  # Perplexity's, by what it was for
                told = told.get("total_cost")
            cost = _pico(told, unit)
            details = usage.get("cost_details")
            if cost is not None and usage.get("is_byok") is True and isinstance(details, dict):
                cost += _pico(details.get("upstream_inference_cost"), unit) or 0
            return cost
    return None


def _pico(amount: Any, unit: int) -> int | None:
    if type(amount) not in (int, float) or amount < 0:
        return None
    pico = int((Decimal(repr(amount)) * unit).to_integral_value(ROUND_HALF_EVEN))
    return pico if pico <= _MOST * _USD else None
