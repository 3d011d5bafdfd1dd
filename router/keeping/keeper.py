"""Rolls up and prunes while the gateway serves: one gateway at a time, in small steps in a thread.

The lease only saves work: steps of two gateways at once are right, too.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from router.database import DatabaseError
from router.keeping.retention import Retention

_LOG: Final = logging.getLogger(__name__)
_REST_SECONDS: Final = 60.0  # between two looks
_PAUSE_SECONDS: Final = 0.5  # between two steps: whoever waits for the database goes first
_LEASE_MS: Final = 180_000


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Keeper:
    """A task of this process; `holder` names it. `done` counts rows by task, `failures` rounds that
    the database refused.
    """

    def __init__(
        self,
        retention: Retention,
        holder: str,
        now_ms: Callable[[], int] = _now_ms,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._retention = retention
        self._holder = holder
        self._now_ms = now_ms
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None
        self.done: Counter[str] = Counter()
        self.failures = 0

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        """Stop, and let another gateway go on."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        with contextlib.suppress(DatabaseError):
            await self._lease(0)
        self._retention.close()

    async def round(self) -> None:
        """Do all that is due, if it is for this process to do. Raises DatabaseError."""
        for task in self._retention.tasks:
            while await self._lease(_LEASE_MS):
                rows = await asyncio.to_thread(task.step, self._now_ms() - task.age)
                if rows == 0:
                    break
                self.done[task.name] += rows
                await self._sleep(_PAUSE_SECONDS)

    async def _lease(self, ms: int) -> bool:
        rollups = self._retention.rollups
        return await asyncio.to_thread(rollups.lease, self._holder, self._now_ms(), ms)

    async def _keep(self) -> None:
        while True:
            await self._sleep(_REST_SECONDS)
            try:
                await self.round()
            except DatabaseError as error:
                self.failures += 1
                _LOG.warning("What is old waits to be rolled up and pruned: %s", error)
