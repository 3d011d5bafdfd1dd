"""Rounds: every system under the same loads in turn, so that a noisy machine is noisy for all."""

import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from bench.native import LoadPlan, run_load, upstream
from bench.payloads import chat
from bench.processes import DidNotStart, cpu_seconds
from bench.systems import NotInstalled, RunningSystem, System, running

ENOUGH: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Scenario:
    """One load: its name, what is sent, how many connections, for how many seconds."""

    name: str
    connections: int
    seconds: float
    payload: dict[str, Any] = field(default_factory=dict)
    slow: bool = True  # whether systems that take milliseconds a request run it too

    def load(self, model: str) -> LoadPlan:
        """The load, with `model` put into the body where that is not empty."""
        return LoadPlan(
            self.connections,
            self.seconds,
            chat(**self.payload, **({"model": model} if model else {})),
        )


PLAIN: Final = Scenario("plain, 1 KB", 16, 2.0)
LARGE: Final = Scenario("plain, 20 KB", 16, 2.0, {"size": 20_000})
SSE: Final = Scenario("stream, 50 events", 16, 2.0, {"stream": True})
ONE: Final = Scenario("one at a time", 1, 1.5)
PACED: Final = Scenario(
    "500 streams, 20 ms a token", 500, 4.0, {"stream": True, "pace_ms": 20}, slow=False
)
PACED_1000: Final = Scenario(
    "1,000 streams, 20 ms a token", 1000, 4.0, {"stream": True, "pace_ms": 20}, slow=False
)
QUICK: Final = (PLAIN, SSE, ONE)
ALL: Final = (PLAIN, LARGE, SSE, ONE, PACED, PACED_1000)


def measure(target: RunningSystem, scenario: Scenario, model: str) -> dict[str, Any]:
    """One load on one running system: what the client saw, what the system's processes burnt."""
    pids = target.pids() if target.process else []  # the ceiling has no process to be charged
    own = [pid for pid in pids if pid not in target.ledger]
    before, ledger_before = cpu_seconds(own), cpu_seconds(target.ledger)
    load = run_load(target.port, scenario.load(model), target.head)
    own_cpu = cpu_seconds(own) - before
    ledger_cpu = cpu_seconds(target.ledger) - ledger_before
    done = max(1, load.requests)
    return asdict(load) | {
        "per_second": load.requests / load.seconds,
        "events_per_second": load.events / load.seconds,
        "cpu_us": (own_cpu + ledger_cpu) / done * 1e6,
        "gateway_cpu_us": own_cpu / done * 1e6,
        "ledger_cpu_us": ledger_cpu / done * 1e6,
        "cores": (own_cpu + ledger_cpu) / load.seconds,
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(systems: Sequence[System], scenarios: Sequence[Scenario], rounds: int) -> dict[str, Any]:
    """Measure everything. Systems that cannot be installed or started are named with the reason."""
    versions, missing = {}, {}
    measured: dict[str, dict[str, list[dict[str, Any]]]] = {}
    with ExitStack() as stack:
        port = stack.enter_context(upstream())
        ceiling = RunningSystem(port, 0)
        targets: dict[str, tuple[System, RunningSystem]] = {}
        for system in systems:
            try:
                versions[system.name] = system.install()
                _say(f"starting {system.name} {versions[system.name]}")
                targets[system.name] = system, stack.enter_context(running(system, port))
            except (NotInstalled, DidNotStart) as error:
                missing[system.name] = str(error)
                _say(f"left out: {system.name}: {error}")
        time.sleep(2)  # whatever a system does after it began to listen
        for system, target in targets.values():
            run_load(target.port, LoadPlan(16, 1.0, PLAIN.load(system.model).body), target.head)
        for number in range(rounds):
            _say(f"round {number + 1} of {rounds}")
            for scenario in scenarios:
                direct = measure(ceiling, scenario, "")
                if not direct["requests"]:
                    raise RuntimeError("The upstream answers nothing: see .bench/upstream.log")
                measured.setdefault("(no gateway)", {}).setdefault(scenario.name, []).append(direct)
                for name, (system, target) in targets.items():
                    if not scenario.slow and not system.quick:
                        continue
                    one = measure(target, scenario, system.model)
                    measured.setdefault(name, {}).setdefault(scenario.name, []).append(one)
    return {"versions": versions, "missing": missing, "rounds": rounds, "measured": measured}


def median(measured: Sequence[dict[str, Any]], key: str) -> float:
    """The median of one figure over the rounds."""
    return float(statistics.median(one[key] for one in measured))


def spread(measured: Sequence[dict[str, Any]], key: str) -> float:
    """Half the range of a figure over the rounds, as a part of its median."""
    values = [one[key] for one in measured]
    middle = statistics.median(values)
    return (max(values) - min(values)) / 2 / middle if middle else 0.0
