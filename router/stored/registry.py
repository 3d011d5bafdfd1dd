"""The ownership of files and batches as the event loop asks for it: beside the loop, in time."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from router.database import DatabaseError
from router.errors import Unavailable, retry_after
from router.stored.fair_threads import OURS, FairThreads
from router.stored.ownership import OwnershipStore

_Result = TypeVar("_Result")
_BUDGET_SECONDS: Final = 5.0
_AT_ONCE: Final = 4  # threads; a database that hangs holds no more of them


class Registry:
    """Asks the store in a thread, within a budget of time."""

    def __init__(self, store: OwnershipStore, *, budget: float = _BUDGET_SECONDS) -> None:
        self._store = store
        self._budget = budget
        self._threads = FairThreads(_AT_ONCE, "owned resources")

    def now(self) -> int:
        """This instant, in Unix milliseconds."""
        return self._store.now()

    async def ask(
        self, call: Callable[[OwnershipStore], _Result], *, customer: str = OURS
    ) -> _Result:
        """Return what `call` does with the store, in the turn of the customer who asks for it.

        Raises Unavailable, and what it raises.
        """
        try:
            async with asyncio.timeout(self._budget):
                return await self._threads.run(customer, partial(call, self._store))
        except (DatabaseError, TimeoutError):
            raise Unavailable(
                "The database of files and batches does not answer. Please send it again.",
                headers=retry_after(1000),
            ) from None

    def close(self) -> None:
        """Let go of the database."""
        self._threads.close()
        self._store.close()
