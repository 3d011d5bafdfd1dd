"""Heartbeats: one task per process tells the ledger which holds are alive, and their progress.

A hold that reached a backend is renewed soon after (so that a crash is charged for its prompt),
then every third of its lease. Short requests end before their first beat and cost nothing here; a
process without holds does not tick.
"""

import asyncio
import contextlib
from collections import defaultdict
from typing import Final

from router.ledger.codec import GONE
from router.ledger.hold import Hold
from router.ledger.server.connection import CommandPart
from router.ledger.server.errors import Disconnected
from router.ledger.server.nodes import Nodes

_TICK_SECONDS: Final = 0.1
_SOON_SECONDS: Final = 0.2
_LARGEST_BATCH: Final = 50  # a script that runs longer than a few milliseconds delays everybody


class Heartbeats:
    """Renews the leases of the holds of this process. `lease_ms`: what a renewal is worth."""

    def __init__(self, nodes: Nodes, lease_ms: int) -> None:
        self._nodes = nodes
        self._lease_ms = lease_ms
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time
        self._rest = lease_ms / 3000
        self._holds: dict[str, Hold] = {}
        self._ticking = False  # or scheduled
        self._wanted = asyncio.Event()
        self._task = self._loop.create_task(self._beat())
        self.lost = 0

    def __len__(self) -> int:
        return len(self._holds)

    def add(self, hold: Hold) -> None:
        """Begin to renew a hold."""
        hold.due = self._time() + self._rest
        self._holds[hold.hold_id] = hold
        if not self._ticking:
            self._ticking = True
            self._loop.call_later(_TICK_SECONDS, self._wanted.set)

    def renew_soon(self, hold: Hold) -> None:
        """Renew a hold shortly: something about it has changed."""
        due = self._time() + _SOON_SECONDS
        hold.due = min(hold.due, due)

    def remove(self, hold: Hold) -> None:
        """Stop renewing a hold."""
        self._holds.pop(hold.hold_id, None)

    def live(self) -> list[Hold]:
        """The holds of this process."""
        return list(self._holds.values())

    async def close(self) -> None:
        """Stop; the leases run out by themselves."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _beat(self) -> None:
        while True:
            await self._wanted.wait()
            while self._holds:
                await self._renew_due()
                await asyncio.sleep(_TICK_SECONDS)
            self._wanted.clear()
            self._ticking = False

    async def _renew_due(self) -> None:
        now = self._loop.time()
        due: dict[int, list[Hold]] = defaultdict(list)
        for hold in self._holds.values():
            if hold.due <= now:
                hold.due = now + self._rest
                due[hold.shard.number].append(hold)
        for holds in due.values():
            for first in range(0, len(holds), _LARGEST_BATCH):
                await self.renew(holds[first : first + _LARGEST_BATCH])

    async def renew(self, holds: list[Hold]) -> None:
        """Renew holds of one virtual shard now; marks those whose lease is gone as lost."""
        shard = holds[0].shard
        keys = (shard.holds, shard.clock)
        args: list[CommandPart] = [self._lease_ms]
        for hold in holds:
            args += (hold.hold_id, "d" if hold.is_dispatched else "", *hold.progress())
        try:
            replies = await self._nodes.run("renew", shard.number, keys, args, seconds=1.0)
        except Disconnected:
            for hold in holds:
                hold.due = 0.0
            return
        for hold, reply in zip(holds, replies, strict=True):
            if reply == GONE and hold.hold_id in self._holds:
                hold.lost = True
                self.lost += 1
                self.remove(hold)
