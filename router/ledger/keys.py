"""The names of the ledger's keys. One organization lives in one virtual shard (a hash tag), so that
its scripts run on one node of a cluster; ids are length-capped, end users only ever hashed.
"""

import hashlib
import itertools
import os
from dataclasses import dataclass
from typing import Final, NamedTuple
from zlib import crc32

PREFIX: Final = "lg"
META: Final = f"{PREFIX}:meta"
KEYS_BEFORE_SCOPES: Final = 3  # of a reserve call: open holds, clock, mark
EXPIRED: Final = "r:"  # keys of what the reaper closed, each followed by a hold's id
MARK: Final = "d:"  # keys of marks, each followed by the digits that its holds have in common
PROCESS: Final = slice(12, 20)  # the digits of a hold's id that tell the process that made it
_ID_SHARD: Final = slice(20, 22)  # the digits of a hold's id that tell its virtual shard
MARK_NAME: Final = slice(12, 26)  # those that holds of one mark have in common
MARK_BIT: Final = slice(26, 28)  # the digits that tell which bit of the mark is the hold's
SHARED_USERS: Final = "~"  # the scope of users beyond the day's most
_LONGEST_ID: Final = 128


@dataclass(frozen=True, slots=True)
class Shard:
    """The keys that one virtual shard has once."""

    number: int
    base: str  # how all of them begin
    holds: bytes
    clock: bytes
    journal: bytes
    witness: bytes
    expired: str
    marks: str
    scopes: str
    counts: str
    runs: str  # how many an organization has open
    aliases: str  # whose purse a run uses, where it is not its own
    closing: tuple[bytes, bytes, bytes]  # the keys of a settlement


def shard(number: int) -> Shard:
    """The keys of a virtual shard."""
    base = f"{PREFIX}:{{v{number:02d}}}:"
    holds, clock, journal, witness = ((base + name).encode() for name in "htjw")
    return Shard(
        number,
        base,
        holds=holds,
        clock=clock,
        journal=journal,
        witness=witness,
        expired=base + EXPIRED,
        marks=base + MARK,
        scopes=base + "s:",
        counts=base + "n:",
        runs=base + "o:",
        aliases=base + "a:",
        closing=(holds, clock, journal),
    )


def shard_number(key: str) -> int:
    """The virtual shard whose key this is. Raises ValueError for a key of none."""
    prefix, _, tag = key.partition(":{v")
    if prefix != PREFIX:
        raise ValueError(f"{key!r} is not a key of the ledger")
    return int(tag[: tag.index("}")])


def shard_of(organization: str, shards: int) -> int:
    """The virtual shard of an organization: fixed for the life of a ledger."""
    return crc32(organization.encode()) % shards


def scope(level: str, organization: str, name: str | None = None) -> str:
    """The end of a scope's key: level, organization, and the name within it. Ids stay readable for
    operators; what is too long, or holds a separator, is replaced by its hash.
    """
    own = "" if name is None else "/" + _safe(name)
    return f"{level[0]}:{_safe(organization)}{own}"


class ScopeName(NamedTuple):
    """What the key of a scope says: the first letter of its level, the organization, and the name
    within it (None: the organization as a whole).
    """

    level: str
    organization: str
    name: str | None

    @property
    def is_hashed(self) -> bool:
        """Whether the name is a hash, or that of the scope that further users share: no stored
        usage can be looked up by it.
        """
        return "#" in self.organization or (
            self.name is not None and ("#" in self.name or self.name == SHARED_USERS)
        )


def scope_name(key: str) -> ScopeName:
    """Read the key of a scope. Raises ValueError for another key."""
    _, mark, end = key.partition(":s:")
    level, colon, rest = end.partition(":")
    if not mark or not colon:
        raise ValueError(f"{key!r} is not the key of a scope")
    organization, _, name = rest.partition("/")
    return ScopeName(level, organization, name or None)


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


def hold_time(hold_id: str) -> int:
    """When a hold's id was made, in Unix milliseconds."""
    return int(hold_id[:12], 16)


def hold_shard(hold_id: str) -> int:
    """The virtual shard of a hold."""
    return int(hold_id[_ID_SHARD], 16)
