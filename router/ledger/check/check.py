"""Does the ledger agree with the stored usage? Its states, its open holds, its journal.

It takes one consistent look at a time (check.look), each at a page of scopes. The usage of a scope
is what was stored before the look plus what the journal still holds. Every difference is a drift
with a name. Repairing writes what the usage says, fenced: only where the state is unchanged since
the look.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from router.ledger.check.look import Look, look_at, scope_keys
from router.ledger.check.totals import UsageTotals
from router.ledger.codec import METRICS, CalendarState, StateNumbers, read_scope, write_scope
from router.ledger.keys import ScopeName, Shard, scope, scope_name, shard_of
from router.ledger.quotas.compiled_quotas import (
    LEVEL_NAMES,
    CompiledQuotas,
    levels_present,
    place_of,
)
from router.ledger.quotas.dimensions import DIMENSIONS, Quota, QuotaDimension
from router.ledger.server.address import LedgerAddress
from router.ledger.server.clients import Client, client_at, run_script

_BY_FIELD: Final = {row.field: row for row in DIMENSIONS.values()}
_COLUMNS: Final = {level[0]: column for level, column in LEVEL_NAMES.items()}
_PAGE: Final = 500
_TRIES: Final = 3
_SPARE_MS: Final = 62 * 86_400_000  # twice the longest window


@dataclass(frozen=True, slots=True)
class LedgerDrift:
    """One difference: what the ledger says and what the stored usage says, in the dimension's unit
    (money in pico-USD). `expected` is the scope looked at, `repaired` the state that repairing
    writes, `place` how the scope names it.
    """

    shard: int
    key: str
    place: str
    what: str
    ledger: int
    usage: int
    expected: bytes = b""
    repaired: StateNumbers = ()

    def __str__(self) -> str:
        where = f"{self.key.split(':s:')[1]} {self.place[1:]}"
        return (
            f"{where}: {self.what} is {self.ledger} in the ledger, {self.usage} in the stored usage"
        )


class LedgerCheck:
    """Compares one ledger with one store of usage. Blocks on the store: a command, not a server.

    Its methods raise Disconnected where the ledger does not answer.
    """

    def __init__(self, address: LedgerAddress, shards: list[Shard], totals: UsageTotals) -> None:
        self._address = address
        self._shards = shards
        self._totals = totals
        self.scopes_checked = 0

    async def check(self) -> list[LedgerDrift]:
        """Every drift that a third look still sees (traffic may change states in between)."""
        drifts: list[LedgerDrift] = []
        self.scopes_checked = 0
        async with client_at(self._address) as client:
            for number, keys in (await scope_keys(client)).items():
                self.scopes_checked += len(keys)
                for first in range(0, len(keys), _PAGE):
                    page = keys[first : first + _PAGE]
                    drifts += await self._check_page(client, self._shards[number], page)
        return drifts

    async def repair(self, drifts: Iterable[LedgerDrift]) -> int:
        """Write what the usage says, shard by shard; returns how many states were repaired.

        A shard in which something moved since the look is left alone: check again.
        """
        by_shard = _by_shard(drifts)
        async with client_at(self._address) as client:
            return sum([await _write(client, drifts) for drifts in by_shard.values()])

    async def rebuild(self, tiers: Mapping[str, tuple[Quota, ...]], now_ms: int) -> int:
        """After a total loss: make the missing calendar states again, from the stored usage and
        today's policy. Returns how many.
        """
        lost = []
        for customer in self._totals.customers(now_ms - _SPARE_MS):
            quotas = tiers.get(customer["tier"] or "")
            if quotas is None:
                continue
            present = levels_present(team=bool(customer["team"]), user=bool(customer["end_user"]))
            for item, window in CompiledQuotas(quotas, present).windows(now_ms):
                lost.append(self._lost(customer, item.quota, window, now_ms))
        made = 0
        async with client_at(self._address) as client:
            for number, missing in _by_shard(lost).items():
                made += await self._make(client, self._shards[number], missing)
        return made

    async def _make(self, client: Client, shard: Shard, missing: list[LedgerDrift]) -> int:
        """Write the states that are missing in their scopes, a scope at a time."""
        by_key: dict[str, list[LedgerDrift]] = defaultdict(list)
        for drift in missing:
            by_key[drift.key].append(drift)
        keys, made = list(by_key), 0
        for first in range(0, len(keys), _PAGE):
            look = await look_at(client, shard, keys[first : first + _PAGE], self._totals)
            for key, raw in look.scopes.items():
                there = read_scope(raw)
                lost = [replace(d, expected=raw) for d in by_key[key] if d.place not in there]
                if lost:
                    made += await _write(client, lost)
        return made

    def _lost(
        self, customer: Mapping[str, Any], quota: Quota, window: tuple[int, int], now_ms: int
    ) -> LedgerDrift:
        """The state that a lost calendar window should have; nothing to write where it is empty."""
        organization = str(customer["organization"])
        home = self._shards[shard_of(organization, len(self._shards))]
        name = customer[LEVEL_NAMES[quota.level]] if quota.level != "organization" else None
        key = home.scopes + scope(quota.level, organization, name)
        row = DIMENSIONS[quota.dimension]
        where = _where(ScopeName(quota.level[0], organization, name))
        spent = self._totals.spent(where, _column(row), window, now_ms)
        used, remainder = divmod(spent, row.scale)
        state = CalendarState(*window, used, 0, 0, max(0, quota.limit), remainder)
        return LedgerDrift(
            home.number, key, place_of(quota), "used", 0, spent,
            repaired=state.numbers() if spent else (),
        )  # fmt: skip

    async def _check_page(self, client: Client, shard: Shard, keys: list[str]) -> list[LedgerDrift]:
        drifts: list[LedgerDrift] = []
        for _ in range(_TRIES):
            look = await look_at(client, shard, keys, self._totals)
            drifts = list(self._differences(shard, look))
            if not drifts:
                break
            keys = sorted({drift.key for drift in drifts})
        return drifts

    def _differences(self, shard: Shard, look: Look) -> Iterable[LedgerDrift]:
        for key, raw in look.scopes.items():
            if scope_name(key).is_hashed:
                continue
            for place, numbers in read_scope(raw).items():
                row = _BY_FIELD.get(place[1:])
                if row is None:
                    continue
                if place[0] == "L":
                    opened = look.counts[key, row.field]
                    if numbers != (opened,):
                        (says,) = numbers
                        yield LedgerDrift(
                            shard.number, key, place, "open", says, opened, raw, (opened,)
                        )
                elif place[0] == "C":  # rings and buckets are stored nowhere else
                    yield from self._calendar(shard, look, key, row, CalendarState.of(numbers))

    def _calendar(
        self, shard: Shard, look: Look, key: str, row: QuotaDimension, state: CalendarState
    ) -> Iterable[LedgerDrift]:
        held, held_before = (
            look.held[key, row.field, start] for start in (state.start, state.before_start)
        )
        spent = self._spent(look, key, row, (state.start, state.end))
        spent_before = self._spent(look, key, row, (state.before_start, state.start))
        used, remainder = divmod(spent, row.scale)
        right = replace(state, used=used, remainder=remainder, held=held)
        if state.before_start:
            used, remainder = divmod(spent_before, row.scale)
            right = replace(
                right, before_used=used, before_remainder=remainder, before_held=held_before
            )
        used_before = _pico(row, state.before_used, state.before_remainder)
        right_before = _pico(row, right.before_used, right.before_remainder)
        pairs = (
            ("used", _pico(row, state.used, state.remainder), spent),
            ("held", state.held, held),
            ("used before", used_before, right_before),
            ("held before", state.before_held, right.before_held),
        )
        for what, ledger, usage in pairs:
            if ledger != usage:
                raw, place = look.scopes[key], f"C{row.field}"
                yield LedgerDrift(
                    shard.number, key, place, what, ledger, usage, raw, right.numbers()
                )

    def _spent(self, look: Look, key: str, row: QuotaDimension, span: tuple[int, int]) -> int:
        """What a scope used in a window: stored by the look, and still in the journal."""
        name = scope_name(key)
        stored = self._totals.spent(_where(name), _column(row), span, look.now)
        return stored + look.unstored(name, row.metric, span)


def _where(scope: ScopeName) -> dict[str, str | None]:
    """Which rows of stored usage count in a scope."""
    where: dict[str, str | None] = {"organization": scope.organization}
    if scope.level in _COLUMNS:
        where[_COLUMNS[scope.level]] = scope.name
    return where


def _column(row: QuotaDimension) -> str:
    """The column of stored usage that a dimension counts."""
    return METRICS[row.metric - 1]


def _pico(row: QuotaDimension, used: int, remainder: int) -> int:
    return used * row.scale + remainder


def _by_shard(drifts: Iterable[LedgerDrift]) -> dict[int, list[LedgerDrift]]:
    """What can be repaired, by shard: each state once."""
    once: dict[tuple[str, str], LedgerDrift] = {
        (drift.key, drift.place): drift for drift in drifts if drift.repaired
    }
    by_shard: dict[int, list[LedgerDrift]] = defaultdict(list)
    for drift in once.values():
        by_shard[drift.shard].append(drift)
    return by_shard


async def _write(client: Client, drifts: list[LedgerDrift]) -> int:
    """Write the repaired states of one shard, all of them or none; returns how many."""
    scopes: dict[str, tuple[bytes, dict[str, StateNumbers]]] = {}
    for drift in drifts:
        kept = drift.expected, read_scope(drift.expected)
        scopes.setdefault(drift.key, kept)[1][drift.place] = drift.repaired
    args = [part for raw, states in scopes.values() for part in (raw, write_scope(states))]
    written = await run_script(client, "repair", list(scopes), args)
    return len(drifts) if written else 0
