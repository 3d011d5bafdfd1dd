"""What a request costs in two checkouts: the same requests through a live gateway of each.

Each checkout's own `router.cli serve` runs with its own packages (`make install` there first) in a
process of its own over real sockets, with its own embedded ledger, its policy, classifier and
quotas; the model servers are one and the same for both.
`bench.traced` counts the bytecode instructions of the gateway's main thread, so nothing else that
the machine does changes a figure. A call is over when the count rests: what follows the answer
(settling, observers) is counted too. A figure is the sum over what the event loop called (tasks,
callbacks, timers) of its lower quartile over many calls (what disturbs a call adds to it); so what
runs once in a while for many requests (the usage journal, a flush of logs) is not in it, and stands
beside it as the rest of the mean.

A backend that streams sends an event every few milliseconds (`bench.pacing`), and only calls whose
answer came in the usual number of parts count: how many events a read gathers is chance.
"""

import contextlib
import json
import os
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml

from bench.compared import REQUESTS, Client, ComparedRequest
from bench.pacing import paced
from bench.processes import await_ready, free_port, stop
from bench.systems import CONFIGS, PRICES
from bench.traced import SLOTS
from router.children.child import Child

ALLOWED: Final = 1.02
WARM_UP: Final = 20  # calls, until caches and specialised code have settled
CALLS: Final = 41
_REST_SECONDS: Final = 0.012  # without an instruction: the request is over
_LONGEST_SECONDS: Final = 5.0  # for the count to rest
_TRACED: Final = Path(__file__).with_name("traced.py")
_DECISIONS: Final = MappingProxyType({"off": "", "decisions.jsonl": ", logged"})


@dataclass(frozen=True, slots=True)
class Figure:
    """Instructions of one call: of the call itself, and its share of what is done in batches."""

    each: float
    batched: float


@dataclass(slots=True)
class Counted:
    """A running gateway whose instructions are counted."""

    process: subprocess.Popen[bytes]
    client: Client
    counts: Path
    details: Path

    def count(self) -> tuple[int, ...]:
        """Instructions so far: the total, and by root."""
        return struct.unpack(f"{SLOTS}Q", self.counts.read_bytes())

    def rest(self) -> tuple[int, ...]:
        """Wait until nothing is executed for a moment; return the counts."""
        counts, since = self.count(), time.monotonic()
        end = since + _LONGEST_SECONDS
        while time.monotonic() - since < _REST_SECONDS and time.monotonic() < end:
            time.sleep(0.002)
            if (now := self.count()) != counts:
                counts, since = now, time.monotonic()
        return counts

    def instructions(self, request: ComparedRequest) -> Figure:
        """Instructions of one call of this kind."""
        for number in range(WARM_UP):
            self.client.call(request, number)
        by_parts: dict[int, list[list[int]]] = {}
        before = self.rest()
        for number in range(WARM_UP, WARM_UP + CALLS):
            self.client.call(request, number)
            after = self.rest()
            spent = [now - was for now, was in zip(after, before, strict=True)]
            by_parts.setdefault(self.client.parts, []).append(spent)
            before = after
        total, *roots = zip(*max(by_parts.values(), key=len), strict=True)
        each = sum(statistics.quantiles(root, n=4)[0] for root in roots)
        return Figure(each, statistics.mean(total) - each)

    def by_function(self, request: ComparedRequest, calls: int) -> dict[tuple[str, str], float]:
        """Instructions of one call by file and function: the mean of so many."""
        for number in range(WARM_UP):
            self.client.call(request, number)
        self.rest()
        self.process.send_signal(signal.SIGUSR1)
        for number in range(WARM_UP, WARM_UP + calls):
            self.client.call(request, number)
        self.rest()
        self.details.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR2)
        while not self.details.exists():
            time.sleep(0.01)
        totals: dict[tuple[str, str], float] = {}
        for file, name, count in json.loads(self.details.read_text())["functions"]:
            totals[file, name] = totals.get((file, name), 0) + count / calls
        self.process.send_signal(signal.SIGUSR1)
        return totals


def write_documents(folder: Path, port: int, simulators: Mapping[str, str], decisions: str) -> Path:
    """Write turnout.yaml and policy.yaml: each route once a simulator; return where.

    `decisions` is where the decision log goes.
    """
    policy = yaml.safe_load((CONFIGS / "policy.yaml").read_text())
    backends = {}
    for suffix, url in simulators.items():
        for name, (paid_in, paid_out) in PRICES.items():
            backends[name + suffix] = {
                "base_url": url,
                "model": f"model-{name}",
                "ability": name,
                "price": {"input": paid_in, "output": paid_out},
            }
        if suffix:
            policy["routes"][suffix.strip("-")] = _renamed(policy["routes"]["auto"], suffix)
    config = {
        "version": 1,
        "listen": f"127.0.0.1:{port}",
        "policy": "policy.yaml",
        "data": "data",
        "backends": backends,
        # Counting makes everything tens of times slower: an answer must not be late for that.
        "classifier": {"deadline": "10s"},
        "decisions": {"to": decisions},
    }
    (folder / "policy.yaml").write_text(yaml.safe_dump(policy, sort_keys=False))
    path = folder / "turnout.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def _renamed(route: Any, suffix: str) -> Any:
    """A route with every candidate's name changed."""
    if isinstance(route, dict):
        return {name: _renamed(value, suffix) for name, value in route.items()}
    if isinstance(route, list):
        return [_renamed(value, suffix) for value in route]
    return route + suffix if route in PRICES else route


@contextlib.contextmanager
def simulators() -> Iterator[dict[str, str]]:
    """Run one that answers at once, and another way to it for streams, an event at a time."""
    child = Child("router.simulator.server", "--name", "instant")
    child.start()
    try:
        base_url = child.await_ready()
        with paced(base_url) as slow:
            yield {"": base_url, "-paced": slow}
    finally:
        child.stop()


@contextlib.contextmanager
def counted(checkout: Path, simulated: Mapping[str, str], decisions: str) -> Iterator[Counted]:
    """Run a checkout's gateway, counting."""
    with tempfile.TemporaryDirectory(prefix="turnout-compare-") as name:
        folder, port = Path(name), free_port()
        config = write_documents(folder, port, simulated, decisions)
        env = os.environ | {"PYTHONPATH": str(checkout), "PYTHONHASHSEED": "0"}
        key = _new_key(python_of(checkout), config, env)
        counts, details = folder / "counts", folder / "details.json"
        command = [python_of(checkout), str(_TRACED), str(counts), str(details), "serve"]
        log = folder / "gateway.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*command, "--config", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=folder,
                start_new_session=True,
            )
        try:
            await_ready(port, process, log)
            process.send_signal(signal.SIGUSR1)
            client = Client(port, key)
            yield Counted(process, client, counts, details)
            client.close()
        finally:
            stop(process)


def python_of(checkout: Path) -> str:
    """The checkout's own interpreter, with the packages of its lock; without one, ours."""
    own = checkout / ".venv" / "bin" / "python"
    return str(own) if own.exists() else sys.executable


def _new_key(python: str, config: Path, env: Mapping[str, str]) -> str:
    command = [python, "-m", "router.cli", "keys", "create", "--config", str(config)]
    command += ["--organization", "compared", "--tier", "measured"]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=env, cwd=config.parent
    )
    return done.stdout.strip()


def measure(checkout: Path, simulated: Mapping[str, str]) -> dict[str, Figure]:
    """Instructions by kind of request, without a decision log (the default) and with one."""
    figures: dict[str, Figure] = {}
    for decisions, beside in _DECISIONS.items():
        with counted(checkout, simulated, decisions) as gateway:
            for request in REQUESTS:
                figures[request.name + beside] = gateway.instructions(request)
    return figures


def build(checkout: Path) -> None:
    """Build the checkout's C extensions where they stand, as an installation does."""
    command = [python_of(checkout), "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(command, check=True, cwd=checkout, stdout=subprocess.DEVNULL)


def table(old: Mapping[str, Figure], new: Mapping[str, Figure]) -> str:
    """The two as a text table."""
    lines = [f"{'instructions of a request':<40}{'old':>10}{'new':>10}{'ratio':>8}   in batches"]
    for name, was in old.items():
        now = new[name]
        figures = f"{was.each:>10,.0f}{now.each:>10,.0f}{now.each / was.each:>8.3f}"
        lines.append(f"{name:<40}{figures}{was.batched:>9,.0f}{now.batched:>7,.0f}")
    return "\n".join(lines)


def compare(old: Path, new: Path) -> int:
    """Measure both and print; 1 where anything costs over two per cent more than in `old`."""
    for checkout in (old, new):
        build(checkout)
    with simulators() as simulated:
        before, after = (measure(checkout.resolve(), simulated) for checkout in (old, new))
    print(table(before, after))
    dearer = [name for name in before if after[name].each > before[name].each * ALLOWED]
    for name in dearer:
        print(f"{name} costs more than {ALLOWED - 1:.0%} over what it did", file=sys.stderr)
    return 1 if dearer else 0
