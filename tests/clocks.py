"""Loops on another clock than the world's, for tests of what waits and of what must not."""

import asyncio
import selectors
from typing import Final

_DELIVERY_SECONDS: Final = 0.001  # between two sockets of this process


class Timeless(asyncio.SelectorEventLoop):
    """A loop whose clock stands still: no timer ever rings, so whoever waits for one hangs."""

    def time(self) -> float:
        """Zero, for ever."""
        return 0.0


class _Hurried(selectors.DefaultSelector):
    """Where nothing is ready, the clock moves on to the next timer instead of waiting for it."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(_DELIVERY_SECONDS)
        if not ready:
            self.passed += timeout
        return ready


class VirtualTime(asyncio.SelectorEventLoop):
    """A loop whose clock moves on when everything waits, and only then.

    For tests whose sockets have both ends in this loop: a busy machine makes no timer ring early.
    A thread or another process that is waited for would be overtaken by every timer.
    """

    def __init__(self) -> None:
        self._hurried = _Hurried()
        super().__init__(self._hurried)

    def time(self) -> float:
        """Seconds that were waited for."""
        return self._hurried.passed

    def work(self, seconds: float) -> None:
        """Let time pass in which nothing else runs, as while a callback is busy."""
        self._hurried.passed += seconds
