"""Closes the holds of gateways that died: when their leases run out, any gateway's reaper does it.

It looks at every open hold: their leases are in their records, so that a request pays for no index.
"""

import asyncio
import contextlib
from typing import Final

from router.ledger.keys import Shard
from router.ledger.server.errors import Disconnected
from router.ledger.server.nodes import Nodes

_PAGE: Final = 100  # holds that one call looks at: it delays everybody else


class Reaper:
    """Visits every virtual shard each third of a lease."""

    def __init__(self, nodes: Nodes, shards: list[Shard], lease_ms: int) -> None:
        self._nodes = nodes
        self._shards = shards
        self._pause = lease_ms / 3000
        self.reaped = 0
        self._task = asyncio.get_running_loop().create_task(self._visit())

    async def close(self) -> None:
        """Stop."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def sweep(self) -> int:
        """Visit every shard that has leases once; returns how many holds were closed."""
        closed = await asyncio.gather(*(self._reap(shard) for shard in await self._leased()))
        self.reaped += sum(closed)
        return sum(closed)

    async def _leased(self) -> list[Shard]:
        """The shards with open holds, and those that do not answer: at rest, none."""
        calls = [
            self._nodes.connection(shard.number).call("EXISTS", shard.holds, seconds=1.0)
            for shard in self._shards
        ]
        replies = await asyncio.gather(*calls, return_exceptions=True)
        return [shard for shard, reply in zip(self._shards, replies, strict=True) if reply != 0]

    async def _visit(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            await self.sweep()

    async def _reap(self, shard: Shard) -> int:
        keys = (shard.holds, shard.clock, shard.journal)
        closed, cursor = 0, b"0"
        with contextlib.suppress(Disconnected):
            while True:
                cursor, count = await self._nodes.run(
                    "reap", shard.number, keys, (cursor, _PAGE), seconds=1.0
                )
                closed += int(count)
                if cursor == b"0":
                    break
        return closed
