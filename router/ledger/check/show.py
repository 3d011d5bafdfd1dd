"""Any state of the ledger as words: what `turnout ledger show KEY` prints.

A key is what an operator has at hand: an organization, the id of a hold, the end of a scope's key
("k:acme/key1"), or a raw key of the server. Each kind is one row of _KINDS.

What is shown is plain data (check.words).
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import orjson

from router.ledger.check.look import scope_keys_of
from router.ledger.check.words import Shown, hold_words, life_words, scope_words, vector_words
from router.ledger.codec import (
    CLOCK_PAIR,
    HoldRecord,
    read_expired,
    read_hold,
    read_mark,
    read_row,
    read_scope,
)
from router.ledger.hold_life import HoldState
from router.ledger.keys import (
    MARK_BIT,
    MARK_NAME,
    META,
    hold_shard,
    hold_time,
    scope,
    scope_name,
    shard,
    shard_number,
    shard_of,
)
from router.ledger.server.address import LedgerAddress
from router.ledger.server.clients import Client, client_at
from router.ledger.server.errors import StartupError
from router.ledger.server.startup import FORMAT, SHARDS

_ROWS_SHOWN: Final = 10


class UnknownKey(LookupError):
    """The ledger has nothing under this key; the message says what a key may be."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"The ledger knows nothing of {key!r}. Give the name of an organization (acme), the id"
            " of a hold (28 hexadecimal digits, as in a usage row), a scope (k:acme/key1; o, t, k,"
            " u, m, r for organization, team, key, user, model, run), or a key of the server"
            " (lg:...)."
        )


async def show(address: LedgerAddress, key: str) -> Shown:
    """What the ledger holds under a key, as words.

    Raises UnknownKey, StartupError for a ledger of another format, Disconnected.
    """
    async with client_at(address) as client:
        version = await client.hget(META, "format")
        if version is not None and int(version) != FORMAT:
            raise StartupError(
                f"This ledger has format {int(version)}; this Turnout reads format {FORMAT}."
            )
        for pattern, reader in _KINDS:
            if pattern.fullmatch(key):
                shown = await reader(client, key)
                if shown is not None:
                    return shown
    raise UnknownKey(key)


# Organizations and scopes.


async def _organization(client: Client, name: str) -> Shown | None:
    home = shard(shard_of(name, SHARDS))
    holds = await _open_holds(client, home.holds)
    end = scope("organization", name)
    keys = await scope_keys_of(client, home, scope_name(home.scopes + end).organization)
    mine = {
        hold_id: hold
        for hold_id, hold in holds.items()
        if orjson.loads(hold.meta).get("organization") == name
    }
    if not keys and not mine:
        return None
    return {
        "kind": "organization", "organization": name, "virtual_shard": home.number,
        "scopes": [await _scope_with(client, key, holds) for key in keys],
        "open_holds": [hold_words(hold_id, hold) for hold_id, hold in mine.items()],
    }  # fmt: skip


async def _scope_end(client: Client, end: str) -> Shown | None:
    organization = end.partition(":")[2].partition("/")[0]
    return await _scope(client, shard(shard_of(organization, SHARDS)).scopes + end)


async def _scope(client: Client, key: str) -> Shown | None:
    if not await client.exists(key):
        return None
    holds = await _open_holds(client, shard(shard_number(key)).holds)
    return await _scope_with(client, key, holds)


async def _scope_with(client: Client, key: str, holds: Mapping[str, HoldRecord]) -> Shown:
    raw, expires = await client.get(key) or b"", await client.pttl(key)
    return scope_words(key, read_scope(raw), holds) | {"expires_in_ms": max(0, expires) or None}


# Holds.


async def _open_holds(client: Client, key: bytes | str) -> dict[str, HoldRecord]:
    holds = await client.hgetall(key)
    return {hold_id.decode(): read_hold(record) for hold_id, record in holds.items()}


async def _hold(client: Client, hold_id: str) -> Shown | None:
    if hold_shard(hold_id) >= SHARDS:
        return None
    home = shard(hold_shard(hold_id))
    record = await client.hget(home.holds, hold_id)
    if record is not None:
        return hold_words(hold_id, read_hold(record))
    expired = await client.get(home.expired + hold_id)
    if expired is not None:
        charged, hold = read_expired(expired)
        return hold_words(hold_id, hold, HoldState.EXPIRED) | {"charged": vector_words(charged)}
    mark = await client.get(home.marks + hold_id[MARK_NAME])
    if mark is None or int(hold_id[MARK_BIT], 16) not in read_mark(mark):
        return None
    return {"kind": "hold", "hold_id": hold_id, **life_words(HoldState.SETTLED)} | {
        "made_at": hold_time(hold_id)
    }


# Raw keys of a virtual shard.


async def _holds(client: Client, key: str) -> Shown | None:
    holds = await _open_holds(client, key)
    if not holds:
        return None
    return {
        "kind": "open holds of a virtual shard", "virtual_shard": shard_number(key),
        "open_holds": [hold_words(hold_id, hold) for hold_id, hold in holds.items()],
    }  # fmt: skip


async def _clock(client: Client, key: str) -> Shown | None:
    raw = await client.get(key)
    if raw is None:
        return None
    last, real = CLOCK_PAIR.unpack(raw)
    return {
        "kind": "clock of a virtual shard", "virtual_shard": shard_number(key),
        "last_given_at": last, "server_time_then_at": real, "ahead_ms": last - real,
    }  # fmt: skip


async def _journal(client: Client, key: str) -> Shown | None:
    waiting = await client.xlen(key)
    if not waiting:
        return None
    rows = []
    for _, fields in await client.xrange(key, count=_ROWS_SHOWN):
        row = read_row([part for pair in fields.items() for part in pair])
        rows.append(
            {
                "hold_id": row.hold_id, "correction": bool(row.seq), "status": row.status,
                "admitted_at": row.admitted_at, "closed_at": row.closed_at,
                **vector_words(row.used),
            }
        )  # fmt: skip
    return {
        "kind": "usage journal of a virtual shard", "virtual_shard": shard_number(key),
        "rows_waiting": waiting, "oldest_rows": rows,
    }  # fmt: skip


async def _mark(client: Client, key: str) -> Shown | None:
    raw = await client.get(key)
    if raw is None:
        return None
    return {
        "kind": "mark: which of 256 holds of one process were ever reserved", "key": key,
        "reserved": len(read_mark(raw)), "expires_in_ms": await client.pttl(key),
    }  # fmt: skip


async def _expired(client: Client, key: str) -> Shown | None:
    return await _hold(client, key.rpartition(":")[2])


async def _meta(client: Client, key: str) -> Shown | None:
    stored = await client.hgetall(key)
    if not stored:
        return None
    # The secret of pseudonyms is never shown.
    return {
        "kind": "meta of the ledger", "format": int(stored[b"format"]),
        "virtual_shards": int(stored[b"shards"]),
    }  # fmt: skip


async def _plain(client: Client, key: str) -> Shown | None:
    """A key whose value says enough: counts of users, credits, conversations, leases."""
    kind = (await client.type(key)).decode()
    if kind == "none":
        return None
    return {"kind": _PLAIN.get(key.split(":")[2], "a key"), "key": key} | await _value(
        client, key, kind
    )


_PLAIN: Final = {
    "n": "count of an organization's end users of a day", "credit": "a credit, added once",
    "c": "which backend served a conversation last", "cap": "slots of a shared backend",
    "w": "witness: the epoch of the ledger, and when a gateway last saw it whole",
    "o": "open runs of an organization", "a": "whose purse a run uses",
    "reader_lease": "who reads the usage journal",
}  # fmt: skip


async def _value(client: Client, key: str, kind: str) -> Shown:
    if kind == "string":
        return {"value": (await client.get(key)).decode("utf-8", "replace")}
    if kind == "hash":
        items = await client.hgetall(key)
        return {"members": {name.decode(): value.decode() for name, value in items.items()}}
    if kind == "zset":
        members = await client.zrange(key, 0, -1, withscores=True)
        return {"lease_ends_at": {name.decode(): int(score) for name, score in members}}
    return {"type": kind}


_SHARD: Final = r"lg:\{v\d\d\}:"
_Reader = Callable[[Client, str], Awaitable[Shown | None]]
_KINDS: Final[tuple[tuple[re.Pattern[str], _Reader], ...]] = tuple(
    (re.compile(pattern), reader)
    for pattern, reader in (
        (META, _meta),
        (_SHARD + r"s:\w:.+", _scope),
        (_SHARD + r"h", _holds),
        (_SHARD + r"t", _clock),
        (_SHARD + r"j", _journal),
        (_SHARD + r"d:[0-9a-f]{14}", _mark),
        (_SHARD + r"r:[0-9a-f]{28}", _expired),
        (_SHARD + r".+", _plain),
        (r"[0-9a-f]{28}", _hold),
        (r"[otkumre]:.+", _scope_end),
        (r".+", _organization),
    )
)
