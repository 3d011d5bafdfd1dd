"""Stored conversations as the event loop uses them: beside the loop, within a budget of time."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from threading import Lock

from router.database import DatabaseError
from router.errors import Unavailable
from router.stored.conversation import ItemPage, Reading, StoredConversation
from router.stored.conversation_rows import Item
from router.stored.conversation_store import ConversationStore
from router.stored.fair_threads import OURS
from router.stored.shelf import SWEEP_SECONDS, Shelf

_LOG = logging.getLogger(__name__)


class ConversationShelf:
    """The store for callers that may not wait long, on the threads of the responses' shelf.

    Every method raises what `ConversationStore`'s does, and Unavailable. `close` after `start`.
    """

    def __init__(
        self,
        shelf: Shelf,
        store: ConversationStore,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`sleep` passes the time between two sweeps."""
        self._shelf = shelf
        self._store = store
        self._sleep = sleep
        self._sweeper: asyncio.Task[None] | None = None

    async def create(
        self, organization: str, id_: str, metadata: bytes, items: Sequence[Item]
    ) -> StoredConversation:
        """Make a conversation."""
        return await self._shelf.ask(
            organization, lambda: self._store.create(organization, id_, metadata, items)
        )

    async def get(self, organization: str, id_: str) -> StoredConversation:
        """Return a conversation."""
        return await self._shelf.ask(organization, lambda: self._store.get(organization, id_))

    async def update(self, organization: str, id_: str, metadata: bytes) -> StoredConversation:
        """Give a conversation other metadata."""
        return await self._shelf.ask(
            organization, lambda: self._store.update(organization, id_, metadata)
        )

    async def delete(self, organization: str, id_: str) -> None:
        """Erase a conversation."""
        await self._shelf.ask(organization, lambda: self._store.delete(organization, id_))

    async def page(
        self, organization: str, id_: str, *, after: str | None, limit: int, ascending: bool
    ) -> ItemPage:
        """Return items behind one of them."""
        return await self._shelf.ask(
            organization,
            lambda: self._store.page(
                organization, id_, after=after, limit=limit, ascending=ascending
            ),
        )

    async def item(self, organization: str, id_: str, item: str) -> bytes:
        """Return one item."""
        return await self._shelf.ask(
            organization, lambda: self._store.item(organization, id_, item)
        )

    async def add(self, organization: str, id_: str, items: Sequence[Item]) -> None:
        """Put items at the end."""
        await self._shelf.ask(organization, lambda: self._store.add(organization, id_, items))

    async def remove(self, organization: str, id_: str, item: str) -> StoredConversation:
        """Erase one item."""
        return await self._shelf.ask(
            organization, lambda: self._store.remove(organization, id_, item)
        )

    async def read(self, organization: str, id_: str, *, most_bytes: int) -> Reading:
        """Return all of it, the oldest first."""
        return await self._shelf.ask(
            organization, lambda: self._store.read(organization, id_, most_bytes=most_bytes)
        )

    async def hold(self, organization: str, id_: str, version: int, holder: str) -> None:
        """Keep everybody else from changing its items."""
        await self._shelf.ask(
            organization, lambda: self._store.hold(organization, id_, version, holder)
        )

    async def renew(self, id_: str, holder: str) -> bool:
        """Hold it longer; false where it is no longer held."""
        return await self._shelf.ask(OURS, lambda: self._store.renew(id_, holder))

    async def release(self, id_: str, holder: str) -> None:
        """Hold it no longer. Never raises: what could not be released ends by itself."""
        with contextlib.suppress(Unavailable):
            await self._shelf.ask(OURS, lambda: self._store.release(id_, holder))

    async def append(self, organization: str, id_: str, holder: str, items: Sequence[Item]) -> bool:
        """Put at the end what was said; False where that was not possible in time. Never raises."""
        claim = Lock()  # taken once: by the thread that puts it there, or by who waits no longer

        def claimed() -> bool:
            return claim.acquire(blocking=False)

        try:
            return await self._shelf.ask(
                organization, lambda: self._store.append(organization, id_, holder, items, claimed)
            )
        except Unavailable:
            _LOG.warning("an answer was not put into its conversation", extra={"stored": id_})
            return not claim.acquire(blocking=False)  # or at the last moment
        except asyncio.CancelledError:
            claim.acquire(blocking=False)
            raise

    def start(self) -> None:
        """Begin to sweep."""
        self._sweeper = asyncio.create_task(self._sweep(), name="stored conversations")

    async def close(self) -> None:
        """Stop, and let go of the database."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        self._store.close()

    async def _sweep(self) -> None:
        while True:
            with contextlib.suppress(DatabaseError):
                await asyncio.to_thread(self._store.sweep)
            await self._sleep(SWEEP_SECONDS)
