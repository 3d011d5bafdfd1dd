"""One consistent look at a page of a shard's scopes: its states, open holds and unread journal."""

import contextlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from router.ledger.check.totals import UsageTotals
from router.ledger.codec import HoldRecord, read_hold, read_row
from router.ledger.keys import PREFIX, Shard, shard_number
from router.ledger.server.clients import Client, run_script
from router.usage_row import JournalRow

# What the meta of a row calls its levels, and what the books do.
_COLUMNS: Final = {
    "organization": "organization", "team": "team", "key": "key_id", "user": "end_user",
    "model": "asked", "tier": "tier",
}  # fmt: skip


@dataclass(slots=True)
class Look:
    """What one shard held at one moment: raw scopes, what open holds hold (by scope, field and
    window), how many are open (by scope and field), rows of the journal that are not stored yet.
    """

    now: int
    scopes: dict[str, bytes]
    held: dict[tuple[str, str, int], int] = field(default_factory=lambda: defaultdict(int))
    counts: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    rows: list[tuple[JournalRow, dict[str, Any]]] = field(default_factory=list)

    def customers(self) -> list[dict[str, Any]]:
        """Whose rows are not stored yet, as the books name the levels."""
        return [
            {column: meta.get(name) for name, column in _COLUMNS.items()}
            for _, meta in self.rows
            if meta.get("organization") is not None
        ]

    def count(self, hold: HoldRecord) -> None:
        """Count an open hold."""
        for item in hold.items:
            name = item.place[1:]
            if item.place[0] == "L":
                self.counts[item.scope_key, name] += 1
            else:
                for amount, position in item.amounts:
                    self.held[item.scope_key, name, position] += amount


async def look_at(
    client: Client, shard: Shard, keys: Sequence[str], stored: UsageTotals, newest: int = 0
) -> Look:
    """Look at some scopes of a shard. Raises Disconnected.

    `newest`: when the newest row was closed that was stored before. After its server's clock went
    back, a shard's own may say less by as much as it is stored late; what is stored has happened.
    """
    fixed = (shard.holds, shard.clock, shard.journal)
    now, scopes, holds, entries = await run_script(client, "look", (*fixed, *keys), ())
    look = Look(max(int(now), newest), dict(zip(keys, scopes, strict=True)))
    for record in holds[1::2]:
        look.count(read_hold(record))
    rows: list[JournalRow] = []
    for fields in entries:
        with contextlib.suppress(ValueError):  # a foreign entry is nobody's usage
            rows.append(read_row(fields))
    known = stored.known([row.hold_id for row in rows])
    for row in rows:
        if (row.hold_id, row.seq) not in known:
            look.rows.append((row, orjson.loads(row.meta)))
    return look


async def scope_keys(client: Client) -> dict[int, list[str]]:
    """The keys of all scopes, by shard. Raises Disconnected."""
    by_shard: dict[int, set[str]] = defaultdict(set)
    async for raw in client.scan_iter(match=f"{PREFIX}:{{*}}:s:*", count=1000):
        key = raw.decode()
        by_shard[shard_number(key)].add(key)
    return {number: sorted(keys) for number, keys in sorted(by_shard.items())}


async def scope_keys_of(client: Client, shard: Shard, organization: str) -> list[str]:
    """The keys of an organization's scopes. Raises Disconnected."""
    pattern = "".join(f"[{c}]" if c in "*?[]\\" else c for c in organization)
    names = set()
    for end in (pattern, f"{pattern}/*"):
        async for raw in client.scan_iter(match=f"{shard.scopes}?:{end}", count=1000):
            names.add(raw.decode())
    return sorted(names, key=lambda key: ("/" in key, key))
