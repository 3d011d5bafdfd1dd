"""Which connection serves which virtual shard: one server, a Sentinel's master, or a Cluster."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from router.ledger.keys import shard
from router.ledger.server.address import LedgerAddress, Node
from router.ledger.server.clients import Masters, owners_of
from router.ledger.server.connection import PipelinedConnection

_WATCH_SECONDS: Final = 1.0
_ELECTION_SECONDS: Final = 0.1  # a cluster in the middle of an election is not asked faster
Greeting = Callable[[PipelinedConnection], Awaitable[None]]


class Topology(Protocol):
    """The nodes of one ledger."""

    async def open(self) -> None:
        """Connect to every node. Raises OSError, or what the greeting raises."""

    def connection(self, shard_number: int) -> PipelinedConnection:
        """The connection for a virtual shard's keys."""

    def connections(self) -> Sequence[PipelinedConnection]:
        """One connection per node."""

    def moved(self, connection: PipelinedConnection) -> None:
        """A node said that it is not, or no longer, the one to ask: look again."""

    async def close(self) -> None:
        """Close every connection."""


class SingleNode:
    """One server, or whichever one a Sentinel names as the master."""

    def __init__(self, address: LedgerAddress, timeout: float, greeting: Greeting) -> None:
        self._masters = Masters(address) if address.kind == "sentinel" else None
        self._watching: asyncio.Task[None] | None = None
        self._connection = PipelinedConnection(
            address.nodes[0], address, timeout=timeout, on_open=greeting,
            locate=None if self._masters is None else self._masters.find,
        )  # fmt: skip

    async def open(self) -> None:
        """Connect."""
        await self._connection.open()
        if self._masters is not None:
            self._watching = asyncio.get_running_loop().create_task(self._watch(self._masters))

    def connection(self, shard_number: int) -> PipelinedConnection:
        """The only one."""
        return self._connection

    def connections(self) -> Sequence[PipelinedConnection]:
        """The only one."""
        return (self._connection,)

    def moved(self, connection: PipelinedConnection) -> None:
        """The node is not a master any more: connect again, asking the Sentinels."""
        connection.kick()

    async def close(self) -> None:
        """Close it."""
        await _end(self._watching)
        await self._connection.close()
        if self._masters is not None:
            await self._masters.close()

    async def _watch(self, masters: Masters) -> None:
        """Leave a master that was replaced: it may go on answering for seconds, and forget it all
        when it becomes a replica.
        """
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            with contextlib.suppress(OSError):
                if await masters.find() != self._connection.node and self._connection.ready:
                    self._connection.kick()


class Cluster:
    """The masters of a Cluster. The map of slots is read again when a node says MOVED or leaves;
    `on_change` is called when a shard has another master than before.
    """

    def __init__(
        self,
        address: LedgerAddress,
        timeout: float,
        greeting: Greeting,
        *,
        shards: int,
        on_change: Callable[[], None],
    ) -> None:
        self._address = address
        self._timeout = timeout
        self._greeting = greeting
        self._on_change = on_change
        self._by_node: dict[Node, PipelinedConnection] = {}
        self._by_shard: list[PipelinedConnection] = []
        self._keys = [shard(number).scopes for number in range(shards)]
        self._looking: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Read the map and connect to every master."""
        await self._look()

    def connection(self, shard_number: int) -> PipelinedConnection:
        """The connection to the master of the shard's slot; looks again if that one is down."""
        connection = self._by_shard[shard_number]
        if not connection.ready:
            self._look_soon()
        return connection

    def connections(self) -> Sequence[PipelinedConnection]:
        """One for each master."""
        return tuple(dict.fromkeys(self._by_shard))

    def moved(self, connection: PipelinedConnection) -> None:
        """A slot has moved."""
        self._look_soon()

    async def close(self) -> None:
        """Close every connection."""
        await _end(self._looking)
        for connection in self._by_node.values():
            await connection.close()

    def _look_soon(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look_patiently())

    async def _look_patiently(self) -> None:
        with contextlib.suppress(OSError):
            await self._look()
        await asyncio.sleep(_ELECTION_SECONDS)

    async def _look(self) -> None:
        owners = await owners_of(self._keys, self._address, self._by_node)
        for node in set(owners) - self._by_node.keys():
            connection = PipelinedConnection(
                node, self._address, timeout=self._timeout, on_open=self._greeting
            )
            await connection.open()
            self._by_node[node] = connection
        before, self._by_shard = self._by_shard, [self._by_node[node] for node in owners]
        if before and before != self._by_shard:
            self._on_change()
        for node in self._by_node.keys() - set(owners):
            await self._by_node.pop(node).close()


async def _end(task: asyncio.Task[None] | None) -> None:
    """Cancel a task and wait until it is over."""
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
