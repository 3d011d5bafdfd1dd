"""Shares of a backend's slots: many gateways, one backend, tiers that were promised a part of it.

A pool is divided by the policy: a tier with `guaranteed_share` gets its slots whatever the others
do. While it is idle, all but one of them are lent; the first request of that tier ends the lending,
and lent slots come back as the borrowers' requests end.
"""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from router.ledger.keys import HoldIds, Shard, shard_of
from router.ledger.server.errors import Disconnected
from router.ledger.server.nodes import Nodes

LEASE_MS: Final = 15_000
IDLE_MS: Final = 10_000
_SECONDS: Final = 1.0
_POOL_KEYS: Final = ("leases", "members", "demand", "clock")
_ASK_AGAIN_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Share:
    """A tier's part of a pool, in slots: those it always finds, and the most it may take."""

    guaranteed: int
    ceiling: int


@dataclass(frozen=True, slots=True)
class SlotPool:
    """The slots of one backend, and how the policy divides them."""

    name: str
    slots: int
    shares: Mapping[str, Share]


def divide(name: str, slots: int, guaranteed: Mapping[str, float]) -> SlotPool:
    """A pool from the policy's shares (tier -> part of the slots, 0 to 1), rounded down to slots.

    Where the shares promise more slots than there are, only tiers with a share are served.
    """
    promised = {tier: int(slots * part) for tier, part in guaranteed.items()}
    return SlotPool(name, slots, {tier: Share(n, slots) for tier, n in promised.items() if n})


class Shares:
    """Takes and gives back slots for this process, and renews those it has.

    Raises Disconnected while the ledger is away; a slot whose gateway dies is free after its lease.
    """

    def __init__(
        self, nodes: Nodes, shards: list[Shard], *, lease_ms: int = LEASE_MS, idle_ms: int = IDLE_MS
    ) -> None:
        self._nodes = nodes
        self._shards = shards
        self._lease_ms = lease_ms
        self._idle_ms = idle_ms
        self._ids = HoldIds(len(shards))
        self._mine: dict[str, set[str]] = defaultdict(set)
        self._giving: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._renew())

    async def take(self, pool: SlotPool, tier: str) -> str | None:
        """Take a slot for a tier's request: its id, or None where none is free for this tier."""
        home = self._home(pool.name)
        slot_id = self._ids.new(time.time_ns() // 1_000_000, home.number)
        args: list[str | int] = ["take", slot_id, tier, pool.slots, self._lease_ms, self._idle_ms]
        for name, share in pool.shares.items():
            args += (name, share.guaranteed, share.ceiling)
        refused, *_ = await self._run(pool.name, args)
        if refused:
            return None
        self._mine[pool.name].add(slot_id)
        return slot_id

    async def claim(
        self, name: str, slots: int, guaranteed: Mapping[str, float], tier: str, seconds: float
    ) -> Callable[[], None] | None:
        """Take a slot, after at most `seconds`: returns what gives it back, None where none.

        While the ledger is away every claim succeeds: each gateway's own bound is what remains.
        """
        pool = divide(name, slots, guaranteed)
        deadline = self._loop.time() + seconds
        while True:
            try:
                slot_id = await self.take(pool, tier)
            except Disconnected:
                return _no_slot_taken
            if slot_id is not None:
                return partial(self._give_soon, pool, slot_id)
            left = deadline - self._loop.time()
            if left <= 0:
                return None
            await asyncio.sleep(min(_ASK_AGAIN_SECONDS, left))

    def _give_soon(self, pool: SlotPool, slot_id: str) -> None:
        task = self._loop.create_task(self.give(pool, slot_id))
        self._giving.add(task)
        task.add_done_callback(self._giving.discard)

    async def give(self, pool: SlotPool, slot_id: str) -> None:
        """Give a slot back. Harmless where it was given back before."""
        self._mine[pool.name].discard(slot_id)
        with contextlib.suppress(Disconnected):  # its lease will expire
            await self._run(pool.name, ["give", slot_id])

    async def close(self) -> None:
        """Give everything back and stop."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        for name, slot_ids in self._mine.items():
            if slot_ids:
                with contextlib.suppress(Disconnected):
                    await self._run(name, ["give", *slot_ids])

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lease_ms / 3000)
            for name, slot_ids in self._mine.items():
                if slot_ids:
                    with contextlib.suppress(Disconnected):
                        await self._run(name, ["renew", self._lease_ms, *slot_ids])

    async def _run(self, pool: str, args: list[str | int]) -> list[int]:
        home = self._home(pool)
        keys = [f"{home.base}cap:{pool}:{name}" for name in _POOL_KEYS]
        reply = await self._nodes.run("pool", home.number, keys, args, seconds=_SECONDS)
        return reply if isinstance(reply, list) else [reply]

    def _home(self, pool: str) -> Shard:
        return self._shards[shard_of(pool, len(self._shards))]


def _no_slot_taken() -> None:
    """There is nothing to give back."""
