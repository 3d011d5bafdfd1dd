"""The names of the ledger's keys. One organization lives in one virtual shard (a hash tag), so that
its scripts run on one node of a cluster; ids are length-capped, end users only ever hashed.
"""

import hashlib
import itertools
import os
from dataclasses import dataclass
from typing import Final
from zlib import crc32

PREFIX: Final = "lg"
META: Final = f"{PREFIX}:meta"
_LONGEST_ID: Final = 128


@dataclass(frozen=True, slots=True)
class Shard:
    """The keys that one virtual shard has once."""

    number: int
    holds: bytes
    clock: bytes
    journal: bytes
    records: str  # of what the reaper closed
    marks: str
    scopes: str
    counts: str
    closing: tuple[bytes, bytes, bytes]  # the keys of a settlement


def shard(number: int) -> Shard:
    """The keys of a virtual shard."""
    base = f"{PREFIX}:{{v{number:02d}}}:"
    holds, clock, journal = ((base + name).encode() for name in "htj")
    return Shard(
        number,
        holds=holds,
        clock=clock,
        journal=journal,
        records=base + "r:",
        marks=base + "d:",
        scopes=base + "s:",
        counts=base + "n:",
        closing=(holds, clock, journal),
    )


def shard_of(organization: str, shards: int) -> int:
    """The virtual shard of an organization: fixed for the life of a ledger."""
    return crc32(organization.encode()) % shards


def scope(level: str, organization: str, name: str | None = None) -> str:
    """The end of a scope's key: level, organization, and the name within it. Ids stay readable for
    operators; what is too long, or holds a separator, is replaced by its hash.
    """
    own = "" if name is None else "/" + _safe(name)
    return f"{level[0]}:{_safe(organization)}{own}"


def user_hash(user: str, secret: bytes) -> str:
    """An end user's pseudonym: keyed, so that it means nothing outside this ledger."""
    return hashlib.blake2b(user.encode(), key=secret, digest_size=12).hexdigest()


def _safe(name: str) -> str:
    if len(name) <= _LONGEST_ID and "/" not in name and name.isprintable():
        return name
    return "#" + hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=16).hexdigest()


class HoldIds:
    """Ids of holds: the time in milliseconds, this process, the virtual shard, a counter. 28
    hexadecimal digits. Each shard counts for itself: 256 holds in a row have one mark there, in
    however many shards their like are made.
    """

    def __init__(self, shards: int) -> None:
        self.process = os.urandom(4).hex()
        self._counts = [itertools.count(int.from_bytes(os.urandom(3))) for _ in range(shards)]

    def new(self, now_ms: int, shard: int) -> str:
        """The next id. `now_ms`: this machine's time, Unix milliseconds."""
        count = next(self._counts[shard]) & 0xFFFFFF
        return f"{now_ms:012x}{self.process}{shard:02x}{count:06x}"


def hold_time(rid: str) -> int:
    """When a hold's id was made, in Unix milliseconds."""
    return int(rid[:12], 16)
