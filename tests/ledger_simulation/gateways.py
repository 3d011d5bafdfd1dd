"""Gateways of the simulation: the real ledger client, under a load whose use is written down."""

import asyncio
import contextlib
import random
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ledgerkit import PRICE, reserve_request

from ledger_simulation.loop import Mortal, SimulatedLoop, owned_by
from ledger_simulation.network import START_MS
from router.domain import Charge, Outcome, Usage
from router.errors import LedgerUnavailable, LimitExceeded
from router.ledger.hold import Hold
from router.ledger.ledger import Ledger
from router.ledger.quotas.dimensions import quotas
from router.ledger.reserve_request import Run
from router.ledger.server.scripts import Script
from router.ledger.server.server_clocks import MachineTime

A_MINUTE: Final = 8
A_DAY: Final = 60
AT_ONCE: Final = 4
A_RUN: Final = 20
RUNS: Final = (("run1", None), ("run2", None), ("child", "run1"))
KEYS: Final = (("acme", "key1"), ("acme", "key2"), ("bolt", "key3"))
LIMITS: Final = quotas(
    {
        "organization": {"requests_per_day": A_DAY, "tokens_per_day": 10**7},
        "key": {
            "requests_per_minute": A_MINUTE,
            "usd_per_month": 10**15,
            "concurrency": AT_ONCE,
        },
        "run": {"usd": 10**15, "tokens": 10**7, "requests": A_RUN, "concurrency": AT_ONCE},
    }
)
_CLIENTS: Final = 3


@dataclass(slots=True)
class Book:
    """What the gateways saw. `admitted`: holds that were entered, and whose they are; `used`: what
    those used that were left by a gateway that lived.
    """

    admitted: dict[str, tuple[str, str]] = field(default_factory=dict)
    used: dict[str, Charge] = field(default_factory=dict)
    denied: int = 0
    unavailable: int = 0
    killed: int = 0


class Inline:
    """A thread pool without threads: what is submitted is done at once."""

    def submit(self, function: Any, *args: Any) -> Future[Any]:
        """Do it."""
        done: Future[Any] = Future()
        done.set_result(function(*args))
        return done

    def shutdown(self) -> None:
        """There is nothing to wait for."""


class Gateway:
    """One place where a gateway runs; when it is killed, another process takes its place."""

    def __init__(
        self,
        loop: SimulatedLoop,
        number: int,
        *,
        folder: Path,
        book: Book,
        scripts: dict[str, Script],
        seed: int,
    ) -> None:
        self._loop = loop
        self._number = number
        self._folder = folder
        self._book = book
        self._scripts = scripts
        self._chance = random.Random(f"gateway {number} of {seed}")
        self._skew_ms = self._chance.choice((0, 0, 0, 40, 5_000, -5_000, 3_600_000, -3_600_000))
        self._stopped = False
        self.ledger: Ledger | None = None
        self._ledgers: list[Ledger] = []
        self.process = Mortal(f"gateway {number}")
        self.processes: list[Mortal] = []

    def start(self) -> None:
        """Start a process."""
        self.process = Mortal(self.process.name)
        self.processes.append(self.process)
        with owned_by(self.process):
            self._task = self._loop.create_task(self._run())

    def kill(self) -> None:
        """Let it die here and now; its locks go with it."""
        self.process.alive = False
        self._book.killed += 1
        if self.ledger is not None and self.ledger._spool._spool is not None:
            self.ledger._spool._spool.close()
        self.ledger = None

    def close(self) -> None:
        """Close what processes had open."""
        for ledger in self._ledgers:
            if ledger._spool._spool is not None:
                ledger._spool._spool.close()

    def stop(self) -> None:
        """Begin no further request."""
        self._stopped = True

    async def _run(self) -> None:
        machine = MachineTime(self._now_ns, self._elapsed_ms, lambda: "simulated")
        while True:
            with contextlib.suppress(LedgerUnavailable):
                ledger = await Ledger.connect(
                    "unix:///simulated", durability="accept", scripts=self._scripts,
                    spool=self._folder, machine=machine,
                )  # fmt: skip
                break
            await asyncio.sleep(0.5)
        ledger._spool._thread = Inline()  # type: ignore[assignment]
        self.ledger = ledger
        self._ledgers.append(ledger)
        await asyncio.gather(*(self._client() for _ in range(_CLIENTS)))

    def _elapsed_ms(self) -> int:
        return int(1000 * self._loop.time())

    def _now_ns(self) -> int:
        return 1_000_000 * (START_MS + self._skew_ms + int(1000 * self._loop.time()))

    async def _client(self) -> None:
        chance = self._chance
        while not self._stopped:
            await asyncio.sleep(chance.expovariate(0.6))
            organization, key = chance.choice(KEYS)
            wanted = reserve_request(
                LIMITS, organization=organization, key=key, run=_run(*chance.choice(RUNS))
            )
            use = Charge(Usage(10, 0), 10 * PRICE, Outcome.COMPLETED, "b", "m")
            uses = [use]
            hold = self.ledger.hold(wanted, lambda uses=uses: uses[0])  # type: ignore[union-attr]
            try:
                async with hold:
                    self._book.admitted[hold.hold_id] = (organization, key)
                    await self._serve(hold, uses)
            except LimitExceeded:
                self._book.denied += 1
            except LedgerUnavailable:
                self._book.unavailable += 1
            else:
                self._book.used[hold.hold_id] = uses[0] if hold.is_dispatched else _NOTHING

    async def _serve(self, hold: Hold, uses: list[Charge]) -> None:
        chance = self._chance
        if chance.random() < 0.05:
            return  # no backend was reached
        hold.dispatched()
        most = chance.choice((20, 60, 90, 200))
        for _ in range(chance.choice((0, 1, 2, 6))):
            await asyncio.sleep(chance.choice((0.05, 0.4, 3.0)))
            output = min(most, uses[0].usage.output_tokens + chance.randrange(0, 60))
            if not hold.covers(output) and not await hold.cover(output):
                return
            uses[0] = Charge(Usage(10, output), (10 + output) * PRICE, Outcome.COMPLETED, "b", "m")


def _run(name: str, parent: str | None) -> Run:
    return Run(name, parent, (-1, -1, -1), 24 * 3_600_000, 10, name.encode())


_NOTHING: Final = Charge(Usage(), 0, Outcome.FAILED)
