"""The usage journal: streams that settle and reap write, read out and deleted once stored.

No consumer groups: any gateway may read, one at a time holds the reader's lease, an entry is
deleted only after it is stored, and storing one twice is harmless.
"""

from collections.abc import Sequence
from typing import Final

from router.ledger.codec import read_row
from router.ledger.keys import PREFIX, Shard
from router.ledger.server.nodes import Nodes
from router.usage_row import JournalRow

_READER_LEASE: Final = f"{PREFIX}:{{v00}}:reader_lease"
_READER_LEASE_MS: Final = 10_000


class JournalEntry:
    """One row of the journal: its place, and its fields, unparsed."""

    __slots__ = ("_fields", "entry_id", "shard")

    def __init__(self, shard: int, entry_id: bytes, fields: Sequence[bytes]) -> None:
        self.shard = shard
        self.entry_id = entry_id
        self._fields = fields

    def row(self) -> JournalRow:
        """The row it holds. Raises ValueError for a foreign entry."""
        return read_row(self._fields)


class JournalStreams:
    """The journal's streams, all virtual shards together. Its methods raise Disconnected."""

    def __init__(self, nodes: Nodes, shards: list[Shard], reader: str) -> None:
        self._nodes = nodes
        self._shards = shards
        self._reader = reader
        self._first = 0

    async def take_reader_lease(self) -> bool:
        """Become, or stay, the one that reads. The lease ends ten seconds after the last call."""
        node = self._nodes.connection(0)
        taken = await node.ask("SET", _READER_LEASE, self._reader, "NX", "PX", _READER_LEASE_MS)
        if taken is None and await node.ask("GET", _READER_LEASE) == self._reader.encode():
            taken = await node.ask("PEXPIRE", _READER_LEASE, _READER_LEASE_MS)
        return bool(taken)

    async def drop_reader_lease(self) -> None:
        """Let another one read at once."""
        node = self._nodes.connection(0)
        if await node.ask("GET", _READER_LEASE) == self._reader.encode():
            await node.ask("DEL", _READER_LEASE)

    async def read(self, most: int) -> list[JournalEntry]:
        """The oldest entries of shards that have some, `most` of them in all. Every call begins
        with another shard, so that none waits for one that never runs dry.
        """
        lengths = await self._lengths()
        self._first = (self._first + 1) % len(self._shards)
        counts: dict[int, int] = {}
        for shard in (*self._shards[self._first :], *self._shards[: self._first]):
            count = min(lengths[shard.number], most)
            if count > 0:
                most -= count
                counts[shard.number] = count
        streams = await self._nodes.ask_all(
            (number, ("XRANGE", self._shards[number].journal, "-", "+", "COUNT", count))
            for number, count in counts.items()
        )
        return [
            JournalEntry(number, entry_id, fields)
            for number, stream in zip(counts, streams, strict=True)
            for entry_id, fields in stream
        ]

    async def forget(self, entries: list[JournalEntry]) -> None:
        """Delete entries: they are stored."""
        by_shard: dict[int, list[bytes]] = {}
        for entry in entries:
            by_shard.setdefault(entry.shard, []).append(entry.entry_id)
        await self._nodes.ask_all(
            (number, ("XDEL", self._shards[number].journal, *ids))
            for number, ids in by_shard.items()
        )

    async def backlog(self) -> int:
        """How many entries wait to be stored."""
        return sum(await self._lengths())

    async def _lengths(self) -> list[int]:
        """How many entries each shard has."""
        return await self._nodes.ask_all(
            (shard.number, ("XLEN", shard.journal)) for shard in self._shards
        )
