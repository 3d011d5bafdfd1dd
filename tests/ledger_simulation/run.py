"""One schedule, run to its end and judged; one that fails is made shorter."""

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import redis
from ledgerkit import Outside

from ledger_simulation.gateways import Book, Gateway
from ledger_simulation.judge import broken
from ledger_simulation.loop import SimulatedLoop
from ledger_simulation.network import CLOCK, Network, Server
from ledger_simulation.schedule import GATEWAYS, SECONDS, Fault, faults_of
from router.ledger.server.scripts import Script, compile_scripts

_AFTER = 60.0  # seconds until every lease has run out and everything was sent again
_HOUR_MS = 3_600_000


@dataclass(slots=True)
class Outcome:
    """How a schedule ended. `broken`: promises, in words."""

    seed: int
    faults: Sequence[Fault]
    broken: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        said = [f"seed {self.seed}: {len(self.broken)} promises broken", *self.broken]
        said += ["schedule:", *map(str, self.faults)]
        said.append(f"again: PYTHONPATH=tests python -m ledger_simulation --seed {self.seed}")
        return "\n  ".join(said)


class Simulation:
    """Runs schedules on one real server, whose data it deletes."""

    def __init__(
        self, client: "redis.Redis[bytes]", sources: Mapping[str, str] | None = None
    ) -> None:
        self._client = client
        self._scripts = dict(compile_scripts(sources, clock=CLOCK))

    def run(self, seed: int, faults: Sequence[Fault] | None = None) -> Outcome:
        """Run one schedule: the seed's own faults, or these."""
        outcome = Outcome(seed, faults_of(seed) if faults is None else faults)
        self._client.flushall()
        loop = SimulatedLoop()
        with tempfile.TemporaryDirectory() as folder:
            schedule = _Schedule(loop, self._client, self._scripts, outcome, Path(folder))
            try:
                loop.run_until_complete(schedule.run())
                loop.run_until_complete(schedule.end())
            finally:
                schedule.close()
                loop.close()
        return outcome

    def shrink(self, outcome: Outcome) -> Outcome:
        """The same failure with fewer faults, where it needs no more."""
        for fault in outcome.faults:
            fewer = self.run(outcome.seed, [each for each in outcome.faults if each != fault])
            if fewer.broken:
                outcome = fewer
        return outcome


class _Schedule:
    def __init__(
        self,
        loop: SimulatedLoop,
        client: "redis.Redis[bytes]",
        scripts: dict[str, Script],
        outcome: Outcome,
        folder: Path,
    ) -> None:
        self._loop = loop
        self._outside = Outside(client)
        self._outcome = outcome
        self._book = Book()
        self._server = Server(loop, client)
        chance = random.Random(f"network {outcome.seed}")
        self._net = Network(loop, self._server, chance)
        self._gateways = [
            Gateway(
                loop,
                number,
                folder=folder / str(number),
                book=self._book,
                scripts=scripts,
                seed=outcome.seed,
            )
            for number in range(GATEWAYS)
        ]

    async def run(self) -> None:
        for gateway in self._gateways:
            gateway.start()
        for fault in self._outcome.faults:
            await asyncio.sleep(max(0.0, fault.at - self._loop.time()))
            self._cause(fault)
            self._outcome.counts[fault.kind] += 1
        await asyncio.sleep(max(0.0, SECONDS - self._loop.time()))
        for gateway in self._gateways:
            gateway.stop()
        await asyncio.sleep(_AFTER)
        self._outcome.broken = broken(self._outside, self._book, self._server)
        book = self._book
        self._outcome.counts.update(
            {"admitted": len(book.admitted), "denied": book.denied, "killed": book.killed,
             "unavailable": book.unavailable, "commands": self._server.commands},
        )  # fmt: skip

    async def end(self) -> None:
        """Take every process down, the dead ones too, where nothing reaches the server any more."""
        self._net.end()
        for gateway in self._gateways:
            for process in gateway.processes:
                process.alive = True
                process.goes_on(self._loop)
        while tasks := asyncio.all_tasks(self._loop) - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        """Give server and files back."""
        for gateway in self._gateways:
            gateway.close()
        self._server.close()

    def _cause(self, fault: Fault) -> None:
        _FAULTS[fault.kind](self, fault)

    # Of one gateway.

    def _cut(self, fault: Fault, *, lost: bool) -> None:
        owner = self._gateways[fault.gateway].process
        for link in [link for link in self._server.links if link.owner is owner]:
            link.cut(lost=lost)

    def _isolate(self, fault: Fault, *ways: str) -> None:
        until = self._loop.time() + fault.seconds
        for way in ways:
            getattr(self._net, way)[self._gateways[fault.gateway].process.name] = until

    def _kill(self, fault: Fault) -> None:
        gateway = self._gateways[fault.gateway]
        if gateway.process.alive:
            self._cut(fault, lost=False)
            gateway.kill()
            self._loop.call_later(fault.seconds, gateway.start)

    def _stand_still(self, fault: Fault) -> None:
        process = self._gateways[fault.gateway].process
        process.stands = True
        self._loop.call_later(fault.seconds, process.goes_on, self._loop)

    # Of the server.

    def _stop_server(self, fault: Fault) -> None:
        self._server.stands_until = self._loop.time() + fault.seconds

    def _kill_server(self, fault: Fault, clock_ms: int = 0) -> None:
        self._server.down_until = self._loop.time() + fault.seconds
        self._server.stands_until = 0.0
        self._server.run += 1
        self._server.move_clock(clock_ms)
        for link in list(self._server.links):
            link.cut(lost=True)

    def _flush_scripts(self, _: Fault) -> None:
        self._outside.client.script_flush()

    def _refuse(self, fault: Fault, words: bytes) -> None:
        self._server.refusal = words
        self._loop.call_later(fault.seconds, setattr, self._server, "refusal", b"")


_FAULTS: Final[Mapping[str, Callable[[_Schedule, Fault], None]]] = {
    "cut, all on the way lost": lambda at, fault: at._cut(fault, lost=True),
    "cut, all on the way arrives": lambda at, fault: at._cut(fault, lost=False),
    "deaf": lambda at, fault: at._isolate(fault, "deaf"),
    "mute": lambda at, fault: at._isolate(fault, "mute"),
    "partition": lambda at, fault: at._isolate(fault, "deaf", "mute"),
    "late": lambda at, fault: at._isolate(fault, "slow"),
    "killed, started again after": _Schedule._kill,
    "stands still": _Schedule._stand_still,
    "server stands still": _Schedule._stop_server,
    "server killed, back after": _Schedule._kill_server,
    "scripts flushed": _Schedule._flush_scripts,
    "read-only": lambda at, fault: at._refuse(
        fault, b"READONLY You can't write against a read only replica."
    ),
    "out of memory": lambda at, fault: at._refuse(
        fault, b"OOM command not allowed when used memory > 'maxmemory'."
    ),
    "restarted with a clock an hour ahead": lambda at, fault: at._kill_server(fault, _HOUR_MS),
    "restarted with a clock an hour back": lambda at, fault: at._kill_server(fault, -_HOUR_MS),
}
