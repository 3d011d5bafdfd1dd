"""Does the ledger agree with the books? From the books outwards, and back.

Every customer of the stored usage has scopes that the ledger should keep (check.expected); those
and the ones it keeps are looked at, a page at a time, each page at one moment (check.look). What a
limit should have counted is what was stored before the look plus what the journal still holds, of
the tiers and gateways that have that limit (check.counted). Repairing writes what the books say,
fenced: a state is replaced only where it is unchanged since the look.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from router.ledger.check.compare import ScopeCheck
from router.ledger.check.counted import BookedLook
from router.ledger.check.expected import (
    Calendars,
    ExpectedScope,
    Scope,
    Tiers,
    expected_scopes,
    scope_of,
)
from router.ledger.check.findings import CheckReport, Finding
from router.ledger.check.history import LimitHistory, calendar_limits
from router.ledger.check.look import Look, look_at, scope_keys
from router.ledger.check.totals import UsageTotals
from router.ledger.codec import CLOCK_PAIR, StateNumbers, read_scope, write_scope
from router.ledger.keys import SHARED_USERS, Shard, scope
from router.ledger.loss import Known, Loss, Witness, judge
from router.ledger.quotas.dimensions import DIMENSIONS
from router.ledger.server.address import LedgerAddress
from router.ledger.server.clients import Client, client_at, run_script

_PAGE: Final = 500
_TRIES: Final = 3
_WRITES: Final = 20  # busy states are looked at again so often before they are left alone
_SPARE_MS: Final = 62 * 86_400_000  # twice the longest window
_SHARED: Final = f"/{SHARED_USERS}"
_Place = tuple[str, str]


class LedgerCheck:
    """Compares one ledger with the books, by the quotas of each tier of today's policy. Blocks on
    the books: a command, not a server.

    `epoch` is the ledger's, where the books know none. Its methods raise Disconnected where the
    ledger does not answer.
    """

    def __init__(
        self,
        address: LedgerAddress,
        shards: list[Shard],
        totals: UsageTotals,
        tiers: Tiers,
        epoch: str,
        *,
        calendars: Calendars,
    ) -> None:
        self._calendars = calendars
        self._address = address
        self._shards = shards
        self._totals = totals
        self._tiers = tiers
        self._epoch = epoch
        self._limits = calendar_limits(tiers)
        self._shared: set[str] = set()  # scopes that further end users share
        self._newest: Mapping[int, int] = {}  # when the newest stored rows were closed, by shard

    async def check(self) -> CheckReport:
        """Everything that a third look still sees (traffic may change states in between)."""
        report = CheckReport(len(self._shards), rows=self._totals.count())
        async with client_at(self._address) as client:
            report.lost = await self._lost(client)
            history, expected = self._expected()
            there = await scope_keys(client)
            self._shared = {key for keys in there.values() for key in keys if key.endswith(_SHARED)}
            for shard in self._shards:
                known = expected[shard.number]
                keys = sorted({*there.get(shard.number, ()), *known})
                report.scopes += len(keys)
                for first in range(0, len(keys), _PAGE):
                    report.findings += await self._check_page(
                        client, shard, keys[first : first + _PAGE], known, history,
                        lost=shard.number in report.lost,
                    )  # fmt: skip
        return report

    async def repair(self, findings: Iterable[Finding]) -> int:
        """Write what the books say where it was agreed to; returns how many states were repaired.

        A scope in which something moved since is looked at again, and repaired only where it still
        lacks what was agreed to, or has too much by that.
        """
        wanted = {f: f.books - f.ledger for f in findings if f.repaired}
        agreed = {(f.key, f.place, f.what): wanted[f] for f in wanted}
        left, repaired = list(wanted), set[_Place]()
        async with client_at(self._address) as client:
            for _ in range(_WRITES):
                for key, changes in _by_key(left).items():
                    if await _write(client, key, changes):
                        repaired |= {(key, change.place) for change in changes}
                keys = {f.key for f in left if (f.key, f.place) not in repaired}
                if not keys:
                    break
                left = [
                    f
                    for f in await self._look_again(client, keys)
                    if agreed.get((f.key, f.place, f.what)) == f.books - f.ledger
                ]
        return len(repaired)

    async def declare_whole(self) -> None:
        """Say in every virtual shard that the ledger is whole, and the one of these books."""
        epoch, newest = self._totals.epoch() or self._epoch, self._totals.newest()
        async with client_at(self._address) as client:
            for shard in self._shards:
                now = (await look_at(client, shard, (), self._totals)).now
                # A clock behind the books would tell of a loss again; it goes on from there. One
                # that was held back stays so.
                last = max(now, newest.get(shard.number, 0))
                before, server = CLOCK_PAIR.unpack(await client.get(shard.clock) or bytes(16))
                behind = max(0, server - before)
                await client.set(shard.clock, CLOCK_PAIR.pack(last, now + behind))
                found = Witness.read(await client.get(shard.witness))
                seen = max(now, time.time_ns() // 1_000_000, 0 if found is None else found.seen + 1)
                await client.set(shard.witness, Witness(epoch, seen).write())

    async def _lost(self, client: Client) -> dict[int, Loss]:
        """What the ledger lost as a whole, by virtual shard."""
        epoch, newest = self._totals.epoch(), self._totals.newest()
        self._newest = newest
        lost = {}
        for shard in self._shards:
            found = Witness.read(await client.get(shard.witness))
            known = Known(epoch, newest=newest.get(shard.number, 0))
            loss = judge(known, found, await client.get(shard.clock))
            if loss is not None:
                lost[shard.number] = loss
        return lost

    def _expected(self) -> tuple[LimitHistory, dict[int, dict[str, ExpectedScope]]]:
        """By which limits rows counted, and which scopes the ledger should have."""
        said = self._totals.limits()
        history = LimitHistory(said, self._limits)
        every = set().union(*self._limits.values(), *(n for _, _, of in said for n in of.values()))
        endless = any(DIMENSIONS[n.partition(".")[2]].period == "endless" for n in every)
        since = 0 if endless else time.time_ns() // 1_000_000 - _SPARE_MS
        customers = self._totals.customers(since)
        return history, self._scopes(customers, history)

    def _scopes(
        self, customers: Iterable[Mapping[str, Any]], history: LimitHistory
    ) -> dict[int, dict[str, ExpectedScope]]:
        return expected_scopes(customers, self._tiers, history, self._shards, self._calendars)

    async def _look_again(self, client: Client, keys: set[str]) -> list[Finding]:
        """The drifts of some scopes, as they are now."""
        lost = await self._lost(client)
        history, expected = self._expected()
        findings: list[Finding] = []
        for shard in self._shards:
            page = sorted(key for key in keys if key.startswith(shard.base))
            if page:
                look = await self._look(client, shard, page)
                findings += self._compare(
                    shard, look, expected[shard.number], history, lost=shard.number in lost
                )
        return [finding for finding in findings if finding.is_drift]

    async def _look(self, client: Client, shard: Shard, keys: list[str]) -> Look:
        newest = self._newest.get(shard.number, 0)
        return await look_at(client, shard, keys, self._totals, newest)

    async def _check_page(
        self,
        client: Client,
        shard: Shard,
        keys: list[str],
        expected: Mapping[str, ExpectedScope],
        history: LimitHistory,
        *,
        lost: bool,
    ) -> list[Finding]:
        notes: dict[tuple[str, str, str], Finding] = {}
        drifts: list[Finding] = []
        for _ in range(_TRIES):
            look = await self._look(client, shard, keys)
            found = self._compare(shard, look, expected, history, lost=lost)
            drifts = [finding for finding in found if finding.is_drift]
            notes |= {(f.key, f.place, f.kind): f for f in found if not f.is_drift}
            if not drifts:
                break
            keys = sorted({drift.key for drift in drifts})
        return [*drifts, *notes.values()]

    def _compare(
        self,
        shard: Shard,
        look: Look,
        expected: Mapping[str, ExpectedScope],
        history: LimitHistory,
        *,
        lost: bool,
    ) -> list[Finding]:
        """What is to be said of the scopes of a look."""
        books, findings = BookedLook(look, self._totals, history), list[Finding]()
        fresh = self._scopes(look.customers(), history)[shard.number]
        for key in look.scopes:
            known = [scopes[key] for scopes in (fresh, expected) if key in scopes]
            named: Scope | None = known[0].scope if known else scope_of(key)
            if named is None:
                continue  # its name is a hash that no row of the books tells
            limits = {place: of for each in known for place, of in each.limits.items()}
            shared = shard.scopes + scope("user", named.organization, SHARED_USERS)
            findings += ScopeCheck(
                shard.number, key, named, limits, look, books,
                lost=lost, shared=shared in self._shared,
            ).findings()  # fmt: skip
        return findings


def _by_key(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Findings by their scope, each state once: the last is the whole of its repair."""
    once = {(finding.key, finding.place): finding for finding in findings}
    by_key: dict[str, list[Finding]] = {}
    for finding in once.values():
        by_key.setdefault(finding.key, []).append(finding)
    return by_key


async def _write(client: Client, key: str, changes: list[Finding]) -> bool:
    """Write the repaired states of one scope, unless it has changed since it was looked at."""
    states: dict[str, StateNumbers] = read_scope(changes[0].expected)
    states |= {change.place: change.repaired for change in changes}
    written = await run_script(client, "repair", [key], [changes[0].expected, write_scope(states)])
    return bool(written)
