"""Which connection serves which virtual shard: one server, a Sentinel's master, or a Cluster."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

import hiredis

from router.ledger.keys import shard
from router.ledger.server.address import Address, Node
from router.ledger.server.connection import Connection, Disconnected

_SLOTS: Final = 16384
_WATCH_SECONDS: Final = 1.0
Greeting = Callable[[Connection], Awaitable[None]]


class Topology(Protocol):
    """The nodes of one ledger."""

    async def open(self) -> None:
        """Connect to every node. Raises OSError, Disconnected, or what the greeting raises."""

    def connection(self, shard_number: int) -> Connection:
        """The connection for a virtual shard's keys."""

    def connections(self) -> Sequence[Connection]:
        """One connection per node."""

    def moved(self, connection: Connection, error: hiredis.ReplyError) -> None:
        """A node said that it is not, or no longer, the one to ask: look again."""

    async def close(self) -> None:
        """Close every connection."""


def key_slot(tag: str) -> int:
    """The cluster slot of a hash tag: CRC-16/XMODEM modulo 16384."""
    crc = 0
    for byte in tag.encode():
        crc ^= byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ 0x1021) & 0xFFFF if crc & 0x8000 else crc << 1
    return crc % _SLOTS


def shard_slot(number: int) -> int:
    """The cluster slot of a virtual shard."""
    scopes = shard(number).scopes
    return key_slot(scopes[scopes.index("{") + 1 : scopes.index("}")])


class SingleNode:
    """One server, or whichever one a Sentinel names as the master."""

    def __init__(self, address: Address, timeout: float, greeting: Greeting) -> None:
        locate = self._ask_sentinels if address.kind == "sentinel" else None
        self._address = address
        self._watching: asyncio.Task[None] | None = None
        self._connection = Connection(
            address.nodes[0], address, timeout=timeout, on_open=greeting, locate=locate
        )

    async def open(self) -> None:
        """Connect."""
        await self._connection.open()
        if self._address.kind == "sentinel":
            self._watching = asyncio.get_running_loop().create_task(self._watch())

    def connection(self, shard_number: int) -> Connection:
        """The only one."""
        return self._connection

    def connections(self) -> Sequence[Connection]:
        """The only one."""
        return (self._connection,)

    def moved(self, connection: Connection, error: hiredis.ReplyError) -> None:
        """The node is not a master any more: connect again, asking the Sentinels."""
        connection.kick()

    async def close(self) -> None:
        """Close it."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        await self._connection.close()

    async def _watch(self) -> None:
        """Leave a master that was replaced: it may go on answering for seconds, and forget it all
        when it becomes a replica.
        """
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            with contextlib.suppress(OSError):
                if await self._ask_sentinels() != self._connection.node and self._connection.ready:
                    self._connection.kick()

    async def _ask_sentinels(self) -> Node:
        for sentinel in self._address.nodes:
            asked = Connection(sentinel, Address("single", (sentinel,)), timeout=1.0)
            try:
                await asked.open()
                found = await asked.ask(
                    "SENTINEL", "get-master-addr-by-name", self._address.service
                )
            except (OSError, hiredis.ReplyError):
                continue
            finally:
                await asked.close()
            if found:
                return Node(found[0].decode(), int(found[1]))
        raise Disconnected(f"No Sentinel knows a master named {self._address.service}.")


class Cluster:
    """The masters of a Cluster. The map of slots is read again when a node says MOVED or leaves;
    `on_change` is called when a shard has another master than before.
    """

    def __init__(
        self,
        address: Address,
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
        self._by_node: dict[Node, Connection] = {}
        self._by_shard: list[Connection] = []
        self._slots = [shard_slot(number) for number in range(shards)]
        self._looking: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Read the map and connect to every master."""
        await self._look()

    def connection(self, shard_number: int) -> Connection:
        """The connection to the master of the shard's slot; looks again if that one is down."""
        connection = self._by_shard[shard_number]
        if not connection.ready:
            self._look_soon()
        return connection

    def connections(self) -> Sequence[Connection]:
        """One for each master."""
        return tuple(dict.fromkeys(self._by_shard))

    def moved(self, connection: Connection, error: hiredis.ReplyError) -> None:
        """A slot has moved."""
        self._look_soon()

    async def close(self) -> None:
        """Close every connection."""
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking
        for connection in self._by_node.values():
            await connection.close()

    def _look_soon(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look_patiently())

    async def _look_patiently(self) -> None:
        with contextlib.suppress(OSError, hiredis.ReplyError):
            await self._look()
        await asyncio.sleep(0.1)  # a cluster in the middle of an election is not asked faster

    async def _look(self) -> None:
        ranges = await self._read_map()
        masters = {Node(_host(start[2][0]), int(start[2][1])) for start in ranges}
        for node in masters - self._by_node.keys():
            connection = Connection(
                node, self._address, timeout=self._timeout, on_open=self._greeting
            )
            await connection.open()
            self._by_node[node] = connection
        before, self._by_shard = self._by_shard, [self._owner(ranges, slot) for slot in self._slots]
        if before and before != self._by_shard:
            self._on_change()
        for node in self._by_node.keys() - masters:
            await self._by_node.pop(node).close()

    def _owner(self, ranges: Sequence[Any], slot: int) -> Connection:
        for first, last, master, *_ in ranges:
            if first <= slot <= last:
                return self._by_node[Node(_host(master[0]), int(master[1]))]
        raise Disconnected("The cluster does not serve every slot; see CLUSTER INFO.")

    async def _read_map(self) -> Sequence[Any]:
        known = [*self._by_node, *self._address.nodes]
        for node in dict.fromkeys(known):
            asked = Connection(node, self._address, timeout=1.0)
            try:
                await asked.open()
                ranges: Sequence[Any] = await asked.ask("CLUSTER", "SLOTS")
            except OSError:
                continue
            finally:
                await asked.close()
            if ranges:
                return ranges
        raise Disconnected("No node of the cluster tells who serves what.")


def _host(raw: bytes) -> str:
    return raw.decode()
