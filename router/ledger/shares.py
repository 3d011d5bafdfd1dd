"""Shares of a backend's slots: many gateways, one backend, tiers that were promised a part of it.

A pool is divided by the policy: a tier with `guaranteed_share` finds its slots whatever the others
do. While it is idle, all but one of them are lent; the first request of that tier ends the lending,
and what was lent comes back as the borrowers end.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from router.ledger.connection import Disconnected
from router.ledger.keys import HoldIds, Shard, shard_of
from router.ledger.nodes import Nodes

LEASE_MS: Final = 15_000
IDLE_MS: Final = 10_000
_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Share:
    """A tier's part of a pool, in slots: those it always finds, and the most it may take."""

    guaranteed: int
    ceiling: int


@dataclass(frozen=True, slots=True)
class Pool:
    """The slots of one backend, and how the policy divides them."""

    name: str
    slots: int
    shares: Mapping[str, Share]


def divide(name: str, slots: int, guaranteed: Mapping[str, float]) -> Pool:
    """A pool from the policy's shares (tier -> part of the slots, 0 to 1).

    A share is rounded down, yet never below one slot. Raises ValueError where the shares promise
    more than there is.
    """
    promised = {tier: max(1, int(slots * part)) for tier, part in guaranteed.items() if part > 0}
    if sum(promised.values()) > slots:
        raise ValueError(
            f"The guaranteed shares of {name} promise {sum(promised.values())} of {slots} slots:"
            " lower them, or give the backend more slots."
        )
    return Pool(name, slots, {tier: Share(count, slots) for tier, count in promised.items()})


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
        self._ids = HoldIds()
        self._mine: dict[str, set[str]] = defaultdict(set)
        self._task = asyncio.get_running_loop().create_task(self._renew())

    async def take(self, pool: Pool, tier: str) -> str | None:
        """Take a slot for a tier's request: its id, or None where there is none to be had."""
        rid = self._ids.new()
        args: list[str | int] = ["take", rid, tier, pool.slots, self._lease_ms, self._idle_ms]
        for name, share in pool.shares.items():
            args += (name, share.guaranteed, share.ceiling)
        refused, *_ = await self._run(pool.name, args)
        if refused:
            return None
        self._mine[pool.name].add(rid)
        return rid

    async def give(self, pool: Pool, rid: str) -> None:
        """Give a slot back. Harmless where it was given back before."""
        self._mine[pool.name].discard(rid)
        with contextlib.suppress(Disconnected):  # the lease gives it back
            await self._run(pool.name, ["give", rid])

    async def close(self) -> None:
        """Give everything back and stop."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        for name, rids in self._mine.items():
            if rids:
                with contextlib.suppress(Disconnected):
                    await self._run(name, ["give", *rids])

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lease_ms / 3000)
            for name, rids in self._mine.items():
                if rids:
                    with contextlib.suppress(Disconnected):
                        await self._run(name, ["renew", self._lease_ms, *rids])

    async def _run(self, pool: str, args: list[str | int]) -> list[int]:
        home = self._shards[shard_of(pool, len(self._shards))]
        base = f"{home.scopes.removesuffix('s:')}cap:{pool}:"
        keys = [base + end for end in ("x", "m", "d", "t")]
        reply = await self._nodes.run("pool", home.number, keys, args, seconds=_SECONDS)
        return reply if isinstance(reply, list) else [reply]
