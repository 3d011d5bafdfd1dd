"""When keys were last used: noted in memory, written in batches, a minute apart."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from router.database import DatabaseError

_LOG: Final = logging.getLogger(__name__)
SECONDS: Final = 60.0
_MOST: Final = 100_000


class NotesUse(Protocol):
    """Where it is written: see `router.customers.keys`. It blocks, and may raise DatabaseError."""

    def used(self, last_used: Mapping[str, int]) -> None:
        """Note when keys were last used, in milliseconds of Unix time."""


class LastUse:
    """Of more keys than 100,000 in a minute, the rest is not noted; nor is what a database that
    does not answer is told. Nothing is served by it."""

    def __init__(self, store: NotesUse, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._noted: dict[str, int] = {}
        self._next = clock() + SECONDS

    def note(self, key_id: str, at_ms: int) -> None:
        """Note that a key was used."""
        noted = self._noted
        if key_id in noted or len(noted) < _MOST:
            noted[key_id] = at_ms

    async def write_at_times(self) -> None:
        """Write what was noted, where the last time is long enough ago."""
        if self._clock() >= self._next:
            await self.write()

    async def write(self) -> None:
        """Write what was noted."""
        self._next = self._clock() + SECONDS
        noted, self._noted = self._noted, {}
        if not noted:
            return
        try:
            await asyncio.to_thread(self._store.used, noted)
        except DatabaseError:
            _LOG.warning("cannot note when %d keys were last used", len(noted))
