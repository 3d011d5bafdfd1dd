"""Reconciling: do the ledger's states, its open leases, its journal and the stored usage agree?

One shard at a time, one consistent look (a script) at its states, leases and unread journal; to
that the stored usage closed before the look is added. Every difference is a drift with a name.
Repairing writes what the books say, fenced: only where the state still is what was looked at.
"""

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

import orjson

from router.ledger.journal import row_of_entry
from router.ledger.keys import Shard, scope, shard_of
from router.ledger.quotas.compiled_quotas import LEVEL_NAMES, Plan, field_of, levels_present
from router.ledger.quotas.dimensions import DIMENSIONS, Dimension, Quota
from router.ledger.server.nodes import Nodes
from router.ledger.states import CalendarState, Numbers, read_states, write_states

_BY_FIELD: Final = {row.field: row for row in DIMENSIONS.values()}
_COLUMN: Final = {1: "requests", 2: "tokens", 3: "input_tokens", 4: "output_tokens", 5: "cost_pico"}
_SCOPED_BY: Final = {"t": "team", "k": "key_id", "u": "end_user", "m": "asked"}
_META: Final = {"t": "team", "k": "key", "u": "user", "m": "model"}
_PAGE: Final = 500
_SECONDS: Final = 30.0
_TRIES: Final = 3
_SPARE_MS: Final = 62 * 86_400_000


class Books(Protocol):
    """The stored usage, as far as reconciling asks."""

    def spent(
        self, where: Mapping[str, str | None], column: str, span: tuple[int, int], until: int
    ) -> int:
        """The sum of a column over rows admitted in [span) and closed by an instant."""

    def known(self, rids: Sequence[str]) -> set[tuple[str, int]]:
        """Which rows of these holds are stored."""

    def customers(self, since_ms: int) -> list[dict[str, Any]]:
        """The distinct levels of rows admitted since an instant."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference: what the ledger says and what the books say, in the dimension's unit (money
    in pico-USD). `expected` is the scope looked at, `mended` the state that repairing would write.
    """

    shard: int
    key: str
    field: str
    what: str
    ledger: int
    books: int
    expected: bytes = b""
    mended: Numbers = ()

    @property
    def place(self) -> str:
        """How the scope's state names what drifted."""
        return _BY_FIELD[self.field].algorithm + self.field

    def __str__(self) -> str:
        where = f"{self.key.split(':s:')[1]} {self.field}"
        return f"{where}: {self.what} is {self.ledger} in the ledger, {self.books} in the books"


@dataclass(slots=True)
class Look:
    """What one shard held at one moment."""

    now: int
    scopes: dict[str, bytes]
    held: dict[tuple[str, str, int], int] = field(default_factory=lambda: defaultdict(int))
    counts: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    rows: list[tuple[str, int, int, tuple[int, ...], dict[str, Any]]] = field(default_factory=list)


class Audit:
    """Reconciles one ledger with one set of books. Blocks on the books: a command, not a server."""

    def __init__(self, nodes: Nodes, shards: list[Shard], books: Books) -> None:
        self._nodes = nodes
        self._shards = shards
        self._books = books
        self.scopes_checked = 0

    async def check(self) -> list[Drift]:
        """Every drift that is still there at a third look (traffic may move things in between)."""
        drifts: list[Drift] = []
        self.scopes_checked = 0
        for shard in self._shards:
            keys = await self._scope_keys(shard)
            self.scopes_checked += len(keys)
            for first in range(0, len(keys), _PAGE):
                drifts += await self._check_page(shard, keys[first : first + _PAGE])
        return drifts

    async def mend(self, drifts: Iterable[Drift]) -> int:
        """Write what the books say, shard by shard; returns how many states were mended.

        A shard in which something moved since the look is left alone: check again.
        """
        by_shard: dict[int, dict[tuple[str, str], Drift]] = defaultdict(dict)
        for drift in drifts:
            if drift.mended:
                by_shard[drift.shard][drift.key, drift.field] = drift
        mended = 0
        for number, found in by_shard.items():
            scopes: dict[str, tuple[bytes, dict[str, Numbers]]] = {}
            for drift in found.values():
                kept = drift.expected, read_states(drift.expected)
                scopes.setdefault(drift.key, kept)[1][drift.place] = drift.mended
            args = [part for raw, states in scopes.values() for part in (raw, write_states(states))]
            written = await self._nodes.run("mend", number, list(scopes), args, seconds=_SECONDS)
            mended += len(found) if written else 0
        return mended

    async def rebuild(self, tiers: Mapping[str, tuple[Quota, ...]], now_ms: int) -> int:
        """After a total loss: make the calendar states again that the ledger has not, from the
        books and today's policy. Returns how many.
        """
        drifts = []
        for customer in self._books.customers(now_ms - _SPARE_MS):
            quotas = tiers.get(customer["tier"] or "")
            if quotas is None:
                continue
            present = levels_present(team=bool(customer["team"]), user=bool(customer["end_user"]))
            plan = Plan(quotas, present)
            for item, window in plan.windows(now_ms):
                drifts.append(self._lost(customer, item.quota, window, now_ms))
        missing: dict[int, dict[tuple[str, str], Drift]] = defaultdict(dict)
        for drift in drifts:
            if drift.mended:
                missing[drift.shard][drift.key, drift.field] = drift
        mended = 0
        for number, found in missing.items():
            mended += await self._make(self._shards[number], list(found.values()))
        return mended

    async def _make(self, shard: Shard, missing: list[Drift]) -> int:
        """Write the states that their scopes have not, a scope at a time."""
        by_key: dict[str, list[Drift]] = defaultdict(list)
        for drift in missing:
            by_key[drift.key].append(drift)
        keys, mended = list(by_key), 0
        for first in range(0, len(keys), _PAGE):
            look = await self._look(shard, keys[first : first + _PAGE])
            for key, raw in look.scopes.items():
                there = read_states(raw)
                lost = [replace(d, expected=raw) for d in by_key[key] if d.place not in there]
                mended += await self.mend(lost)
        return mended

    def _lost(
        self, customer: Mapping[str, Any], quota: Quota, window: tuple[int, int], now_ms: int
    ) -> Drift:
        organization = str(customer["organization"])
        home = self._shards[shard_of(organization, len(self._shards))]
        name = customer[LEVEL_NAMES[quota.level]] if quota.level != "organization" else None
        key = home.scopes + scope(quota.level, organization, name)
        row = DIMENSIONS[quota.dimension]
        where = _where(key, organization, name)
        spent = self._books.spent(where, _COLUMN[row.metric], window, now_ms)
        used, rem = divmod(spent, row.scale)
        state = CalendarState(*window, used, 0, 0, max(0, quota.limit), rem)
        return Drift(
            home.number, key, field_of(quota), "used", 0, spent,
            mended=state.numbers() if spent else (),
        )  # fmt: skip

    async def _scope_keys(self, shard: Shard) -> list[str]:
        node, cursor, found = self._nodes.connection(shard.number), b"0", set[str]()
        pattern = shard.scopes.replace("{", "\\{") + "*"
        while True:
            cursor, page = await node.ask("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)
            found.update(key.decode() for key in page)
            if cursor == b"0":
                return sorted(found)

    async def _check_page(self, shard: Shard, keys: list[str]) -> list[Drift]:
        drifts: list[Drift] = []
        for _ in range(_TRIES):
            look = await self._look(shard, keys)
            drifts = list(self._differences(shard, look))
            if not drifts:
                break
            keys = sorted({drift.key for drift in drifts})
        return drifts

    async def _look(self, shard: Shard, keys: list[str]) -> Look:
        now, scopes, opened, rows = await self._nodes.run(
            "look", shard.number, (shard.holds, shard.clock, shard.journal, *keys), (),
            seconds=_SECONDS,
        )  # fmt: skip
        look = Look(int(now), dict(zip(keys, scopes, strict=True)))
        for _, *parts in opened:
            for at in range(0, len(parts), 5):
                key, name, algo, amount, pos = (part.decode() for part in parts[at : at + 5])
                if algo == "L":
                    look.counts[key, name] += 1
                else:
                    look.held[key, name, int(pos)] += int(amount)
        told = []
        for flat in rows:
            with contextlib.suppress(ValueError):  # a foreign entry is nobody's usage
                told.append(row_of_entry(flat))
        known = self._books.known([row.rid for row in told])
        for row in told:
            if (row.rid, row.seq) not in known:
                look.rows.append((row.rid, row.seq, row.t0, row.used, orjson.loads(row.meta)))
        return look

    def _differences(self, shard: Shard, look: Look) -> Iterable[Drift]:
        for key, raw in look.scopes.items():
            if "#" in key or key.endswith("/~"):
                continue  # hashed names cannot be looked up
            for place, numbers in read_states(raw).items():
                name = place[1:]
                row = _BY_FIELD.get(name)
                if row is None:
                    continue
                if place[0] == "L" and numbers[0] != look.counts[key, name]:
                    found, opened = numbers[0], look.counts[key, name]
                    yield Drift(shard.number, key, name, "open", found, opened, raw, (opened,))
                elif place[0] == "C":  # rings and buckets have no books
                    yield from self._calendar(shard, look, key, row, CalendarState.of(numbers))

    def _calendar(
        self, shard: Shard, look: Look, key: str, row: Dimension, state: CalendarState
    ) -> Iterable[Drift]:
        name, raw = row.field, look.scopes[key]
        spent = self._spent(look, key, row, (state.start, state.end))
        earlier = self._spent(look, key, row, (state.before_start, state.start))
        held = look.held[key, name, state.start]
        used, rem = divmod(spent, row.scale)
        mended = replace(state, used=used, rem=rem, held=held)
        if state.before_start:
            before, before_rem = divmod(earlier, row.scale)
            mended = replace(
                mended, before_used=before, before_rem=before_rem,
                before_held=look.held[key, name, state.before_start],
            )  # fmt: skip
        pairs = (
            ("used", state.used * row.scale + state.rem, spent),
            ("held", state.held, held),
            (
                "used before",
                state.before_used * row.scale + state.before_rem,
                mended.before_used * row.scale + mended.before_rem,
            ),
            ("held before", state.before_held, mended.before_held),
        )
        for what, ledger, books in pairs:
            if ledger != books:
                yield Drift(shard.number, key, name, what, ledger, books, raw, mended.numbers())

    def _spent(self, look: Look, key: str, row: Dimension, span: tuple[int, int]) -> int:
        level, organization, name = _parts(key)
        where = _where(key, organization, name)
        stored = self._books.spent(where, _COLUMN[row.metric], span, look.now)
        return stored + sum(
            used[row.metric - 1]
            for _, _, t0, used, meta in look.rows
            if span[0] <= t0 < span[1]
            and meta["organization"] == organization
            and (level == "o" or meta[_META[level]] == name)
        )


def _parts(key: str) -> tuple[str, str, str | None]:
    level, _, rest = key.split(":s:", 1)[1].partition(":")
    organization, _, name = rest.partition("/")
    return level, organization, name or None


def _where(key: str, organization: str, name: str | None) -> dict[str, str | None]:
    level = _parts(key)[0]
    where: dict[str, str | None] = {"organization": organization}
    if level != "o":
        where[_SCOPED_BY[level]] = name
    return where
