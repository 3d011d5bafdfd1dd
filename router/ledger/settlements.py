"""Settlements on their way: sent at once, waited for by nobody, and not given up.

A settlement is written in the moment its request ends and costs the client no time. Settling is
idempotent, so what was not acknowledged is sent again until the ledger says that it knows, and is
kept on disk meanwhile. What was acknowledged in the last seconds is told again to a server that
restarted, since it may have lost them.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import hiredis

from router.ledger.server.connection import Disconnected
from router.ledger.server.nodes import Nodes
from router.ledger.settlement import Reservation, Settlement
from router.ledger.spool import Spool

log = logging.getLogger(__name__)

SETTLED, SETTLED_BEFORE, ADJUSTED, UNKNOWN, STALE = 0, 1, 3, -3, -2
_NOW: Final = 6
_TIMEOUT_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 0.1
_REMEMBERED_SECONDS: Final = 10.0


class Settlements:
    """Sends settlements and keeps each until it is acknowledged.

    `on_told` is called when the ledger knows again of everything that it was not told at once.
    """

    def __init__(
        self, nodes: Nodes, spool: Spool | None, on_told: Callable[[], None] = lambda: None
    ) -> None:
        self._nodes = nodes
        self._spool = spool
        self._on_told = on_told
        self._disk = ThreadPoolExecutor(1, "ledger-spool")
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time
        self._pending: dict[str, Settlement] = {}
        self._again: dict[str, Settlement] = {}
        self._recent: deque[tuple[float, Settlement]] = deque()
        self._adopted: list[Any] = []
        self._local: set[str] = set()
        self._spooled = False
        self._task: asyncio.Task[None] | None = None
        self._empty: asyncio.Event | None = None  # while somebody waits for it
        self.settled = 0
        self.adjusted = 0
        self.recharged = 0
        self.spool_failures = 0

    def __len__(self) -> int:
        return len(self._pending)

    def settle(self, settlement: Settlement) -> None:
        """Send a settlement. Never raises, never waits."""
        rid = settlement.rid
        self._pending[rid] = settlement
        if self._local and rid in self._local:
            self._local.discard(rid)
            self._later(settlement)
            return
        future = self._nodes.send(
            "settle", settlement.shard.number, *settlement.call(), seconds=_TIMEOUT_SECONDS
        )
        future.add_done_callback(partial(self._read, settlement))

    async def admit_local(self, settlement: Settlement) -> None:
        """Keep on disk what is charged should this process die while it serves a request that the
        ledger does not know. Raises OSError where the disk takes nothing.
        """
        if self._spool is None:
            raise OSError("no spool")
        await self._loop.run_in_executor(self._disk, self._spool.append, settlement)
        self._spooled = True
        self._local.add(settlement.rid)

    def adopt(self) -> int:
        """Take over what dead processes left on disk; returns how many settlements."""
        if self._spool is None:
            return 0
        found, self._adopted = self._spool.adopt()
        for settlement in found:
            self._pending[settlement.rid] = settlement
            self._later(settlement, spool=False)
        if found:
            self._spooled = True
        else:
            self._forget_spool()
        return len(found)

    def tell_again(self) -> None:
        """The server restarted: repeat what it acknowledged last."""
        self._forget_old()
        for _, settlement in self._recent:
            self._pending.setdefault(settlement.rid, settlement)
            self._later(settlement, spool=False)

    def on_disk(self) -> None:
        """Block until what is on its way to the spool is there."""
        self._disk.submit(int).result()

    def spool_path(self) -> Path:
        """The spool's file. Raises LookupError where there is no spool."""
        if self._spool is None:
            raise LookupError("This ledger has no spool.")
        return self._spool.path

    async def drain(self, seconds: float) -> bool:
        """Wait until everything is acknowledged; false where that took too long."""
        if self._pending:
            self._empty = self._empty or asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._empty.wait()
        return not self._pending

    async def close(self) -> None:
        """Stop; what is not acknowledged stays on disk for the next process."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._loop.run_in_executor(None, self._disk.shutdown)
        if self._spool is not None:
            self._spool.close()
            self._spool.release(self._adopted)

    def _read(self, settlement: Settlement, future: asyncio.Future[Any]) -> None:
        if future.cancelled() or future.exception() is not None:
            self._later(settlement)
            return
        reply = future.result()
        if reply == SETTLED:
            self._acknowledged(settlement, reply)
        elif isinstance(reply, hiredis.ReplyError):
            self._nodes.trouble(settlement.shard.number, reply)
            self._later(settlement)
        elif reply == UNKNOWN and settlement.reservation is not None:
            self._later(settlement)
        else:
            self._acknowledged(settlement, reply)

    def _acknowledged(self, settlement: Settlement, reply: int) -> None:
        if reply == SETTLED:
            self.settled += 1
            now, recent = self._time(), self._recent
            recent.append((now, settlement))
            if recent[0][0] < now - _REMEMBERED_SECONDS:
                self._forget_old()
        elif reply == ADJUSTED:
            self.adjusted += 1
        pending = self._pending
        pending.pop(settlement.rid, None)
        if not pending and (self._spooled or self._empty is not None):
            self._at_rest()

    def _at_rest(self) -> None:
        """Everything is acknowledged: the spool is not needed, and who waited for it may go on."""
        if self._spooled and not self._local:
            self._spooled = False
            self._disk.submit(self._forget_spool)
            self._on_told()
        if self._empty is not None:
            self._empty.set()
            self._empty = None

    def _forget_old(self) -> None:
        recent, horizon = self._recent, self._time() - _REMEMBERED_SECONDS
        while recent and recent[0][0] < horizon:
            recent.popleft()

    def _later(self, settlement: Settlement, *, spool: bool = True) -> None:
        self._again[settlement.rid] = settlement
        if spool and self._spool is not None:
            self._spooled = True
            self._disk.submit(self._write, settlement)
        if self._task is None or self._task.done():
            self._task = self._loop.create_task(self._send_again())

    async def _send_again(self) -> None:
        while self._again:
            settlement = next(iter(self._again.values()))
            try:
                reply = await self._settle_patiently(settlement)
            except Disconnected:
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                del self._again[settlement.rid]
                self._acknowledged(settlement, reply)

    async def _settle_patiently(self, settlement: Settlement) -> int:
        reply = await self._settle_once(settlement)
        if reply == UNKNOWN and settlement.reservation is not None:
            # The ledger never knew the reservation (an outage) or lost it (a restore, a failover to
            # a stale replica): make it whether or not it fits, then settle it. Both idempotent.
            await self._reserve_anyway(settlement, settlement.reservation.forced())
            reply = await self._settle_once(settlement)
            self.recharged += 1
        return reply

    async def _settle_once(self, settlement: Settlement) -> int:
        number, (keys, args) = settlement.shard.number, settlement.call()
        return int(await self._nodes.run("settle", number, keys, args, seconds=_TIMEOUT_SECONDS))

    async def _reserve_anyway(self, settlement: Settlement, call: Reservation) -> None:
        number, seconds = settlement.shard.number, _TIMEOUT_SECONDS
        reply = await self._nodes.run("reserve", number, call.keys, call.args, seconds=seconds)
        if reply[0] == STALE:
            call = call.at(int(reply[_NOW]))
            await self._nodes.run("reserve", number, call.keys, call.args, seconds=seconds)

    # On the disk's own thread.

    def _write(self, settlement: Settlement) -> None:
        if self._spool is None:
            return
        try:
            self._spool.append(settlement)
        except OSError as error:
            self.spool_failures += 1
            log.warning("The ledger's spool takes nothing (%s): kept in memory only", error)

    def _forget_spool(self) -> None:
        if self._spool is not None:
            self._spool.clear()
            self._spool.drop(self._adopted)
            self._adopted = []
