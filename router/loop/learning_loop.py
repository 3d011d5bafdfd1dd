"""When the learner works: it looks for new cards every few seconds, and refits every minute."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

_LOG = logging.getLogger("turnout")
LOOK_SECONDS: Final = 5.0
REFIT_SECONDS: Final = 60.0


class Work(Protocol):
    """The blocking work, called off the event loop: see Learner."""

    def version(self) -> int | None:
        """Return, without blocking, a value that differs after any change of the stored cards."""

    def put_in_force(self) -> bool:
        """Load the active cards if they have changed."""

    def measure_drift(self) -> None:
        """Compare forecasts with outcomes."""

    def refit_what_is_due(self) -> None:
        """Refit the cards whose time has come."""


class LearningLoop:
    """Puts the active cards in force when it starts, then works until `close`."""

    def __init__(
        self,
        work: Work,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._work = work
        self._sleep = sleep
        self._clock = clock
        self._version: int | None = None  # of the stored cards when they were put in force
        self._refitted = float("-inf")
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin. Raises what putting the cards in force raises."""
        await asyncio.to_thread(self._work.put_in_force)
        self._task = asyncio.create_task(self._run(), name="learner")

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            await self._sleep(LOOK_SECONDS)
            try:
                await self._look()
            except Exception:  # noqa: BLE001 # the next look may do better; nobody else looks
                _LOG.exception("the loop of outcomes and cards failed; the cards in force stay")

    async def _look(self) -> None:
        version = self._work.version()
        if version is None or version != self._version:
            await asyncio.to_thread(self._work.put_in_force)
            self._version = version
        if self._clock() - self._refitted >= REFIT_SECONDS:
            self._refitted = self._clock()
            await asyncio.to_thread(self._work.measure_drift)
            await asyncio.to_thread(self._work.refit_what_is_due)
