"""Responses that gateways still work on, as the event loop uses them: beside the loop."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from router.database import DatabaseError
from router.stored.fair_threads import OURS
from router.stored.response import StoredResponse
from router.stored.run import Beat, Chunk, Ending, Told
from router.stored.run_store import RunStore
from router.stored.shelf import BUDGET_SECONDS, Shelf


class RunShelf(Shelf):
    """The shelf of all responses: those that are kept, and those that are on their way there."""

    def __init__(
        self,
        store: RunStore,
        *,
        budget: float = BUDGET_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """See `Shelf`."""
        super().__init__(store, budget=budget, sleep=sleep)
        self._runs = store

    async def begin(
        self, organization: str, response: StoredResponse, opening: Chunk, *, most: int
    ) -> bool:
        """See `RunStore.begin`. Raises Unavailable besides: what is stored then nevertheless
        belongs to nobody, and lapses."""
        return await self._asked(
            organization, lambda: self._runs.begin(organization, response, opening, most=most)
        )

    async def beat(self, beats: Sequence[Beat], *, renew: bool) -> frozenset[str] | None:
        """See `RunStore.beat`; None where the database does not take it. Waits as long as that
        needs; what came twice is stored once.
        """
        with contextlib.suppress(DatabaseError):
            return await self._threads.run(OURS, lambda: self._runs.beat(beats, renew=renew))
        return None

    async def finish(self, organization: str, id_: str, ending: Ending) -> bool:
        """See `RunStore.finish`. Raises Unavailable besides."""
        return await self._asked(organization, lambda: self._runs.finish(organization, id_, ending))

    async def lapse(self, ending: Ending) -> int:
        """See `RunStore.lapse`. Raises Unavailable besides."""
        return await self._asked(OURS, lambda: self._runs.lapse(ending))

    async def events(self, organization: str, id_: str, after: int) -> Told:
        """See `RunStore.events`. Raises Unavailable besides."""
        return await self._asked(organization, lambda: self._runs.events(organization, id_, after))
