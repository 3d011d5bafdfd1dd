"""Which requests would have got a 429: a tier's limits replayed over the log's own clock.

Windows here begin with the second, minute, day, week, month or year in UTC. The ledger
has sliding minutes and the customer's calendar, so the numbers come close to what it would do but
are not the same. Only the organization's own limits are replayed, without concurrency and prepaid
credit.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from policies.language.limits import LIMITS


class Use(NamedTuple):
    """What one request uses."""

    input_tokens: int
    output_tokens: int
    cost_pico: int


_MINUTE: Final = 60_000
_DAY: Final = 86_400_000
_MONDAY: Final = 3  # days from a Monday to the first of January 1970


def _month(at_ms: int) -> int:
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.year * 12 + moment.month


_WINDOWS: Final[Mapping[str, Callable[[int], int]]] = {
    "second": lambda at: at // 1000,
    "minute": lambda at: at // _MINUTE,
    "day": lambda at: at // _DAY,
    "week": lambda at: (at // _DAY + _MONDAY) // 7,
    "month": _month,
    "year": lambda at: datetime.fromtimestamp(at / 1000, UTC).year,
}
_MEASURES: Final[Mapping[str, Callable[[Use], int]]] = {
    "requests": lambda use: 1,
    "tokens": lambda use: use.input_tokens + use.output_tokens,
    "input_tokens": lambda use: use.input_tokens,
    "output_tokens": lambda use: use.output_tokens,
    "usd": lambda use: use.cost_pico,
}


class Refusals:
    """Counts what customers use, and says which requests their limits would have refused."""

    def __init__(self, limits: Mapping[str, Mapping[str, Any]]) -> None:
        self._limits = {tier: _parsed(values) for tier, values in limits.items()}
        self._used: dict[tuple[str, str], tuple[int, int]] = {}

    def refuses(self, tier: str, organization: str, at_ms: int, use: Use) -> bool:
        """Whether this request would get a 429; one that does uses nothing."""
        standing: list[tuple[tuple[str, str], int, int]] = []
        for dimension, window, measure, limit in self._limits.get(tier, ()):
            index = _WINDOWS[window](at_ms)
            key = (organization, dimension)
            last_index, used = self._used.get(key, (index, 0))
            amount = (used if last_index == index else 0) + _MEASURES[measure](use)
            if amount > limit:
                return True
            standing.append((key, index, amount))
        for key, index, amount in standing:
            self._used[key] = (index, amount)
        return False


def _parsed(limits: Mapping[str, Any]) -> list[tuple[str, str, str, int]]:
    """(dimension, window, measure, limit) of every limit that can be replayed."""
    return [
        (name, row.window, row.measure, _amount(limits[name]))
        for name, row in LIMITS.items()
        if name in limits and row.window in _WINDOWS
    ]


def _amount(value: Any) -> int:
    """A plain limit, a month's pool without what was rolled over, or a bucket's rate."""
    if not isinstance(value, Mapping):
        return int(value)
    return int(value["pool"] if "pool" in value else value["limit"])
