"""Speed: no step of the corridor costs more than its budget, and the tools that say so work."""

import asyncio
import json
from functools import partial

import pytest

from bench import guard, report
from bench.instructions import instructions
from bench.payloads import chat
from bench.systems import TURNOUT, turnout_config
from router.pipeline.documents import read_documents
from router.wire.chat import parse_chat


@pytest.mark.timeout(120)
def test_no_step_executes_more_instructions_than_its_budget() -> None:
    assert guard.check_instructions() == []


@pytest.mark.timeout(300)
def test_no_step_takes_more_time_than_its_budget() -> None:
    assert guard.check_time() == []


def test_a_step_over_its_budget_or_without_one_is_named() -> None:
    found, budget = (
        {"parse": 1105.0, "decide": 1000.0, "new": 1.0},
        {"parse": 1000.0, "decide": 1e3},
    )
    assert guard.over_budget(found, budget, 1.10, "instructions") == [
        "parse: 1,105 instructions, budget 1,000",
        "new: 1 instructions, budget 0",
    ]


def test_the_budget_and_the_corridor_have_the_same_steps() -> None:
    budget = json.loads(guard.BUDGET.read_text())
    assert {"parse", "decide", "reserve and settle"} <= budget["times"].keys()
    assert budget["instructions"].keys() >= {"3.11"}


def test_instructions_are_counted_exactly() -> None:
    async def step(times: int) -> None:
        for number in range(times):
            number + 1

    one, two, three = (asyncio.run(instructions(partial(step, times))) for times in (1, 2, 3))
    assert two - one == three - two > 0


def test_what_the_benchmark_sends_and_serves_is_valid(tmp_path) -> None:
    request = parse_chat(chat(20_000, stream=True, pace_ms=20))
    assert request.stream
    assert request.text_bytes > 20_000
    documents = read_documents(turnout_config(tmp_path, 9, 0), {})
    assert documents.policy.resolve(request.model) == "auto"
    assert {system.name for system in TURNOUT} >= {report.EVERYTHING, report.EXPLICIT}


def _run(cpu_us: float) -> dict:
    one = {
        "requests": 10, "errors": 0, "events": 0, "per_second": 5.0, "cpu_us": cpu_us,
        "ledger_cpu_us": 1.0, "events_per_second": 0.0, "last_p50": 100.0, "last_p99": 200.0,
        "cores": 0.5,
    }  # fmt: skip
    return {name: [one] for name in ("plain, 1 KB", "stream, 50 events", "one at a time")}


def test_targets_are_judged_by_the_figures() -> None:
    measured = {"(no gateway)": _run(1.0), "Turnout": _run(100.0), "LiteLLM": _run(6_000.0)}
    found = {"measured": measured | {"Turnout, explicit model": _run(80.0)}}
    said = report.ratios(found)
    assert "| a 50th of LiteLLM's | 1/60.0 | reached |" in said
    assert "| explicit model: a 90th of LiteLLM's | 1/75.0 | not reached |" in said
    assert "| an 8th of Portkey's | not measured | |" in said
    assert "| LiteLLM |" in report.table(found)
