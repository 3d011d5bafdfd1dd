"""The drill: load and faults against a ledger, and the promises with their figures.

Workers are gateway processes that hammer one hot key and write down what they were granted; some
are killed in the middle. At the end the ledger's own journal is compared with their notes.
"""

import asyncio
import contextlib
import itertools
import os
import random
import sys
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Final, Protocol

import orjson

from router.domain import Charge, Estimate, Outcome, Principal, Usage
from router.errors import LedgerUnavailable, LimitExceeded
from router.ledger.check.pools import Pools
from router.ledger.journal import Row
from router.ledger.ledger import Ledger
from router.ledger.quotas.dimensions import Options, Quota
from router.ledger.reserve_request import Ticket
from router.ledger.server.connection import Disconnected

LEASE_MS: Final = 2_000
KEY: Final = "hot"
TIER: Final = "drill"


@dataclass(frozen=True, slots=True)
class Load:
    """What one worker does: how many requests it offers, or for how many seconds, how many at
    once, against which limit in which sliding window. Abandoned ones are never settled.
    """

    organization: str
    limit: int
    window_ms: int
    offered: int = sys.maxsize
    seconds: float = 3600.0
    at_once: int = 16
    abandoned: float = 0.0

    @property
    def quotas(self) -> tuple[Quota, ...]:
        """One hot key with every kind of algorithm."""
        window = Options(window_ms=self.window_ms)
        return (
            Quota("organization", "tokens_per_day", 10**12),
            Quota("key", "requests_per_minute", self.limit, window),
            Quota("key", "usd_per_month", 10**14),
            Quota("key", "concurrency", 10_000),
        )


class Notes(Protocol):
    """Where a worker writes what it was granted, line by line."""

    def write(self, line: str) -> object:
        """Take one line."""

    def flush(self) -> object:
        """Make sure that it is seen even if this process is killed."""


class Worker:
    """One gateway of a drill."""

    def __init__(self, ledger: Ledger, load: Load, notes: Notes, seed: int) -> None:
        self._ledger = ledger
        self._load = load
        self._notes = notes
        self._chance = random.Random(seed)  # noqa: S311  # a drill, not a secret
        self._counts = Counter[str]()
        self._waits: deque[int] = deque(maxlen=10_000)
        self._left = load.offered
        self._ticket = Ticket(
            "drill", Principal(KEY, load.organization, TIER), "drill", None, load.quotas,
            Estimate(10, 90, 100_000_000, 10_000_000),
        )  # fmt: skip

    async def run(self) -> None:
        """Offer the load; ends when it is offered, or its time is over, and all is settled."""
        noting = asyncio.create_task(self._note())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._load.seconds), asyncio.TaskGroup() as clients:
                for _ in range(self._load.at_once):
                    clients.create_task(self._client())
        await self._ledger.settled(30)
        noting.cancel()
        self._write()

    async def _client(self) -> None:
        while self._left > 0:
            self._left -= 1
            begun = time.perf_counter_ns()
            outcome = await self._request()
            self._waits.append((time.perf_counter_ns() - begun) // 1000)
            self._counts[outcome] += 1
            if outcome == "unavailable":
                await asyncio.sleep(0.01)

    async def _request(self) -> str:
        hold = self._ledger.hold(self._ticket, partial(_charge, self._chance.randrange(0, 120)))
        try:
            await hold.__aenter__()
        except LimitExceeded:
            return "denied"
        except LedgerUnavailable:
            return "unavailable"
        hold.dispatched()
        self._notes.write(f"{hold.rid}\n")
        self._notes.flush()
        if self._chance.random() < self._load.abandoned:
            self._ledger.abandon(hold)
        else:
            await hold.__aexit__(None, None, None)
        return "admitted"

    async def _note(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            self._write()

    def _write(self) -> None:
        ordered = sorted(self._waits) or [0]
        at = {"p50": ordered[len(ordered) // 2], "p99": ordered[len(ordered) * 99 // 100]}
        figures = {**self._counts, **at}
        self._counts.clear()
        self._notes.write(" ".join(f"{name}={value}" for name, value in figures.items()) + "\n")
        self._notes.flush()


async def work(url: str, load: Load, notes: Notes, seed: int) -> None:
    """Be one gateway: offer the load, note each hold admitted and, now and then, the figures."""
    while True:
        with contextlib.suppress(LedgerUnavailable):
            ledger = await Ledger.connect(url, command_seconds=1.0, lease_ms=LEASE_MS)
            break
        await asyncio.sleep(0.1)
    await Worker(ledger, load, notes, seed).run()
    await ledger.close()


def _charge(tokens: int) -> Charge:
    return Charge(Usage(10, tokens), (10 + tokens) * 1_000_001, Outcome.COMPLETED, "drill", "drill")


@dataclass(slots=True)
class Findings:
    """What a drill found: promises (kept or not, with a figure) and plain figures."""

    promises: list[tuple[str, bool, str]] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)

    @property
    def kept(self) -> bool:
        """Whether every promise held."""
        return all(held for _, held, _ in self.promises)


@dataclass(slots=True)
class Granted:
    """What the workers wrote down."""

    rids: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, int] = field(default_factory=dict)
    killed: int = 0

    def read(self, line: str) -> None:
        """Take one line of a worker."""
        if "=" not in line:
            self.rids.add(line)
            return
        for part in line.split():
            name, _, value = part.partition("=")
            if name in {"p50", "p99"}:
                self.slowest[name] = max(self.slowest.get(name, 0), int(value))
            else:
                self.counts[name] += int(value)


class Rows:
    """The drill's own rows of the journal, taken out as they come so that they reach no bill."""

    def __init__(self, ledger: Ledger, organization: str) -> None:
        self._journal = ledger.journal()
        self._mine = f'"organization":"{organization}"'.encode()
        self.rows: list[Row] = []

    async def collect(self) -> None:
        """Take what is there now."""
        found = [(e, e.row()) for e in await self._journal.read(100_000)]
        mine = [(entry, row) for entry, row in found if self._mine in row.meta]
        self.rows += [row for _, row in mine]
        await self._journal.forget([entry for entry, _ in mine])

    def used(self, place: int) -> int:
        """The sum of one metric over all rows."""
        return sum(row.used[place] for row in self.rows)

    def busiest(self, window_ms: int) -> int:
        """The most requests that any sliding window saw admitted, by the ledger's own clock."""
        instants = sorted(row.t0 for row in self.rows if not row.seq and row.used[0] == 1)
        recent: deque[int] = deque()
        most = 0
        for instant in instants:
            recent.append(instant)
            while recent[0] <= instant - window_ms:
                recent.popleft()
            most = max(most, len(recent))
        return most


async def judge(ledger: Ledger, load: Load, granted: Granted, rows: Rows) -> Findings:
    """Compare the ledger with the workers' notes, once every lease has run out."""
    pools = await _at_rest(ledger, load, rows)
    times = Counter(row.rid for row in rows.rows if not row.seq)
    served = {row.rid for row in rows.rows if row.status != "cancelled"}
    lost, unknown = len(granted.rids - times.keys()), len(served - granted.rids)
    busiest = rows.busiest(load.window_ms)
    found = Findings()
    found.promises = [
        (
            f"never more than {load.limit} in any {load.window_ms / 1000:g} s",
            busiest <= load.limit, f"at most {busiest}",
        ),
        ("every admitted request has its journal row", lost == 0, f"{lost} missing"),
        (
            "nobody is billed who was not admitted", unknown <= granted.killed * load.at_once,
            f"{unknown} beyond the notes of {granted.killed} killed gateways",
        ),
        (
            "no request has two rows", all(n == 1 for n in times.values()),
            f"{sum(n > 1 for n in times.values())} doubled",
        ),
        ("nothing stays held", not pools.held and not pools.open, f"{pools.held} tokens held"),
        (
            "the pool equals the journal", pools.used == rows.used(1),
            f"{pools.used} against {rows.used(1)} tokens",
        ),
        (
            "money equals the journal to the pico-USD", pools.spent_pico == rows.used(4),
            f"{pools.spent_pico} against {rows.used(4)}",
        ),
    ]  # fmt: skip
    found.figures = {
        **{name: str(granted.counts[name]) for name in ("admitted", "denied", "unavailable")},
        "admitted, by notes": str(len(granted.rids)),
        "closed by the reaper": str(sum(row.status == "expired" for row in rows.rows)),
        "gateways killed": str(granted.killed),
        **{f"{name} of the slowest gateway, µs": str(n) for name, n in granted.slowest.items()},
    }
    return found


async def _at_rest(ledger: Ledger, load: Load, rows: Rows) -> Pools:
    """The pools once nothing is held any more, or after ten leases."""
    deadline = time.monotonic() + 10 * LEASE_MS / 1000
    while True:
        late = time.monotonic() > deadline
        try:
            await ledger.reap()
            await rows.collect()
            pools = await ledger.pools(load.organization, KEY, load.quotas)
            if late or not (pools.held or pools.open):
                return pools
        except Disconnected:
            if late:
                raise
        await asyncio.sleep(0.2)


class Drill:
    """Starts workers, kills some, disturbs the ledger, and judges.

    `disturb` are faults to take in turn, each a coroutine function that returns its name.
    """

    def __init__(self, url: str, disturb: Sequence[Callable[[], Awaitable[str]]] = ()) -> None:
        self._url = url
        self._disturb = disturb
        self.granted = Granted()
        self.disturbed: Counter[str] = Counter()

    async def run(self, load: Load, *, workers: int, kill: bool = False) -> Findings:
        """Run until every worker is done; where `kill`, one of them dies every three seconds."""
        ledger = await Ledger.connect(self._url, command_seconds=1.0, lease_ms=LEASE_MS)
        rows = Rows(ledger, load.organization)
        collecting = asyncio.create_task(_collect(rows))
        trouble = asyncio.create_task(self._trouble(load.seconds / 12))
        begun = time.monotonic()
        async with asyncio.TaskGroup() as group:
            if kill:
                group.create_task(self._mortal(load))
            for number in range(kill, workers):
                group.create_task(self._immortal(load, number))
        took = time.monotonic() - begun
        for task in (collecting, trouble):
            task.cancel()
        await asyncio.gather(collecting, trouble, return_exceptions=True)
        found = await judge(ledger, load, self.granted, rows)
        offered = sum(self.granted.counts.values())
        found.figures["requests a second, all gateways"] = f"{offered / took:.0f}"
        found.figures.update({f"fault: {name}": str(n) for name, n in self.disturbed.items()})
        await ledger.close()
        return found

    async def _immortal(self, load: Load, number: int) -> None:
        worker = await self._start(load, number)
        await self._read(worker)
        await worker.wait()

    async def _mortal(self, load: Load) -> None:
        end, lives = time.monotonic() + load.seconds, 0
        while time.monotonic() < end:
            lives += 1
            worker = await self._start(load, 1000 + lives)
            reading = asyncio.create_task(self._read(worker))
            await asyncio.sleep(3)
            worker.kill()
            self.granted.killed += 1
            await reading
            await worker.wait()

    async def _start(self, load: Load, seed: int) -> asyncio.subprocess.Process:
        words = orjson.dumps([self._url, asdict(load), seed]).decode()
        command = (sys.executable, "-m", "router.drills.ledger_drill", words)
        return await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)

    async def _read(self, worker: asyncio.subprocess.Process) -> None:
        if worker.stdout is not None:
            async for line in worker.stdout:
                if line.endswith(b"\n"):
                    self.granted.read(line.decode().strip())

    async def _trouble(self, pause: float) -> None:
        for fault in itertools.cycle(self._disturb):
            await asyncio.sleep(max(2.0, pause))
            with contextlib.suppress(Disconnected, LedgerUnavailable):
                self.disturbed[await fault()] += 1


async def _collect(rows: Rows) -> None:
    while True:
        with contextlib.suppress(Disconnected):
            await rows.collect()
        await asyncio.sleep(0.5)


def drill_organization() -> str:
    """A name that no customer has."""
    return f"turnout-drill-{os.urandom(4).hex()}"


if __name__ == "__main__":
    _url, _load, _seed = orjson.loads(sys.argv[1])
    asyncio.run(work(_url, Load(**_load), sys.stdout, _seed))
