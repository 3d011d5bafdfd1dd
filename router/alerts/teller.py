"""Tells an event once, however many gateways see it: by a claim in their ledger.

While the ledger is away the claim is made in the database, which gateways of one machine, or of one
PostgreSQL, share. An event that could be neither claimed nor kept is told at a later look.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

from router.alerts.alert import Event
from router.alerts.outbox import Outbox
from router.alerts.store import AlertStore
from router.database import DatabaseError
from router.ledger.once import Once
from router.ledger.server.errors import Disconnected

_LOG: Final = logging.getLogger("turnout")
_REMEMBERED_MS: Final = 60_000  # for which an event that was told is not asked about
_MOST_REMEMBERED: Final = 20_000
_MOST_LATER: Final = 1_000


class Teller:
    """`told` counts the alerts that this process told, by kind; `lost` those that found no place
    to wait in.
    """

    def __init__(
        self, once: Once, store: AlertStore, outbox: Outbox, *, now: Callable[[], int]
    ) -> None:
        self._once = once
        self._store = store
        self._outbox = outbox
        self._now = now
        self._known: dict[str, int] = {}
        self._later: dict[str, Event] = {}
        self.told: Counter[str] = Counter()
        self.lost = 0

    async def tell(self, event: Event) -> bool:
        """Tell an event, unless somebody did; whether it was told here."""
        if self._known.get(event.name, 0) > self._now():
            return False
        try:
            told = await self._claimed(event.name, event.ms) and await self._put(event)
        except DatabaseError:
            self._wait(event)
            return False
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[event.name] = self._now() + min(event.ms, _REMEMBERED_MS)
        self._later.pop(event.name, None)
        return told

    async def tell_later_ones(self) -> None:
        """Try those again that could not be told."""
        for event in list(self._later.values()):
            await self.tell(event)

    async def pass_over(self, name: str, ms: int) -> None:
        """Let nobody tell what is told with something else."""
        try:
            await self._once.keep(name, ms)
        except Disconnected:
            return
        self._known[name] = self._now() + min(ms, _REMEMBERED_MS)

    async def over(self, name: str) -> bool:
        """What was told of is over: it may be told again. Whether anybody had told it."""
        self._known.pop(name, None)
        self._later.pop(name, None)
        try:
            there = await self._once.release(name)
        except Disconnected:
            there = False
        try:
            return await asyncio.to_thread(self._store.release, [name]) or there
        except DatabaseError:
            return there

    async def _claimed(self, name: str, ms: int) -> bool:
        try:
            return await self._once.claim(name)
        except Disconnected:
            now = self._now()
            return await asyncio.to_thread(partial(self._store.claim, name, now + ms, now))

    async def _put(self, event: Event) -> bool:
        try:
            new = await self._outbox.put(event.alert(self._now()))
        except DatabaseError:
            await self._give_back(event.name)
            raise
        try:
            await self._once.keep(event.name, event.ms)
        except Disconnected:
            _LOG.info("an alert is told, and its claim could not be kept in the ledger")
        self.told[event.kind] += new
        return new

    async def _give_back(self, name: str) -> None:
        try:
            await self._once.release(name)
        except Disconnected:
            return  # it ends by itself

    def _wait(self, event: Event) -> None:
        if event.name in self._later:
            return
        if len(self._later) >= _MOST_LATER:
            self.lost += 1
            return
        _LOG.warning("an alert waits for the database", extra={"kind": event.kind})
        self._later[event.name] = event
