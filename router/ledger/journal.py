"""The usage journal: streams that settle and reap write, read out and deleted once stored.

No consumer groups: any gateway may read, one at a time holds the pen (a lease), an entry is deleted
only after it is stored, and storing one twice is harmless.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

import hiredis

from router.ledger.connection import Connection, Disconnected
from router.ledger.keys import PREFIX, Shard
from router.ledger.nodes import Nodes

_PEN: Final = f"{PREFIX}:{{v00}}:pen"
_PEN_MS: Final = 10_000
_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the journal, where it lies and what it says."""

    shard: int
    entry_id: bytes
    fields: dict[str, str]


class JournalStreams:
    """The journal's streams, all virtual shards together. Its methods raise Disconnected."""

    def __init__(self, nodes: Nodes, shards: list[Shard], reader: str) -> None:
        self._nodes = nodes
        self._shards = shards
        self._reader = reader

    async def take_pen(self) -> bool:
        """Become, or stay, the one that reads. The pen is lost ten seconds after the last call."""
        node = self._nodes.connection(0)
        taken = await node.ask("SET", _PEN, self._reader, "NX", "PX", _PEN_MS)
        if taken is None and await node.ask("GET", _PEN) == self._reader.encode():
            taken = await node.ask("PEXPIRE", _PEN, _PEN_MS)
        return bool(taken)

    async def read(self, most: int) -> list[Entry]:
        """The oldest entries, up to `most` of each shard."""
        found = await asyncio.gather(*(self._read(shard, most) for shard in self._shards))
        return [entry for entries in found for entry in entries]

    async def forget(self, entries: list[Entry]) -> None:
        """Delete entries: they are stored."""
        by_shard: dict[int, list[bytes]] = {}
        for entry in entries:
            by_shard.setdefault(entry.shard, []).append(entry.entry_id)
        deletions = [
            self._node(number).ask("XDEL", self._shards[number].journal, *ids)
            for number, ids in by_shard.items()
        ]
        await asyncio.gather(*deletions)

    async def backlog(self) -> int:
        """How many entries wait to be stored."""
        counts = await asyncio.gather(
            *(self._node(shard.number).ask("XLEN", shard.journal) for shard in self._shards)
        )
        return int(sum(counts))

    async def _read(self, shard: Shard, most: int) -> list[Entry]:
        try:
            raw = await self._node(shard.number).ask(
                "XRANGE", shard.journal, "-", "+", "COUNT", most, seconds=_SECONDS
            )
        except hiredis.ReplyError as error:
            raise Disconnected(str(error).split(":", 1)[0]) from None
        return [Entry(shard.number, entry_id, fields_of(flat)) for entry_id, flat in raw]

    def _node(self, shard: int) -> Connection:
        return self._nodes.connection(shard)


def fields_of(flat: list[bytes]) -> dict[str, str]:
    """A stream entry's fields."""
    text = [part.decode("utf-8", "replace") for part in flat]
    return dict(zip(text[::2], text[1::2], strict=True))
