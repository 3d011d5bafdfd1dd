"""The usage journal: streams that settle and reap write, read out and deleted once stored.

No consumer groups: any gateway may read, one at a time holds the pen (a lease), an entry is deleted
only after it is stored, and storing one twice is harmless.
"""

import asyncio
import struct
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import hiredis

from router.ledger.keys import PREFIX, Shard
from router.ledger.server.connection import Disconnected, Part
from router.ledger.server.nodes import Nodes

_PEN: Final = f"{PREFIX}:{{v00}}:pen"
_PEN_MS: Final = 10_000
_SECONDS: Final = 2.0
_HEAD: Final = struct.Struct(">BqqI")
_USED: Final = struct.Struct(">5qBB")
_SECOND: Final = struct.Struct(">B7qBBI")


class Row(NamedTuple):
    """A hold's end: `used` is requests, tokens, input, output, pico-USD; `meta` and `payload` are
    JSON objects; instants in Unix milliseconds. `seq` is 1 for a late correction, else 0.
    """

    rid: str
    seq: int
    status: str
    t0: int
    t1: int
    used: tuple[int, ...]
    meta: bytes
    payload: bytes


class Entry:
    """One row of the journal: where it lies, and what it says, unread."""

    __slots__ = ("_flat", "entry_id", "shard")

    def __init__(self, shard: int, entry_id: bytes, flat: Sequence[bytes]) -> None:
        self.shard = shard
        self.entry_id = entry_id
        self._flat = flat

    def row(self) -> Row:
        """What it says. Raises ValueError for a foreign entry."""
        return row_of_entry(self._flat)


class JournalStreams:
    """The journal's streams, all virtual shards together. Its methods raise Disconnected."""

    def __init__(self, nodes: Nodes, shards: list[Shard], reader: str) -> None:
        self._nodes = nodes
        self._shards = shards
        self._reader = reader
        self._first = 0

    async def take_pen(self) -> bool:
        """Become, or stay, the one that reads. The pen is lost ten seconds after the last call."""
        node = self._nodes.connection(0)
        taken = await node.ask("SET", _PEN, self._reader, "NX", "PX", _PEN_MS)
        if taken is None and await node.ask("GET", _PEN) == self._reader.encode():
            taken = await node.ask("PEXPIRE", _PEN, _PEN_MS)
        return bool(taken)

    async def drop_pen(self) -> None:
        """Let another one read at once."""
        node = self._nodes.connection(0)
        if await node.ask("GET", _PEN) == self._reader.encode():
            await node.ask("DEL", _PEN)

    async def read(self, most: int) -> list[Entry]:
        """The oldest entries of shards that have some, `most` of them in all. Every call begins
        with another shard, so that none waits for one that never runs dry.
        """
        lengths = await self._lengths()
        self._first = (self._first + 1) % len(self._shards)
        asked: dict[int, asyncio.Future[Any]] = {}
        for shard in (*self._shards[self._first :], *self._shards[: self._first]):
            count = min(lengths[shard.number], most)
            if count > 0:
                most -= count
                parts = ("XRANGE", shard.journal, "-", "+", "COUNT", count)
                asked[shard.number] = self._send(shard.number, *parts)
        found = zip(asked, await _all(asked.values()), strict=True)
        return [Entry(number, entry_id, flat) for number, raw in found for entry_id, flat in raw]

    async def forget(self, entries: list[Entry]) -> None:
        """Delete entries: they are stored."""
        by_shard: dict[int, list[bytes]] = {}
        for entry in entries:
            by_shard.setdefault(entry.shard, []).append(entry.entry_id)
        await _all(
            self._send(number, "XDEL", self._shards[number].journal, *ids)
            for number, ids in by_shard.items()
        )

    async def backlog(self) -> int:
        """How many entries wait to be stored."""
        return sum(await self._lengths())

    async def _lengths(self) -> list[int]:
        """How many entries each shard has."""
        return await _all(self._send(shard.number, "XLEN", shard.journal) for shard in self._shards)

    def _send(self, shard: int, *parts: Part) -> asyncio.Future[Any]:
        """Ask one shard. What is asked of all in one go is one write, and no task for each."""
        return self._nodes.connection(shard).call(*parts, seconds=_SECONDS)


async def _all(asked: Iterable[asyncio.Future[Any]]) -> list[Any]:
    """All the replies. Raises Disconnected, for an error reply too."""
    replies = await asyncio.gather(*asked)
    for reply in replies:
        if isinstance(reply, hiredis.ReplyError):
            raise Disconnected(str(reply).split(":", 1)[0])
    return replies


def row_of_entry(flat: Sequence[bytes]) -> Row:
    """The row that a stream entry's fields hold. Raises ValueError where they hold none."""
    if len(flat) != 2 or flat[0] not in _READERS:
        return _first_row(flat)
    try:
        return _READERS[flat[0]](flat[1])
    except struct.error as error:
        raise ValueError(str(error)) from None


def _row(blob: bytes) -> Row:
    """Sequence, t0, t1, length of meta, meta; then as settling told: use, lengths of rid and of
    status, these two, payload.
    """
    seq, t0, t1, meta = _HEAD.unpack_from(blob)
    told = _HEAD.size + meta
    *used, rid, status = _USED.unpack_from(blob, told)
    name = told + _USED.size
    about = name + rid
    behind = about + status
    return Row(
        blob[name:about].decode(), seq, blob[about:behind].decode(), t0, t1, tuple(used),
        blob[_HEAD.size : told], blob[behind:],
    )  # fmt: skip


def _second_row(blob: bytes) -> Row:
    """A row as ledgers of format 2 wrote it."""
    seq, t0, t1, *used, rid, status, meta = _SECOND.unpack_from(blob)
    name = _SECOND.size + rid
    about = name + status
    told = about + meta
    return Row(
        blob[_SECOND.size : name].decode(), seq, blob[name:about].decode(), t0, t1, tuple(used),
        blob[about:told], blob[told:],
    )  # fmt: skip


_READERS: Final = {b"f": _row, b"e": _second_row}


def _first_row(flat: Sequence[bytes]) -> Row:
    """A row as ledgers of format 1 wrote it: a field for each part."""
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    try:
        return Row(
            fields[b"rid"].decode(), int(fields[b"seq"]), fields[b"status"].decode(),
            int(fields[b"t0"]), int(fields[b"t1"]),
            tuple(int(n) for n in fields[b"used"].split(b",")), fields[b"meta"], fields[b"payload"],
        )  # fmt: skip
    except KeyError as error:
        raise ValueError(f"{error} is missing") from None
