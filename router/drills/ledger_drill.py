"""The ledger's drill: load and faults, then a report of which promises were kept, with figures.

Workers are gateway processes (ledger_worker), some of which are killed while they work. At the end
the ledger's own journal is compared with the workers' notes (ledger_findings).
"""

import asyncio
import contextlib
import itertools
import os
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict

import orjson

from router.drills.ledger_findings import DrillRows, Findings, Granted, judge
from router.drills.ledger_worker import LEASE_MS, DrillLoad
from router.errors import LedgerUnavailable
from router.ledger.ledger import Ledger
from router.ledger.server.address import parse_address
from router.ledger.server.errors import Disconnected


class Drill:
    """Starts workers, kills some, causes faults, and compares what came of it with the promises.

    `faults` are caused in turn; each is a coroutine function that returns the fault's name.
    """

    def __init__(self, url: str, faults: Sequence[Callable[[], Awaitable[str]]] = ()) -> None:
        self._url = url
        self._faults = faults
        self.granted = Granted()
        self.caused: Counter[str] = Counter()

    async def run(self, load: DrillLoad, *, workers: int, kill: bool = False) -> Findings:
        """Run until every worker is done. With `kill`, one is killed every three seconds."""
        ledger = await Ledger.connect(self._url, command_seconds=1.0, lease_ms=LEASE_MS)
        rows = DrillRows(ledger, load.organization)
        collecting = asyncio.create_task(_collect(rows))
        causing = asyncio.create_task(self._cause_faults(load.seconds / 12))
        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            if kill:
                group.create_task(self._run_killed_workers(load))
            for number in range(kill, workers):
                group.create_task(self._run_worker(load, number))
        took = time.monotonic() - started
        for task in (collecting, causing):
            task.cancel()
        await asyncio.gather(collecting, causing, return_exceptions=True)
        findings = await judge(ledger, parse_address(self._url), load, self.granted, rows)
        figures, granted = findings.figures, self.granted
        figures["offered a second, all gateways"] = f"{granted.offered / took:.0f}"
        figures["answered by the ledger a second"] = f"{granted.reached / took:.0f}"
        figures.update({f"fault: {name}": str(n) for name, n in self.caused.items()})
        await ledger.close()
        return findings

    async def _run_worker(self, load: DrillLoad, number: int) -> None:
        worker = await self._start(load, number)
        await self._read(worker)
        await worker.wait()

    async def _run_killed_workers(self, load: DrillLoad) -> None:
        end, started = time.monotonic() + load.seconds, 0
        while time.monotonic() < end:
            started += 1
            worker = await self._start(load, 1000 + started)
            reading = asyncio.create_task(self._read(worker))
            await asyncio.sleep(3)
            worker.kill()
            self.granted.killed += 1
            await reading
            await worker.wait()

    async def _start(self, load: DrillLoad, seed: int) -> asyncio.subprocess.Process:
        words = orjson.dumps([self._url, asdict(load), seed]).decode()
        command = (sys.executable, "-m", "router.drills.ledger_worker", words)
        return await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)

    async def _read(self, worker: asyncio.subprocess.Process) -> None:
        if worker.stdout is not None:
            async for line in worker.stdout:
                if line.endswith(b"\n"):
                    self.granted.read(line.decode().strip())

    async def _cause_faults(self, pause: float) -> None:
        for fault in itertools.cycle(self._faults):
            await asyncio.sleep(max(2.0, pause))
            with contextlib.suppress(Disconnected, LedgerUnavailable):
                self.caused[await fault()] += 1


async def _collect(rows: DrillRows) -> None:
    while True:
        with contextlib.suppress(Disconnected):
            await rows.collect()
        await asyncio.sleep(0.5)


def drill_organization() -> str:
    """A name that no customer has."""
    return f"turnout-drill-{os.urandom(4).hex()}"
