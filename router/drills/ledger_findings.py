"""The findings of a ledger drill: the workers' notes compared with the ledger's own journal."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from router.drills.ledger_worker import FROM_MEMORY, KEY, LEASE_MS, DrillLoad
from router.ledger.codec import (
    CANCELLED_STATUS,
    EXPIRED_STATUS,
    METRICS,
    CalendarState,
    read_scope,
)
from router.ledger.keys import scope, shard, shard_of
from router.ledger.ledger import Ledger
from router.ledger.quotas.compiled_quotas import place_of
from router.ledger.quotas.dimensions import DIMENSIONS, Quota
from router.ledger.server.address import LedgerAddress
from router.ledger.server.clients import client_at
from router.ledger.server.errors import Disconnected
from router.ledger.server.startup import SHARDS
from router.usage_row import JournalRow


@dataclass(slots=True)
class Findings:
    """Promises (text, whether it was kept, a figure), and further figures by name."""

    promises: list[tuple[str, bool, str]] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        return all(kept for _, kept, _ in self.promises)


@dataclass(slots=True)
class Granted:
    """The notes of all workers: which holds they were granted, and their figures."""

    hold_ids: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, int] = field(default_factory=dict)
    killed: int = 0

    @property
    def offered(self) -> int:
        """Requests that came to an end: admitted, denied, or refused without the ledger."""
        return sum(self.counts[outcome] for outcome in ("admitted", "denied", "unavailable"))

    @property
    def from_memory(self) -> int:
        """Those that a gateway denied from its memory of the ledger's own denial."""
        return self.counts[FROM_MEMORY]

    @property
    def reached(self) -> int:
        """Those that the ledger answered."""
        return self.counts["admitted"] + self.counts["denied"] - self.from_memory

    def read(self, line: str) -> None:
        """Read one line of a worker."""
        if "=" not in line:
            self.hold_ids.add(line)
            return
        for part in line.split():
            name, _, value = part.partition("=")
            if name in {"p50", "p99"}:
                self.slowest[name] = max(self.slowest.get(name, 0), int(value))
            else:
                self.counts[name] += int(value)


class DrillRows:
    """The drill's own rows of the journal, taken out at once so that they reach no bill."""

    def __init__(self, ledger: Ledger, organization: str) -> None:
        self._journal = ledger.journal()
        self._mine = f'"organization":"{organization}"'.encode()
        self.rows: list[JournalRow] = []

    async def collect(self) -> None:
        """Take the rows that are there now."""
        read = [(entry, entry.row()) for entry in await self._journal.read(100_000)]
        mine = [(entry, row) for entry, row in read if self._mine in row.meta]
        self.rows += [row for _, row in mine]
        await self._journal.forget([entry for entry, _ in mine])

    def used(self, metric: str) -> int:
        """The sum of one metric over all rows."""
        return sum(row.used[METRICS.index(metric)] for row in self.rows)

    def busiest(self, window_ms: int) -> int:
        """The most requests that any sliding window saw admitted, by the ledger's own clock."""
        instants = sorted(row.admitted_at for row in self.rows if not row.seq and row.used[0] == 1)
        recent: deque[int] = deque()
        most = 0
        for instant in instants:
            recent.append(instant)
            while recent[0] <= instant - window_ms:
                recent.popleft()
            most = max(most, len(recent))
        return most


@dataclass(slots=True)
class Pools:
    """Sums over some quotas: tokens used, tokens held, pico-USD spent, open holds."""

    used: int = 0
    held: int = 0
    spent_pico: int = 0
    open: int = 0


async def read_pools(
    address: LedgerAddress, organization: str, key_id: str, quotas: Sequence[Quota]
) -> Pools:
    """Read what these quotas count now. Raises Disconnected."""
    home = shard(shard_of(organization, SHARDS))
    names = {"organization": None, "key": key_id}
    pools = Pools()
    async with client_at(address) as client:
        for quota in quotas:
            if quota.level not in names:  # a run's purse holds what these do
                continue
            key = home.scopes + scope(quota.level, organization, names[quota.level])
            numbers = read_scope(await client.get(key) or b"").get(place_of(quota))
            if numbers is not None:
                _add(pools, quota, numbers)
    return pools


def _add(pools: Pools, quota: Quota, numbers: tuple[int, ...]) -> None:
    row = DIMENSIONS[quota.dimension]
    if row.algorithm == "L":
        pools.open += numbers[0]
    elif row.algorithm == "C":
        state = CalendarState.of(numbers)
        pools.held += state.held
        if row.money:
            pools.spent_pico += state.used * row.scale + state.remainder
        else:
            pools.used += state.used


async def judge(
    ledger: Ledger, address: LedgerAddress, load: DrillLoad, granted: Granted, rows: DrillRows
) -> Findings:
    """Compare the ledger with the workers' notes, once every lease has run out."""
    pools = await _at_rest(ledger, address, load, rows)
    expired = sum(row.status == EXPIRED_STATUS for row in rows.rows)
    slowest = {f"{name} of the slowest gateway, µs": str(n) for name, n in granted.slowest.items()}
    figures = {
        "requests offered": str(granted.offered),
        "denied by a gateway's memory of a denial": str(granted.from_memory),
        "answered by the ledger": str(granted.reached),
        "  admitted": str(granted.counts["admitted"]),
        "  denied": str(granted.counts["denied"] - granted.from_memory),
        "not answered by the ledger (503)": str(granted.counts["unavailable"]),
        "admitted, by notes": str(len(granted.hold_ids)),
        "closed by the reaper": str(expired),
        "gateways killed": str(granted.killed),
        **slowest,
    }
    return Findings(_promises(load, granted, rows, pools), figures)


def _promises(
    load: DrillLoad, granted: Granted, rows: DrillRows, pools: Pools
) -> list[tuple[str, bool, str]]:
    """Every promise of the ledger: its text, whether it was kept, a figure."""
    times = Counter(row.hold_id for row in rows.rows if not row.seq)
    served = {row.hold_id for row in rows.rows if row.status != CANCELLED_STATUS}
    lost, unknown = len(granted.hold_ids - times.keys()), len(served - granted.hold_ids)
    busiest, seconds = rows.busiest(load.window_ms), load.window_ms / 1000
    tokens, money = rows.used("tokens"), rows.used("cost_pico")
    doubled = sum(n > 1 for n in times.values())
    memory = granted.from_memory
    asked = (
        []
        if load.denial_memory
        else [
            (
                "the ledger was asked about every request",
                memory == 0,
                f"{memory} answered from memory",
            )
        ]
    )
    return [
        *asked,
        (
            f"never more than {load.limit} in any {seconds:g} s",
            busiest <= load.limit, f"at most {busiest}",
        ),
        ("every admitted request has its journal row", lost == 0, f"{lost} missing"),
        (
            "nobody is billed who was not admitted", unknown <= granted.killed * load.at_once,
            f"{unknown} beyond the notes of {granted.killed} killed gateways",
        ),
        ("no request has two rows", doubled == 0, f"{doubled} doubled"),
        ("nothing stays held", not pools.held and not pools.open, f"{pools.held} tokens held"),
        (
            "the pool equals the journal", pools.used == tokens,
            f"{pools.used} against {tokens} tokens",
        ),
        (
            "money equals the journal to the pico-USD", pools.spent_pico == money,
            f"{pools.spent_pico} against {money}",
        ),
    ]  # fmt: skip


async def _at_rest(
    ledger: Ledger, address: LedgerAddress, load: DrillLoad, rows: DrillRows
) -> Pools:
    """The pools once nothing is held any more, or after ten leases."""
    deadline = time.monotonic() + 10 * LEASE_MS / 1000
    while True:
        late = time.monotonic() > deadline
        try:
            await ledger.reap()
            await rows.collect()
            pools = await read_pools(address, load.organization, KEY, load.quotas)
            if late or not (pools.held or pools.open):
                return pools
        except Disconnected:
            if late:
                raise
        await asyncio.sleep(0.2)
