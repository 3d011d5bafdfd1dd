"""Speed: no step of the corridor costs more than its budget, and the tools that say so work."""

import asyncio
import json
import socket
from contextlib import ExitStack
from functools import partial

import pytest

from bench import growth, guard, report, report_growth, steps
from bench.instructions import instructions
from bench.native import LoadPlan, run_load, upstream
from bench.payloads import chat
from bench.systems import TURNOUT, turnout_config
from router.operations.chat import parse_chat
from router.world.documents import read_documents


def test_no_package_executes_more_instructions_for_a_request_than_its_budget() -> None:
    assert guard.check_instructions() == []


def test_a_step_over_its_budget_or_without_one_is_named() -> None:
    result, budget = (
        {"parse": 1105.0, "decide": 1000.0, "new": 1.0},
        {"parse": 1000.0, "decide": 1e3},
    )
    assert guard.over_budget(result, budget, 1.10, "instructions") == [
        "parse: 1,105 instructions, budget 1,000",
        "new: 1 instructions, budget 0",
    ]


def test_the_budget_is_of_the_packages_that_a_request_passes() -> None:
    budget = json.loads(guard.BUDGET.read_text())
    passed = ("api", "backends", "ledger", "operations", "pipeline")
    names = {f"{kind}: router.{package}" for kind in guard.KINDS for package in passed}
    for part in budget["instructions"].values():
        assert names <= part.keys()
    for part in budget["times"].values():
        assert part.keys() == {f"{kind}: {steps.WHOLE}" for kind in guard.KINDS}
    assert any(kind.startswith("3.11,") for kind in budget["instructions"])


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


def test_the_upstream_outlives_readers_that_leave_in_the_middle_of_an_answer() -> None:
    body = chat(stream=True, tokens=5_000)
    request = f"POST / HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    with upstream() as port:
        for _ in range(20):
            with ExitStack() as leaving:
                for _ in range(40):
                    reader = leaving.enter_context(socket.create_connection(("127.0.0.1", port)))
                    reader.sendall(request)
        assert run_load(port, LoadPlan(4, 10.0, chat(), requests=40)).requests == 40


def test_targets_are_judged_by_the_figures() -> None:
    measured = {"(no gateway)": _run(1.0), "Turnout": _run(100.0), "LiteLLM": _run(6_000.0)}
    result = {"measured": measured | {"Turnout, explicit model": _run(80.0)}}
    text = report.ratios(result)
    assert "| a 50th of LiteLLM's | 1/60.0 | reached |" in text
    assert "| explicit model: a 90th of LiteLLM's | 1/75.0 | not reached |" in text
    assert "| an 8th of Portkey's | not measured | |" in text
    assert "| LiteLLM |" in report.table(result)


def _size(middle: float, low: float, high: float) -> dict:
    ratio = {"middle": middle, "low": low, "high": high}
    figures = {"best": 500.0, "middle": 600.0, "ledger": 200.0, "instructions": 9000}
    return figures | {"rounds": ratio, "together": ratio}


def test_growth_is_judged_by_the_dearest_size_and_its_interval():
    one = _size(1.0, 1.0, 1.0)
    series = {
        "rules": {"1": one, "10": _size(1.02, 0.98, 1.06), "100": _size(1.01, 0.9, 1.2)},
        "keys": {"1": one, "1000": _size(1.08, 1.01, 1.15)},
        "backends": {"1": one, "50": _size(1.2, 1.15, 1.25)},
        "streams": {"1": one, "2000": _size(9.0, 8.0, 10.0)},
    }
    text = report_growth.verdicts(series)
    assert "| rules | 10 | 1.02 (0.98 to 1.06) | 1.02 (0.98 to 1.06) | 1.00 | reached |" in text
    assert text.count("| reached, within the noise |") == text.count("| keys | 1,000 |") == 1
    assert text.count("| not reached |") == text.count("| backends | 50 |") == 1
    assert "streams" not in text
    assert "| streams | 2,000 |" in report_growth.table(series)


def test_a_drifting_machine_does_not_move_the_ratio_of_two_sizes():
    speeds = [1.0 + 0.7 * (number % 7) / 7 for number in range(120)]
    costs = {
        1: [{"loop": 300.0 * speed, "ledger": 100.0 * speed} for speed in speeds],
        1_000: [{"loop": 310.0 * speed, "ledger": 110.0 * speed} for speed in speeds],
    }
    result = growth.sizes_of(costs, {1: 9_000, 1_000: 9_001})
    for ratio in (result[1_000].rounds, result[1_000].together):
        assert ratio.low == pytest.approx(1.05)
        assert ratio.high == pytest.approx(1.05)
    assert result[1_000].best == pytest.approx(420.0)
    assert result[1_000].instructions == 9_001


def test_what_happens_once_a_second_is_in_the_ratio_of_all_rounds():
    pairs = [(100.0, 200.0 if number % 10 == 0 else 100.0) for number in range(120)]
    assert growth.ratio(growth.of_rounds, pairs).middle == 1.0
    assert growth.ratio(growth.of_all, pairs).middle == pytest.approx(1.1)


def test_every_size_begins_a_round_in_turn():
    assert list(growth.rounds_of((1, 2, 3), 4)) == [[1, 2, 3], [2, 3, 1], [3, 1, 2], [1, 2, 3]]


def test_cpu_at_rest_is_told_apart_for_gateway_and_ledger():
    idle = {"idle_cpu": 0.0042, "idle_gateway_cpu": 0.003, "idle_ledger_cpu": 0.0012}
    text = report._foot(dict.fromkeys([key for key, *_ in report._FOOT], 0.0) | idle)
    assert "| CPU at rest, gateway and ledger | 0.42% of a core | 1 % |" in text
    assert "| of it, the ledger | 0.12% | |" in text


def test_memory_is_judged_by_quarters_not_by_two_moments():
    memory = [100.0] + [150.0] * 99 + [190.0]
    assert report.quarters(memory) == (150.0, 150.0)
    assert report.quarters([140.0]) == (140.0, 140.0)
