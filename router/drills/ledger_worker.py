"""A worker of the ledger's drill: a gateway process that sends many requests of one key and writes
down which were admitted.
"""

import asyncio
import contextlib
import random
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import orjson

from router.domain import Charge, Estimate, Outcome, Principal, Usage
from router.errors import LedgerUnavailable, LimitExceeded
from router.ledger.ledger import Ledger
from router.ledger.quotas.dimensions import Options, Quota
from router.ledger.reserve_request import ReserveRequest, Run

LEASE_MS: Final = 2_000
KEY: Final = "hot"
TIER: Final = "drill"
# Of the denied, those that no ledger was asked about; the other figures are outcomes.
FROM_MEMORY: Final = "from_memory"


@dataclass(frozen=True, slots=True)
class DrillLoad:
    """What one worker does: it sends `offered` requests, or for `seconds`, so many `at_once`.

    At most `limit` fit into any `window_ms`. `abandoned` is the share that is never settled.
    `denial_memory`: gateways may deny from memory what the ledger just denied, as they do when they
    serve; without, every request asks the ledger.
    """

    organization: str
    limit: int
    window_ms: int
    offered: int = sys.maxsize
    seconds: float = 3600.0
    at_once: int = 16
    abandoned: float = 0.0
    denial_memory: bool = True

    @property
    def quotas(self) -> tuple[Quota, ...]:
        """Quotas of one busy key and its organization, one for each algorithm."""
        window = Options(window_ms=self.window_ms)
        return (
            Quota("organization", "tokens_per_day", 10**12),
            Quota("key", "requests_per_minute", self.limit, window),
            Quota("key", "usd_per_month", 10**14),
            Quota("key", "concurrency", 10_000),
            Quota("run", "usd", 10**14),
            Quota("run", "requests", 10**12),
            Quota("run", "concurrency", 10_000),
        )


_RUN: Final = Run("drill", None, (-1, -1, -1), 3_600_000, 10, b"{}")


class Notes(Protocol):
    """Where a worker writes its lines."""

    def write(self, line: str) -> object:
        """Write one line."""

    def flush(self) -> object:
        """Make sure that the lines are read even if this process is killed."""


class Worker:
    """One gateway of a drill."""

    def __init__(self, ledger: Ledger, load: DrillLoad, notes: Notes, seed: int) -> None:
        self._ledger = ledger
        self._load = load
        self._notes = notes
        self._chance = random.Random(seed)  # noqa: S311  # a drill, not a secret
        self._counts = Counter[str]()
        self._from_memory = 0  # denials from memory that were written down
        self._waits: deque[int] = deque(maxlen=10_000)
        self._left = load.offered
        self._wanted = ReserveRequest(
            "drill", Principal(KEY, load.organization, TIER), "drill", None, load.quotas,
            Estimate(10, 90, 100_000_000, 10_000_000), run=_RUN,
        )  # fmt: skip

    async def run(self) -> None:
        """Send the load, until all of it was sent or its time is over; then wait for settling."""
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
            started = time.perf_counter_ns()
            outcome = await self._request()
            self._waits.append((time.perf_counter_ns() - started) // 1000)
            self._counts[outcome] += 1
            if outcome == "unavailable":
                await asyncio.sleep(0.01)

    async def _request(self) -> str:
        hold = self._ledger.hold(self._wanted, partial(_charge, self._chance.randrange(0, 120)))
        try:
            await hold.__aenter__()
        except LimitExceeded:
            return "denied"
        except LedgerUnavailable:
            return "unavailable"
        hold.dispatched()
        self._notes.write(f"{hold.hold_id}\n")
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
        from_memory = self._ledger.counts["denied_from_memory"]
        figures = {**self._counts, FROM_MEMORY: from_memory - self._from_memory, **at}
        self._from_memory = from_memory
        self._counts.clear()
        self._notes.write(" ".join(f"{name}={value}" for name, value in figures.items()) + "\n")
        self._notes.flush()


async def work(url: str, load: DrillLoad, notes: Notes, seed: int) -> None:
    """Run one gateway: send the load, write down admitted holds and, twice a second, figures."""
    while True:
        with contextlib.suppress(LedgerUnavailable):
            ledger = await Ledger.connect(
                url,
                command_seconds=1.0,
                lease_ms=LEASE_MS,
                remember_denials=load.denial_memory,
            )
            break
        await asyncio.sleep(0.1)
    await Worker(ledger, load, notes, seed).run()
    await ledger.close()


def _charge(tokens: int) -> Charge:
    return Charge(Usage(10, tokens), (10 + tokens) * 1_000_001, Outcome.COMPLETED, "drill", "drill")


if __name__ == "__main__":
    _url, _load, _seed = orjson.loads(sys.argv[1])
    asyncio.run(work(_url, DrillLoad(**_load), sys.stdout, _seed))
