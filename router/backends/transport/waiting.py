"""Waiting for a connection to bring something, until a deadline that moves.

There is one timer a connection: a wait only moves the deadline, and the timer, when it fires early,
sets itself again; so a thousand events within the timeout cost one timer.
"""

import asyncio

_CLOSE_ENOUGH = 0.001  # seconds by which a timer may be early


class Waiting:
    """At most one task waits at a time. `too_late` is called where the deadline passed."""

    __slots__ = ("_fires_at", "_timer", "_waiter", "deadline", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.deadline = self._fires_at = 0.0  # instants of the loop's clock
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def too_late(self) -> None:
        """Note that the deadline passed while somebody waited, and end the wait."""
        raise NotImplementedError

    def still_early(self) -> None:
        """Called where the timer rang while something still comes: now and then."""

    def wait(self, deadline: float) -> asyncio.Future[None]:
        """Return what to await until something comes, or it is too late."""
        self.deadline = deadline
        if self._timer is None or self._fires_at > deadline:
            if self._timer is not None:
                self._timer.cancel()
            self._set_timer(deadline)
        waiter = self._waiter = self.loop.create_future()
        return waiter

    def wake(self) -> None:
        """End the wait, if anybody waits."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def stop_timer(self) -> None:
        """Stop the timer for good."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, at: float) -> None:
        self._fires_at = at
        self._timer = self.loop.call_at(at, self._ring)

    def _ring(self) -> None:
        """The timer fired: too late for the wait, or a little early."""
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if self.loop.time() < self.deadline - _CLOSE_ENOUGH:
            self._set_timer(self.deadline)
            self.still_early()
        else:
            self.too_late()
