"""What a request costs as things grow: rules, backends, keys, tenants, prompt length, streams.

A machine's speed drifts by more than what is asked for. So all sizes of a series live at the same
time, a gateway in a process each, and serve in turn, in many short rounds whose order rotates. What
counts is the ratio to the smallest size: the median of the rounds, and all rounds together, which
also holds what happens once a second in the background; each with the interval that resampled
rounds give (95 %).
"""

import json
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

from bench.native import LoadPlan, run_load, upstream
from bench.payloads import MODEL, chat
from bench.processes import cpu_seconds, pinned
from bench.systems import ROOT, TURNOUT, RunningSystem, running

SERIES: Final[dict[str, Sequence[int]]] = {
    "rules": (1, 10, 100, 300, 1_000),
    "backends": (1, 3, 10, 25, 50),
    "keys": (1, 1_000, 10_000, 100_000),
    "active tenants": (1, 10, 100, 1_000, 10_000),
    "prompt bytes": (1_000, 4_000, 20_000, 100_000, 300_000, 1_000_000),
    "streams": (1, 50, 500, 1_000, 2_000),
}
FLAT: Final = ("rules", "backends", "keys", "active tenants")  # within 10 %
ROUNDS: Final = 120
CALLS: Final = 32  # requests a round: some 30 milliseconds, in which a machine's speed stays
_LONG: Final = {"prompt bytes": (24, 32)}  # rounds, requests: their requests are longer
_STREAM_ROUNDS: Final = 3
_RESAMPLES: Final = 2_000


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio, and the interval in which it lies with 95 % confidence."""

    middle: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Size:
    """What one size costs. Microseconds of CPU of the `best` round, of the `middle` one and, of it,
    the `ledger`'s; the ratios to the smallest size; instructions, 0 where they are not counted.
    """

    best: float
    middle: float
    ledger: float
    rounds: Ratio
    together: Ratio
    instructions: int = 0


Costs = Mapping[int, Sequence[Mapping[str, float]]]  # by size: each round's, by where it was spent
Pairs = Sequence[tuple[float, float]]  # what the smallest size cost in a round, and another one


def of_rounds(pairs: Pairs) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(other / base for base, other in pairs)


def of_all(pairs: Pairs) -> float:
    """The ratio of all rounds together."""
    return sum(other for _, other in pairs) / sum(base for base, _ in pairs)


def ratio(of: Callable[[Pairs], float], pairs: Pairs) -> Ratio:
    """A ratio of these rounds with its interval, by a bootstrap."""
    chance = random.Random(0)
    drawn = sorted(of(chance.choices(pairs, k=len(pairs))) for _ in range(_RESAMPLES))
    edge = round(_RESAMPLES * 0.025)
    return Ratio(of(pairs), drawn[edge], drawn[-1 - edge])


def rounds_of(sizes: Sequence[int], count: int) -> Iterator[list[int]]:
    """The order in which sizes serve: each round begins with another one."""
    for number in range(count):
        first = number % len(sizes)
        yield [*sizes[first:], *sizes[:first]]


@contextmanager
def _growing(series: str, size: int, port: int) -> Iterator[Callable[[object], Any]]:
    """Start a gateway; yield what tells it something and returns its answer."""
    command = [sys.executable, "-m", "bench.growing", series, str(size), str(port)]
    pipe = subprocess.PIPE
    with subprocess.Popen(pinned(command), stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        tell, answers = process.stdin, process.stdout

        def ask(what: object) -> Any:
            print(what, file=tell, flush=True)
            return json.loads(answers.readline())

        answers.readline()  # it is warm; the next one need not become so beside it
        yield ask


def _gateways(series: str, port: int) -> tuple[Costs, Mapping[int, int]]:
    """What each size costs in each round, and its instructions."""
    sizes = SERIES[series]
    rounds, calls = _LONG.get(series, (ROUNDS, CALLS))
    costs: dict[int, list[Mapping[str, float]]] = {size: [] for size in sizes}
    with ExitStack() as stack:
        asks = {size: stack.enter_context(_growing(series, size, port)) for size in sizes}
        for ask in asks.values():
            ask(calls)  # it also says what it did while the others became warm
        for order in rounds_of(sizes, rounds):
            for size in order:
                costs[size].append(asks[size](calls))
        return costs, {size: ask("count")["instructions"] for size, ask in asks.items()}


def _paced(target: RunningSystem, count: int) -> Mapping[str, float]:
    """CPU microseconds an event, with so many paced streams at once."""
    pace = max(20, count // 10)  # milliseconds: at most ten thousand events a second
    body = chat(model=MODEL, stream=True, tokens=40, pace_ms=pace)
    own = [pid for pid in target.pids() if pid not in target.ledger]
    before = cpu_seconds(own), cpu_seconds(target.ledger)
    load = run_load(target.port, LoadPlan(count, 60.0, body, requests=count), target.head)
    spent = cpu_seconds(own) - before[0], cpu_seconds(target.ledger) - before[1]
    events = max(1, load.events)
    return {"gateway": spent[0] / events * 1e6, "ledger": spent[1] / events * 1e6}


def _streams(series: str, port: int) -> tuple[Costs, Mapping[int, int]]:
    """The same for streams, through one gateway: only how many there are changes."""
    sizes = SERIES[series]
    costs: dict[int, list[Mapping[str, float]]] = {size: [] for size in sizes}
    with running(TURNOUT[0], port) as target:
        _paced(target, sizes[1])
        for order in rounds_of(sizes, _STREAM_ROUNDS):
            for size in order:
                costs[size].append(_paced(target, size))
    return costs, dict.fromkeys(sizes, 0)


def sizes_of(costs: Costs, counts: Mapping[int, int]) -> dict[int, Size]:
    """What the rounds say of each size."""
    totals = {size: [sum(one.values()) for one in rounds] for size, rounds in costs.items()}
    sizes = {}
    for size, total in totals.items():
        pairs = list(zip(totals[min(totals)], total, strict=True))
        sizes[size] = Size(
            best=min(total),
            middle=statistics.median(total),
            ledger=statistics.median(one["ledger"] for one in costs[size]),
            rounds=ratio(of_rounds, pairs),
            together=ratio(of_all, pairs),
            instructions=counts[size],
        )
    return sizes


def grow(series: str) -> dict[int, Size]:
    """Measure one series, and print it."""
    measure = _streams if series == "streams" else _gateways
    with upstream() as port:
        sizes = sizes_of(*measure(series, port))
    print(f"{series}: CPU us (best; the ledger's), times the smallest, all rounds together")
    for size, one in sizes.items():
        parts = f"{size:>11,} {one.middle:9,.1f} ({one.best:,.1f}; {one.ledger:,.1f})"
        counted = f"{one.instructions:,} instructions" if one.instructions else ""
        print(f"{parts:<42} {_shown(one.rounds)}   {_shown(one.together)}   {counted}", flush=True)
    return sizes


def _shown(ratio: Ratio) -> str:
    return f"{ratio.middle:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"


def as_record(sizes: Mapping[int, Size]) -> dict[str, Any]:
    """A series as a record holds it."""
    return {str(size): asdict(one) for size, one in sizes.items()}
