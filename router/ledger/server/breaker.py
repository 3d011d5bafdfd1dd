"""A circuit breaker for the ledger: after a row of failures, stop asking for a moment.

closed --5 failures in a row--> open --after 250 ms, doubling to 2 s--> one probe
probe succeeds --> closed          probe fails --> open, twice as long

A failure is a moment, not a request: a server that stands still once, or a connection that is cut,
fails everything that was on its way, and says no more by it than by one of them.
"""

from collections.abc import Callable
from typing import Final

_FAILURES: Final = 5
_REST_SECONDS: Final = (0.25, 2.0)


class LedgerBreaker:
    """Says whether asking makes sense. `clock` gives seconds that only grow."""

    __slots__ = ("_clock", "_failures", "_last", "_open_until", "_probing", "_rest")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._last = float("-inf")
        self._rest = _REST_SECONDS[0]
        self._open_until = 0.0
        self._probing = False

    @property
    def open(self) -> bool:
        """Whether requests are refused without asking."""
        return self._failures >= _FAILURES

    def allows(self) -> bool:
        """Whether this request may ask; while the breaker is open, one probe at a time may."""
        if self._failures < _FAILURES:
            return True
        if self._probing or self._clock() < self._open_until:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """An answer came, whatever it said."""
        if not self._failures:
            return
        self._failures = 0
        self._probing = False
        self._rest = _REST_SECONDS[0]

    def undecided(self) -> None:
        """Whoever was allowed to ask did not find out: another may."""
        self._probing = False

    def failed(self, sent: float) -> None:
        """No answer came in time to what was sent then, by the same clock.

        What was on its way already when a failure was last counted counts no more.
        """
        if sent < self._last:
            return
        self._last = self._clock()
        self._failures += 1
        if self._failures >= _FAILURES:
            self._open_until = self._last + self._rest
            if self._probing:
                self._rest = min(_REST_SECONDS[1], self._rest * 2)
            self._probing = False
