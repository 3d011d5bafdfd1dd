"""The regression guard: what each step may cost, as a multiple of a calibration loop.

A machine's speed cancels out: each step is timed in turn with one piece of Python, the smallest of
many short rounds each (noise only ever adds), and their ratio is compared with the budget. A step
that is over its budget by more than the tolerance fails, by name. `python -m bench guard --renew`
writes the present figures as the budget; say in the commit why it may cost more.
"""

import asyncio
import gc
import json
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import uvloop

from bench.payloads import MODEL, chat
from bench.steps import IN_FLIGHT, Corridor, Step, folder_of_steps, gateway_in_process
from router.backends.child import Child

BUDGET: Final = Path(__file__).with_name("budget.json")
TOLERANCE: Final = 0.10
NOISE: Final = 0.15  # what the smallest ratio still varies by on two busy cores
SECONDS: Final = 3.0  # of rounds for each step
FEWEST, MOST = 10, 300
CALLS: Final = 64
_LOOP: Final = 60
_SECOND_LOOKS: Final = 2


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


async def _ratios(port: int) -> dict[str, float]:
    found: dict[str, float] = {}
    with folder_of_steps() as folder:
        async with gateway_in_process(folder, port) as (gateway, key):
            corridor = Corridor(gateway, key, chat(model=MODEL))
            await corridor.prepare()
            gc.collect()
            gc.freeze()
            for name, step in corridor.steps().items():
                found[name] = round(await _ratio(step), 3)
    return found


def ratios() -> dict[str, float]:
    """Each step's cost in runs of the calibration loop's body."""
    server = Child("router.backends.simulator", "--name", "instant")
    server.start()
    try:
        port = urlsplit(server.await_ready()).port
        return uvloop.run(_ratios(port or 0))
    finally:
        server.stop()


def over_budget(found: dict[str, float], budget: dict[str, float]) -> list[str]:
    """Say which steps cost too much, and by how much."""
    allowed = 1 + TOLERANCE + NOISE
    return [
        f"{name}: {ratio:.2f} times the calibration loop, budget {budget[name]:.2f}"
        for name, ratio in found.items()
        if name in budget and ratio > budget[name] * allowed
    ]


def check() -> list[str]:
    """Measure and compare; what seems too dear is measured twice more before it is named."""
    budget = json.loads(BUDGET.read_text())
    found = ratios()
    for _ in range(_SECOND_LOOKS):
        if not over_budget(found, budget):
            break
        again = ratios()
        found = {name: min(ratio, again.get(name, ratio)) for name, ratio in found.items()}
    unknown = [f"{name}: has no budget" for name in found if name not in budget]
    return over_budget(found, budget) + unknown


def renew() -> dict[str, float]:
    """Write the present figures, the smaller of two runs, as the budget."""
    first, second = ratios(), ratios()
    found = {name: min(ratio, second.get(name, ratio)) for name, ratio in first.items()}
    BUDGET.write_text(json.dumps(found, indent=2) + "\n")
    return found
