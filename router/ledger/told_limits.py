"""A gateway tells the books by which limits it counts, so that they can be checked against them."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, Protocol

from router.database import DatabaseError
from router.ledger.check.history import Limits, calendar_limits
from router.ledger.quotas.dimensions import Quota

_LOG: Final = logging.getLogger("turnout")
_RETRY_SECONDS: Final = 5.0


class Books(Protocol):
    """Where limits are said: see `router.usage.books`. It blocks, and may raise DatabaseError."""

    def say_limits(self, process: str, since: int, limits: Mapping[str, Iterable[str]]) -> None:
        """Say by which limits a process counts from an instant on; twice is once."""


class ToldLimits:
    """What one gateway process says of its limits: at its start, and after a reload that changes
    them. `process` is how the ids of its holds name it; they tell the time by the same clock.
    """

    def __init__(
        self,
        books: Books,
        process: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._books = books
        self._process = process
        self._sleep = sleep
        self._last: Limits | None = None
        self._waiting: deque[tuple[int, Limits]] = deque()
        self._task: asyncio.Task[None] | None = None

    def tell(self, tiers: Mapping[str, Iterable[Quota]]) -> None:
        """Say that requests count by these limits from now on. Never waits."""
        limits = calendar_limits(tiers)
        if limits == self._last:
            return
        self._last = limits
        self._waiting.append((time.time_ns() // 1_000_000, limits))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._write_patiently())

    async def close(self) -> None:
        """Write what waits, if it can be written now, and stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        with contextlib.suppress(DatabaseError):
            await self.write()

    async def write(self) -> None:
        """Write what waits. Raises DatabaseError; what is not written waits on."""
        while self._waiting:
            since, limits = self._waiting[0]
            await asyncio.to_thread(self._books.say_limits, self._process, since, limits)
            self._waiting.popleft()

    async def _write_patiently(self) -> None:
        while self._waiting:
            try:
                await self.write()
            except DatabaseError as error:
                _LOG.warning("Which limits count here is not in the books yet: %s", error)
                await self._sleep(_RETRY_SECONDS)
