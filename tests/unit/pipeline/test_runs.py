"""Which run a request is a part of, and what a gateway remembers of runs."""

from collections.abc import Callable

import pytest

from policies.language.tiers import Runs
from policies.money import PICO_PER_NANO, to_pico
from router.ask import Ask
from router.errors import BadRequest
from router.ledger.reserve_request import Run, RunLeft
from router.pipeline.runs import NOT_KNOWN, RunsKnown, run_of

RUNS = Runs(1_000, 5)


def named(ask: Ask, **headers: str) -> Run | None:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return run_of(ask, lambda names: {n: sent[n] for n in names if n in sent}, RUNS)


def test_who_names_no_run_is_none(chat: Callable[..., Ask]) -> None:
    assert named(chat()) is None
    assert named(chat(metadata={"other": "1"})) is None


def test_a_header_comes_before_the_body_and_its_budget_is_read(chat: Callable[..., Ask]) -> None:
    run = named(
        chat(metadata={"run_id": "b"}),
        x_turnout_run_id="a", x_turnout_parent_run_id="p", x_turnout_run_budget="usd=0.5, calls=7",
    )  # fmt: skip
    assert run is not None
    assert (run.name, run.parent) == ("a", "p")
    assert run.ceilings == (7, -1, to_pico("0.5") // PICO_PER_NANO)
    assert (run.idle_ms, run.most_open) == (1_000, 5)


def test_a_sub_agent_of_codex_shares_the_purse_of_the_thread_that_made_it(
    chat: Callable[..., Ask],
) -> None:
    run = named(chat(), session_id="child", x_codex_parent_thread_id="root")
    assert run is not None
    assert (run.name, run.parent) == ("child", "root")


@pytest.mark.parametrize("budget", ["usd", "usd=x", "calls=-1", "tokens=1e3", "yen=1"])
def test_a_budget_that_cannot_be_read_is_refused_by_name(
    chat: Callable[..., Ask], budget: str
) -> None:
    with pytest.raises(BadRequest, match="x-turnout-run-budget: "):
        named(chat(), x_turnout_run_id="a", x_turnout_run_budget=budget)


def test_a_new_child_stands_as_its_parent_does_and_the_oldest_is_forgotten() -> None:
    known = RunsKnown()
    root, child = (Run(name, of, (-1, -1, -1), 1, 1, b"") for name, of in (("r", None), ("c", "r")))
    known.note("acme", root, RunLeft(0.9, 3))
    assert known.left("acme", child) == RunLeft(0.9, 3)
    assert known.left("bolt", root) is NOT_KNOWN
    assert known.repeated == 1
    for n in range(10_000):
        known.note("acme", Run(f"{n}", None, (-1, -1, -1), 1, 1, b""), RunLeft(0.1, 1))
    assert known.left("acme", root) is NOT_KNOWN
