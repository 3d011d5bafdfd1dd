"""Which requests are kept as traces: a share from the start, and of the rest what went wrong.

The share is drawn by the trace's id, so that every service that draws so, and every worker here,
keeps the same traces. Whoever began a trace has drawn already: its word counts. What failed or was
slow is kept beyond that, up to a budget, so that an outage cannot flood the collector.
"""

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from router.telemetry.traces.context import DRAWN_BITS

_MINUTE: Final = 60.0


class Kept(StrEnum):
    """Why a request's trace is kept."""

    CALLER = "caller"  # whoever sent `traceparent` keeps it
    SHARE = "share"
    FAILED = "failed"
    SLOW = "slow"


class Sampling:
    """What is kept. `share` is 0 to 1; `per_minute` is how many failed or slow requests are kept
    beyond it; `slow` is from how many seconds on a request is slow, where any is.

    A trace is drawn where what its id holds in its last DRAWN_BITS is less than `below`.
    """

    def __init__(
        self,
        share: float,
        *,
        per_minute: int,
        slow: float | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.below = round(share * (1 << DRAWN_BITS))
        self.slow = float("inf") if slow is None else slow
        self._most = float(per_minute)
        self._clock = clock
        self._left = self._most
        self._filled = clock()

    def late(self, *, failed: bool, seconds: float) -> Kept | None:
        """Return why a request is kept that was not drawn: it failed, or was slow, and the budget
        is not spent. None where it is not kept.
        """
        if not (failed or seconds >= self.slow) or not self._spend():
            return None
        return Kept.FAILED if failed else Kept.SLOW

    def _spend(self) -> bool:
        now = self._clock()
        earned = (now - self._filled) * self._most / _MINUTE
        self._left, self._filled = min(self._most, self._left + earned), now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
