"""When to ask again: a budget for the whole gateway, and full jitter. Pure; randomness comes in.

A retry storm is what turns a slow minute into an outage, so retries are paid for: every request
earns a tenth of one, and where nothing is saved up there is none.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `rounds` more rounds over the candidates; the wait before round n is a random part
    of `base` * 2**n seconds, at most `longest`. `share` of the requests may be retries."""

    rounds: int = 1
    base: float = 0.1
    longest: float = 2.0
    share: float = 0.1
    saved: float = 10.0


class RetryBudget:
    """Retries saved up: `earn` with each request, `spend` before each retry."""

    __slots__ = ("_policy", "left")

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self.left = policy.saved

    def earn(self) -> None:
        """A request came in."""
        policy = self._policy
        if self.left < policy.saved:
            self.left = min(policy.saved, self.left + policy.share)

    def spend(self) -> bool:
        """Whether one retry may be made; it is paid for if so."""
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True


def backoff(policy: RetryPolicy, round_: int, random: Callable[[], float]) -> float:
    """Seconds to wait before this round (1 is the first): full jitter."""
    return random() * min(policy.longest, policy.base * 2.0**round_)
