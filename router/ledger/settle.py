"""Round trip 2: what a request held is replaced by what it used.

A settlement is sent at once, waited for by nobody, and not given up. It is written in the moment
its request ends and costs the client no time. Settling is idempotent, so what was not acknowledged
is sent again until the ledger says that it knows, and is kept on disk meanwhile (spool). What was
acknowledged in the last seconds is sent again to a server that restarted, since it may have lost
it.
"""

import asyncio
import contextlib
from collections import deque
from functools import partial
from typing import Any, Final

from router.ledger.codec import ADJUSTED, CODE, NOW, SETTLED, STALE, UNKNOWN, VECTOR
from router.ledger.heartbeats import Heartbeats
from router.ledger.hold import Hold
from router.ledger.outage import Outage
from router.ledger.reserve_call import ReserveCall
from router.ledger.server.errors import Disconnected, ErrorReply
from router.ledger.server.nodes import Nodes
from router.ledger.settlement import Settlement
from router.ledger.spool import SpoolThread

_TIMEOUT_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 0.1
_REMEMBERED_SECONDS: Final = 10.0


class Settlements:
    """Sends settlements and keeps each until it is acknowledged.

    Counts what was settled, adjusted after the reaper, and reserved anew because the ledger did not
    know it. `outage` hears when the ledger knows of everything again.
    """

    def __init__(self, nodes: Nodes, beats: Heartbeats, outage: Outage, spool: SpoolThread) -> None:
        self._nodes = nodes
        self._beats = beats
        self._outage = outage
        self._spool = spool
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time
        self._pending: dict[str, Settlement] = {}
        self._again: dict[str, Settlement] = {}
        self._recent: deque[tuple[float, Settlement]] = deque()
        self._local: set[str] = set()  # holds that only this process and its disk know
        self._task: asyncio.Task[None] | None = None
        self._empty: asyncio.Event | None = None  # made while somebody waits for the queue to drain
        self.settled = 0
        self.adjusted = 0
        self.recharged = 0

    def __len__(self) -> int:
        return len(self._pending)

    def settle(self, hold: Hold) -> None:
        """Settle a hold: written now, acknowledged later. Never raises, never waits."""
        self._beats.remove(hold)
        hold.frame.denied = None  # what it gives back may be what somebody waits for
        status, used, payload = hold.bill()
        settlement = Settlement(hold.shard, hold.hold_id, status, used, payload, hold.call)
        if hold.local is None:
            self.send(settlement)
            return
        call = hold.call
        self._outage.settle(call.quotas, hold.local, call.scopes(), VECTOR.unpack(used))
        self._local.discard(hold.hold_id)
        self._pending[hold.hold_id] = settlement
        self._later(settlement)

    def send(self, settlement: Settlement) -> None:
        """Send a settlement now. Never raises, never waits."""
        self._pending[settlement.hold_id] = settlement
        keys, args = settlement.call()
        future = self._nodes.send(
            "settle", settlement.shard.number, keys, args, seconds=_TIMEOUT_SECONDS
        )
        future.add_done_callback(partial(self._read, settlement))

    async def admit_local(self, settlement: Settlement) -> None:
        """Keep on disk what is charged should this process die while it serves a request that the
        ledger does not know. Raises OSError where the disk takes nothing.
        """
        self._local.add(settlement.hold_id)  # before it is on disk, so that nobody clears it there
        try:
            await self._spool.keep(settlement)
        except BaseException:
            self._local.discard(settlement.hold_id)
            raise

    def adopt(self) -> int:
        """Take over what dead processes left on disk; returns how many settlements."""
        adopted = self._spool.adopt()
        for settlement in adopted:
            self._pending[settlement.hold_id] = settlement
            self._later(settlement, spool=False)
        return len(adopted)

    def send_recent_again(self) -> None:
        """The server restarted: repeat what it acknowledged last."""
        self._forget_old()
        for _, settlement in self._recent:
            self._pending.setdefault(settlement.hold_id, settlement)
            self._later(settlement, spool=False)

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
        await self._spool.close()

    def _read(self, settlement: Settlement, future: asyncio.Future[Any]) -> None:
        if future.cancelled() or future.exception() is not None:
            self._later(settlement)
            return
        reply = future.result()
        if reply == SETTLED:
            self._acknowledged(settlement, reply)
        elif isinstance(reply, ErrorReply):
            self._nodes.trouble(settlement.shard.number, reply)
            self._later(settlement)
        elif reply == UNKNOWN and settlement.reserve is not None:
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
        pending.pop(settlement.hold_id, None)
        if not pending and (self._spool.used or self._empty is not None):
            self._at_rest()

    def _at_rest(self) -> None:
        """Everything is acknowledged: clear the spool, and wake who waited for it."""
        if self._spool.used and not self._local:
            self._spool.clear()
            self._outage.ledger_knows_all()
        if self._empty is not None:
            self._empty.set()
            self._empty = None

    def _forget_old(self) -> None:
        recent, horizon = self._recent, self._time() - _REMEMBERED_SECONDS
        while recent and recent[0][0] < horizon:
            recent.popleft()

    # What was not acknowledged at once.

    def _later(self, settlement: Settlement, *, spool: bool = True) -> None:
        self._again[settlement.hold_id] = settlement
        if spool:
            self._spool.write(settlement)
        if self._task is None or self._task.done():
            self._task = self._loop.create_task(self._send_again())

    async def _send_again(self) -> None:
        while self._again:
            settlement = next(iter(self._again.values()))
            try:
                reply = await self._settle_patiently(settlement)
            except Disconnected:
                # The next one first: whatever is wrong with this one alone stops nobody else.
                self._again[settlement.hold_id] = self._again.pop(settlement.hold_id)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                del self._again[settlement.hold_id]
                self._acknowledged(settlement, reply)

    async def _settle_patiently(self, settlement: Settlement) -> int:
        reply = await self._run("settle", settlement, *settlement.call())
        if reply == UNKNOWN and settlement.reserve is not None:
            # The ledger never knew the hold (an outage) or lost it (a restore, a failover to a
            # stale replica): reserve it whether or not it fits, then settle it. Both idempotent.
            await self._reserve_anyway(settlement, settlement.reserve.forced())
            reply = await self._run("settle", settlement, *settlement.call())
            self.recharged += 1
        return int(reply)

    async def _reserve_anyway(self, settlement: Settlement, call: ReserveCall) -> None:
        reply = await self._run("reserve", settlement, call.keys, call.args)
        if type(reply) is list and reply[CODE] == STALE:
            call = call.at(int(reply[NOW]))
            await self._run("reserve", settlement, call.keys, call.args)

    async def _run(self, script: str, settlement: Settlement, keys: Any, args: Any) -> Any:
        shard = settlement.shard.number
        return await self._nodes.run(script, shard, keys, args, seconds=_TIMEOUT_SECONDS)
