"""The store as the event loop uses it: beside the loop, within a budget of time and of threads.

A response counts as stored once its transaction is through. Where that takes too long the answer
is not told as stored, and what is stored nevertheless is erased again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from threading import Lock
from typing import Final, TypeVar

from router.database import DatabaseError
from router.errors import Unavailable, retry_after
from router.stored.fair_threads import FairThreads
from router.stored.response import StoredResponse
from router.stored.store import ResponseStore

_LOG = logging.getLogger(__name__)
_Result = TypeVar("_Result")
BUDGET_SECONDS: Final = 2.0
AT_ONCE: Final = 8  # threads; a database that hangs holds no more of them
SWEEP_SECONDS: Final = 600.0


class Shelf:
    """Stored responses, for callers that may not wait long. `close` after `start`."""

    def __init__(
        self,
        store: ResponseStore,
        *,
        budget: float = BUDGET_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`budget` is in seconds, of each call; `sleep` passes the time between two sweeps."""
        self._store = store
        self._budget = budget
        self._sleep = sleep
        self._threads = FairThreads(AT_ONCE, "stored responses")
        self._sweeper: asyncio.Task[None] | None = None
        self._failing = False
        self.lost = 0  # responses that could not be stored

    async def add(self, organization: str, response: StoredResponse) -> bool:
        """Store a response; False where that was not possible in time. Never raises."""
        claim = Lock()  # taken once: by the thread that stored it, or by who waits no longer

        def add() -> bool:
            stored = not claim.locked() and self._store.add(organization, response)
            if stored and not claim.acquire(blocking=False):
                self._store.delete(organization, response.id)
                return False
            return stored

        try:
            stored = await self._beside(organization, add)
        except (DatabaseError, TimeoutError) as error:
            if not claim.acquire(blocking=False):
                return True  # at the last moment
            self._lose(type(error).__name__)
            return False
        except asyncio.CancelledError:
            claim.acquire(blocking=False)
            raise
        self._failing = False
        return stored

    def _lose(self, reason: str) -> None:
        """Count a response that was not stored; the first in a row is told."""
        self.lost += 1
        if not self._failing:
            _LOG.warning("a response was not stored", extra={"reason": reason})
        self._failing = True

    async def get(self, organization: str, id_: str) -> StoredResponse:
        """Return a response. Raises MissingResponse, Unavailable."""
        return await self._asked(organization, lambda: self._store.get(organization, id_))

    async def chain(
        self, organization: str, id_: str, *, most: int, most_bytes: int
    ) -> list[StoredResponse]:
        """See `ResponseStore.chain`. Raises Unavailable besides."""
        return await self._asked(
            organization,
            lambda: self._store.chain(organization, id_, most=most, most_bytes=most_bytes),
        )

    async def items(
        self, organization: str, names: Sequence[str], *, most_bytes: int
    ) -> dict[str, bytes]:
        """See `ResponseStore.items`. Raises Unavailable besides."""
        return await self._asked(
            organization, lambda: self._store.items(organization, names, most_bytes=most_bytes)
        )

    async def delete(self, organization: str, id_: str) -> bool:
        """Erase a response; False where there is none. Raises Unavailable."""
        return await self._asked(organization, lambda: self._store.delete(organization, id_))

    def start(self) -> None:
        """Begin to sweep."""
        self._sweeper = asyncio.create_task(self._sweep(), name="stored responses")

    async def close(self) -> None:
        """Stop, and let go of the database."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        self._threads.close()
        self._store.close()

    async def ask(self, organization: str, call: Callable[[], _Result]) -> _Result:
        """Call something else that is stored, beside the loop and in the organization's turn too.

        Raises Unavailable.
        """
        return await self._asked(organization, call)

    async def _asked(self, organization: str, call: Callable[[], _Result]) -> _Result:
        try:
            return await self._beside(organization, call)
        except (DatabaseError, TimeoutError):
            raise Unavailable(
                "The database that keeps responses does not answer. Please send it again.",
                headers=retry_after(1000),
            ) from None

    async def _beside(self, organization: str, call: Callable[[], _Result]) -> _Result:
        """Call in a thread; what has not begun when the time is over never does."""
        async with asyncio.timeout(self._budget):
            return await self._threads.run(organization, call)

    async def _sweep(self) -> None:
        while True:
            with contextlib.suppress(DatabaseError):
                await asyncio.to_thread(self._store.sweep)
            await self._sleep(SWEEP_SECONDS)
