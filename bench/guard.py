"""The regression guard: what a request may cost, in two measures.

Interpreter instructions are exact: a package that executes a tenth more than its budget fails, by
name, on the quietest machine and on the busiest; a test looks at that. They do not see C code, so
the whole request is also timed (`make bench-guard`, on a quiet machine) in turn with a fixed piece
of Python, the smallest of many short rounds each (noise only ever adds), and their ratio has a
budget too; that varies, and fails from a quarter on. `python -m bench guard --renew` writes the
present figures as the budget; say in the commit why it may cost more.
"""

import asyncio
import gc
import json
import platform
import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import uvloop

from bench import steps
from bench.steps import IN_FLIGHT, WHOLE, Requests, Step, folder_of_steps, gateway_in_process
from classifiers.text.reading import READS_IN
from router.children.child import Child

BUDGET: Final = Path(__file__).with_name("budget.json")
TOLERANCE: Final = 0.10
NOISE: Final = 0.15  # what the smallest ratio still varies by on two busy cores
SECONDS: Final = 3.0  # of rounds for each step
FEWEST, MOST = 10, 300
CALLS: Final = 64
_LOOP: Final = 60
_SMALL: Final = 100  # instructions: packages of fewer are told together
_SECOND_LOOKS: Final = 4  # a neighbour of the machine can spoil two of them


def calibrate() -> int:
    """A fixed piece of Python of the gateway's kind: dictionaries, strings, JSON. Nanoseconds."""
    began = time.thread_time_ns()
    for number in range(_LOOP):
        body = {"model": "m", "messages": [{"role": "user", "content": f"text {number}"}] * 3}
        text = json.dumps(body)
        sorted(json.loads(text)["messages"], key=lambda m: m["content"])
    return time.thread_time_ns() - began


async def _ratio(step: Step) -> float:
    """The step's CPU over the loop's, each the smallest of many short rounds."""
    best = loop = float("inf")
    end = time.monotonic() + SECONDS
    rounds = 0
    while rounds < FEWEST or (rounds < MOST and time.monotonic() < end):
        loop = min(loop, calibrate())
        began = time.thread_time_ns()
        await asyncio.gather(*(_repeat(step, CALLS // IN_FLIGHT) for _ in range(IN_FLIGHT)))
        best = min(best, time.thread_time_ns() - began)
        rounds += 1
    return best / CALLS / (loop / _LOOP)


async def _repeat(step: Step, times: int) -> None:
    for _ in range(times):
        await step()


Figures = dict[str, float]
Measure = Callable[[Step], Coroutine[Any, Any, Figures]]
KINDS: Final = ("everything on", "explicit model")


async def _each_kind(port: int, measure: Measure) -> Figures:
    figures: Figures = {}
    with folder_of_steps() as folder:
        async with gateway_in_process(folder, port) as (gateway, key):
            gc.collect()
            gc.freeze()
            for kind in KINDS:
                each = await measure(Requests(gateway, key, steps.KINDS[kind]).walk)
                figures |= {f"{kind}: {name}": figure for name, figure in each.items()}
    return figures


def _measured(measure: Measure) -> Figures:
    server = Child("router.simulator.server", "--name", "instant")
    server.start()
    try:
        port = urlsplit(server.await_ready()).port
        return uvloop.run(_each_kind(port or 0, measure))
    finally:
        server.stop()


def ratios() -> Figures:
    """Each kind of request's CPU time in runs of the calibration loop's body."""

    async def ratio(step: Step) -> Figures:
        return {WHOLE: round(await _ratio(step), 3)}

    return _measured(ratio)


def counts() -> Figures:
    """Each kind of request's interpreter instructions, by package."""
    return _measured(steps.counts)


def over_budget(figures: Figures, budget: Figures, allowed: float, unit: str) -> list[str]:
    """Say which steps cost too much, and by how much; and which have no budget."""
    return [
        f"{name}: {figures[name]:,g} {unit}, budget {budget.get(name, 0):,g}"
        for name in figures
        if figures[name] > budget.get(name, 0) * allowed
    ]


def check_instructions() -> list[str]:
    """Count and compare; what seems too dear is counted again before it is named, since on a busy
    machine more of what a gateway does now and then runs beside a call. Empty where this version of
    Python has no budget: counts are its own.
    """
    budget = _budget()["instructions"].get(_instructions_of())
    if budget is None:
        return []
    figures = together(counts(), budget)
    for _ in range(_SECOND_LOOKS):
        if not over_budget(figures, budget, 1 + TOLERANCE, "instructions"):
            break
        figures = _each(min, figures, together(counts(), budget))
    return over_budget(figures, budget, 1 + TOLERANCE, "instructions")


def together(figures: Figures, named: Collection[str]) -> Figures:
    """The packages that are named, and one figure for the others of each kind of request."""
    merged: Figures = {}
    for name, figure in figures.items():
        group = name if name in named else f"{name.partition(':')[0]}: others"
        merged[group] = merged.get(group, 0) + figure
    return merged


def check_time() -> list[str]:
    """Time and compare; what seems too dear is timed up to four times more before it is named."""
    budget = _budget()["times"][READS_IN]
    unit = "times the calibration loop"
    figures = ratios()
    for _ in range(_SECOND_LOOKS):
        if not over_budget(figures, budget, 1 + TOLERANCE + NOISE, unit):
            break
        figures = _each(min, figures, ratios())
    return over_budget(figures, budget, 1 + TOLERANCE + NOISE, unit)


def renew() -> Mapping[str, Figures]:
    """Write the present figures as the budget: the larger of two counts, the smaller time."""
    budget = _budget()
    figures = _each(max, counts(), counts())
    large = [name for name, figure in figures.items() if figure >= _SMALL]
    budget["instructions"][_instructions_of()] = together(figures, large)
    budget["times"][READS_IN] = _each(min, ratios(), ratios())
    BUDGET.write_text(json.dumps(budget, indent=2) + "\n")
    return {
        "instructions": budget["instructions"][_instructions_of()],
        "times": budget["times"][READS_IN],
    }


def _each(choose: Callable[[float, float], float], one: Figures, other: Figures) -> Figures:
    return {name: choose(figure, other.get(name, figure)) for name, figure in one.items()}


def _budget() -> dict[str, Any]:
    budgets: dict[str, Any] = json.loads(BUDGET.read_text())
    return budgets


def _instructions_of() -> str:
    """What counts of instructions hold for: a version of Python, and how prompts are read."""
    return f"{'.'.join(platform.python_version_tuple()[:2])}, reading in {READS_IN}"
