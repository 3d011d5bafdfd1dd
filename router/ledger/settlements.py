"""Settlements on their way: sent at once, waited for by nobody, and not given up.

A settlement is written in the moment its request ends and costs the client no time. Settling is
idempotent, so what was not acknowledged is simply sent again until the ledger says that it knows.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import hiredis

from router.ledger.connection import Disconnected, Part
from router.ledger.keys import Shard
from router.ledger.nodes import Nodes

SETTLED, SETTLED_BEFORE, ADJUSTED, UNKNOWN = 0, 1, 3, -3
_TIMEOUT_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Settlement:
    """One request's end: what it used, and the reservation to make again should the ledger have
    lost it (`reservation` is None for a reserve whose outcome is unknown: nothing was served).
    """

    shard: Shard
    rid: str
    status: str
    used: bytes
    payload: bytes
    reservation: tuple[Sequence[Part], Sequence[Part]] | None


class Settlements:
    """Sends settlements and keeps each until it is acknowledged."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._loop = asyncio.get_running_loop()
        self._pending: dict[str, Settlement] = {}
        self._again: dict[str, Settlement] = {}
        self._task: asyncio.Task[None] | None = None
        self._empty = asyncio.Event()
        self._empty.set()
        self.settled = 0
        self.adjusted = 0
        self.recharged = 0

    def __len__(self) -> int:
        return len(self._pending)

    def settle(self, settlement: Settlement) -> None:
        """Send a settlement. Never raises, never waits."""
        self._pending[settlement.rid] = settlement
        self._empty.clear()
        self._send(settlement)

    async def drain(self, seconds: float) -> bool:
        """Wait until everything is acknowledged; false where that took too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        return not self._pending

    def unacknowledged(self) -> list[Settlement]:
        """What the ledger has not acknowledged."""
        return list(self._pending.values())

    async def close(self) -> None:
        """Stop sending again."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _send(self, settlement: Settlement) -> None:
        shard = settlement.shard
        future = self._nodes.send(
            "settle", shard.number,
            (shard.records + settlement.rid, shard.leases, shard.clock, shard.journal),
            (settlement.rid, settlement.status, settlement.used, settlement.payload),
            seconds=_TIMEOUT_SECONDS,
        )  # fmt: skip
        future.add_done_callback(self._reader_of(settlement))

    def _reader_of(self, settlement: Settlement) -> Callable[[asyncio.Future[Any]], None]:
        def read(future: asyncio.Future[Any]) -> None:
            if future.cancelled() or future.exception() is not None:
                self._later(settlement)
                return
            reply = future.result()
            if isinstance(reply, hiredis.ReplyError):
                self._nodes.trouble(settlement.shard.number, reply)
                self._later(settlement)
            elif reply == UNKNOWN and settlement.reservation is not None:
                self._later(settlement)
            else:
                self._acknowledged(settlement, reply)

        return read

    def _acknowledged(self, settlement: Settlement, reply: int) -> None:
        self.settled += reply == SETTLED
        self.adjusted += reply == ADJUSTED
        self._pending.pop(settlement.rid, None)
        if not self._pending:
            self._empty.set()

    def _later(self, settlement: Settlement) -> None:
        self._again[settlement.rid] = settlement
        if self._task is None or self._task.done():
            self._task = self._loop.create_task(self._send_again())

    async def _send_again(self) -> None:
        while self._again:
            batch, self._again = self._again, {}
            for settlement in batch.values():
                try:
                    reply = await self._settle_patiently(settlement)
                except Disconnected:
                    self._again[settlement.rid] = settlement
                else:
                    self._acknowledged(settlement, reply)
            if self._again:
                await asyncio.sleep(_RETRY_SECONDS)

    async def _settle_patiently(self, settlement: Settlement) -> int:
        shard = settlement.shard
        keys = (shard.records + settlement.rid, shard.leases, shard.clock, shard.journal)
        args = (settlement.rid, settlement.status, settlement.used, settlement.payload)
        reply = await self._nodes.run("settle", shard.number, keys, args, seconds=_TIMEOUT_SECONDS)
        if reply == UNKNOWN and settlement.reservation is not None:
            # The ledger lost the reservation (a restore, a failover to a stale replica): make it
            # again whether or not it fits, then settle it. Both are idempotent.
            await self._nodes.run("reserve", shard.number, *settlement.reservation)
            reply = await self._nodes.run(
                "settle", shard.number, keys, args, seconds=_TIMEOUT_SECONDS
            )
            self.recharged += 1
        return int(reply)
