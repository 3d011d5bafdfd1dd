"""How often a customer's questions are passed on: so many a minute, and as many at once."""

from typing import Final

_MOST_CUSTOMERS: Final = 10_000  # whoever was not heard of for longest is forgotten


class Allowance:
    """What each customer has left; the clock is an argument, seconds of any monotonic one."""

    def __init__(self, per_minute: int) -> None:
        self._most = float(per_minute)
        self._left: dict[str, tuple[float, float]] = {}  # and when that was so

    def take(self, customer: str, now: float) -> bool:
        """Whether one more may pass; it is taken if so."""
        left, at = self._left.pop(customer, (self._most, now))
        left = min(self._most, left + (now - at) * self._most / 60)
        if len(self._left) >= _MOST_CUSTOMERS:
            del self._left[next(iter(self._left))]
        passes = left >= 1
        self._left[customer] = (left - 1 if passes else left, now)
        return passes
