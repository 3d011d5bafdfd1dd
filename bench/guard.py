"""The regression guard: what each step of the corridor may cost, in two measures.

Interpreter instructions are exact: a step that executes a tenth more than its budget fails, by
name, on the quietest machine and on the busiest. They do not see C code, so each step is also timed
in turn with a fixed piece of Python, the smallest of many short rounds each (noise only ever adds),
and their ratio is compared with a budget too; that varies, and fails from a quarter on.
`python -m bench guard --renew` writes the present figures as the budget; say in the commit why it
may cost more.
"""

import asyncio
import gc
import json
import platform
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import uvloop

from bench.instructions import instructions
from bench.payloads import MODEL, chat
from bench.steps import IN_FLIGHT, Corridor, Step, folder_of_steps, gateway_in_process
from classifiers.text.reading import READS_IN
from router.children.child import Child

BUDGET: Final = Path(__file__).with_name("budget.json")
TOLERANCE: Final = 0.10
NOISE: Final = 0.15  # what the smallest ratio still varies by on two busy cores
SECONDS: Final = 3.0  # of rounds for each step
FEWEST, MOST = 10, 300
CALLS: Final = 64
_LOOP: Final = 60
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
Measure = Callable[[Step], Coroutine[Any, Any, float]]


async def _each_step(port: int, measure: Measure) -> Figures:
    with folder_of_steps() as folder:
        async with gateway_in_process(folder, port) as (gateway, key):
            corridor, explicit = (Corridor(gateway, key, chat(model=m)) for m in (MODEL, "moe"))
            await corridor.prepare()
            await explicit.prepare()
            gc.collect()
            gc.freeze()
            steps = corridor.steps()
            steps["whole corridor, explicit model"] = explicit.steps()["whole corridor"]
            return {name: round(await measure(step), 3) for name, step in steps.items()}


def _measured(measure: Measure) -> Figures:
    server = Child("router.simulator.server", "--name", "instant")
    server.start()
    try:
        port = urlsplit(server.await_ready()).port
        return uvloop.run(_each_step(port or 0, measure))
    finally:
        server.stop()


def ratios() -> Figures:
    """Each step's CPU time in runs of the calibration loop's body."""
    return _measured(_ratio)


def counts() -> Figures:
    """Each step's interpreter instructions."""
    return _measured(instructions)


def over_budget(found: Figures, budget: Figures, allowed: float, unit: str) -> list[str]:
    """Say which steps cost too much, and by how much; and which have no budget."""
    return [
        f"{name}: {found[name]:,g} {unit}, budget {budget.get(name, 0):,g}"
        for name in found
        if found[name] > budget.get(name, 0) * allowed
    ]


def check_instructions() -> list[str]:
    """Count and compare. Empty where this version of Python has no budget: counts are its own."""
    budget = _budget()["instructions"].get(_instructions_of())
    return [] if budget is None else over_budget(counts(), budget, 1 + TOLERANCE, "instructions")


def check_time() -> list[str]:
    """Time and compare; what seems too dear is timed up to four times more before it is named."""
    budget = _budget()["times"][READS_IN]
    unit = "times the calibration loop"
    found = ratios()
    for _ in range(_SECOND_LOOKS):
        if not over_budget(found, budget, 1 + TOLERANCE + NOISE, unit):
            break
        found = _smaller(found, ratios())
    return over_budget(found, budget, 1 + TOLERANCE + NOISE, unit)


def renew() -> Mapping[str, Figures]:
    """Write the present figures as the budget: the counts, and the smaller of two timings."""
    budget = _budget()
    budget["instructions"][_instructions_of()] = counts()
    budget["times"][READS_IN] = _smaller(ratios(), ratios())
    BUDGET.write_text(json.dumps(budget, indent=2) + "\n")
    return {
        "instructions": budget["instructions"][_instructions_of()],
        "times": budget["times"][READS_IN],
    }


def _smaller(one: Figures, other: Figures) -> Figures:
    return {name: min(figure, other[name]) for name, figure in one.items()}


def _budget() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(BUDGET.read_text())
    return found


def _instructions_of() -> str:
    """What counts of instructions hold for: a version of Python, and how prompts are read."""
    return f"{'.'.join(platform.python_version_tuple()[:2])}, reading in {READS_IN}"
