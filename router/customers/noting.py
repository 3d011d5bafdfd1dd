"""What is noted in memory as requests come by, and written in batches, a minute apart."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from router.database import DatabaseError

_LOG: Final = logging.getLogger("turnout")
SECONDS: Final = 60.0
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Noting(Generic[_Key, _Value]):
    """The newest value of each key, until `store` has it: that blocks, and may raise DatabaseError.
    What a database that does not answer is told is not told again. Nothing is served by it.

    `failed`: what the log says then, with the place of a number.
    """

    def __init__(
        self,
        store: Callable[[dict[_Key, _Value]], None],
        failed: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._failed = failed
        self._clock = clock
        self._next = clock() + SECONDS
        self.noted: dict[_Key, _Value] = {}

    def within(self, seconds: float) -> None:
        """Write so soon."""
        self._next = min(self._next, self._clock() + seconds)

    async def write_at_times(self) -> None:
        """Write what was noted, where the last time is long enough ago."""
        if self._clock() >= self._next:
            await self.write()

    async def write(self) -> None:
        """Write what was noted."""
        self._next = self._clock() + SECONDS
        noted, self.noted = self.noted, {}
        if not noted:
            return
        try:
            await asyncio.to_thread(self._store, noted)
        except DatabaseError:
            _LOG.warning(self._failed, len(noted))
