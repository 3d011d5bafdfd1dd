"""What is kept of each request: decision, outcome and tries, no text and no body."""

import gc
from dataclasses import replace
from typing import Any

import orjson
from fakes.caller import FakeCaller
from fakes.finished import Scoring, finished_of

from policies.decision import Denial
from router.backends.dispatch.failures import AttemptFailed, Kind
from router.decisions.entry import Entry, Refused, row_of
from router.errors import LimitExceeded, NotFound, UpstreamFailed, retry_after
from router.pipeline.observers.decision_log import Lines
from router.pipeline.observers.decisions import keeps_decisions
from router.pipeline.observers.observer import Finished
from router.telemetry.decisions import DecisionLog
from router.telemetry.metrics import Metrics


class Keeping:
    """A recorder that shows what it was given; `keeps` as the operator wants it."""

    def __init__(self, keeps: str = "all") -> None:
        self.keeps = keeps
        self.entries: list[Entry] = []
        self.denied: list[tuple[Entry, Refused, dict | None]] = []

    def add(self, entry: Entry) -> None:
        """Keep it."""
        self.entries.append(entry)

    def deny(self, entry: Entry, refused: Refused, line: Any) -> None:
        """Keep it, with its line for the log."""
        self.denied.append((entry, refused, line and line()))


def told(
    *finished: Finished, keeps: str = "all", log: bool = False
) -> tuple[Keeping, Metrics, str]:
    """What is kept, counted and logged of these."""
    keeping, metrics, written = Keeping(keeps), Metrics(), list[str]()
    decisions = DecisionLog(written.append)
    lines = Lines(decisions, Scoring()) if log else None
    observe = keeps_decisions(keeping, metrics, Scoring(), lines)  # type: ignore[arg-type]
    for each in finished:
        observe(each)
    decisions.close()
    return keeping, metrics, "".join(written)


def record_of(entry: Entry) -> dict[str, Any]:
    return orjson.loads(row_of(entry)[-1])


async def test_decision_outcome_and_each_try_are_kept() -> None:
    failed = AttemptFailed(Kind.TIMEOUT, "too slow")
    failed.seconds = 0.2
    keeping, _, _ = told(await finished_of(failures=[("local", failed)]))
    record = record_of(keeping.entries[0])
    assert record["decision"]["route"] == "auto"
    assert record["outcome"] == {
        "latency_ms": 1500, "end": "completed", "backend": "moe", "model": None,
        "input_tokens": 100, "output_tokens": 50, "cached_tokens": 20, "cost_pico": 7,
        "first_token_ms": 250,
    }  # fmt: skip
    assert record["failures"] == [["local", "timeout", "too slow", 200]]


async def test_no_text_of_the_prompt_and_no_body_is_kept() -> None:
    finished = await finished_of(FakeCaller.asking("my secret plan"))
    keeping, _, _ = told(finished)
    assert b"secret" not in row_of(keeping.entries[0])[-1]
    reached, seen = [keeping.entries], set[int]()
    while reached:
        one = reached.pop()
        if id(one) not in seen and not isinstance(one, type):
            seen.add(id(one))
            assert one is not finished.context.ask
            assert one is not finished.context
            reached += [each for each in gc.get_referents(one) if "module" not in str(type(each))]


async def test_a_denial_is_counted_and_kept_with_its_line() -> None:
    headers = (("x-turnout-limit", "organization:tokens_per_day"), *retry_after(50))
    error = LimitExceeded("Too much.", code="insufficient_quota", headers=headers)
    finished = await finished_of(charge=None, error=error)
    keeping, metrics, written = told(finished, log=True)
    ((entry, refused, line),) = keeping.denied
    assert (refused.limit, refused.level) == ("tokens_per_day", "organization")
    assert line is not None
    assert line["id"] == entry.id == finished.context.id
    assert written == ""  # it is written with those like it
    assert keeping.entries == []
    assert error.noted
    (labels,) = metrics.denials
    assert labels[:2] == ("tokens_per_day", "organization")


async def test_what_a_policy_refuses_is_a_denial_too() -> None:
    denial = Denial("auto", "unknown_model", "short", "No.")
    finished = await finished_of(decision=denial, charge=None, error=NotFound("No."))
    keeping, _, _ = told(finished)
    ((entry, refused, _),) = keeping.denied
    assert (refused.limit, refused.level, refused.status) == ("unknown_model", "policy", 404)
    assert record_of(entry._replace(refused=refused))["decision"]["status"] == "unknown_model"


async def test_of_a_failure_only_status_and_code_are_kept() -> None:
    """Its message may quote what a backend said, which may quote the prompt."""
    error = UpstreamFailed("moe said: my secret plan")
    keeping, _, written = told(await finished_of(error=error), keeps="denied", log=True)
    record = record_of(keeping.entries[0])
    assert (record["outcome"]["status"], record["outcome"]["error"]) == (502, "upstream_failed")
    assert "secret" not in orjson.dumps(record).decode()
    assert written


async def test_an_operator_may_keep_denials_and_failures_only_or_nothing() -> None:
    fine, broken = await finished_of(), await finished_of(error=UpstreamFailed("no"))
    assert len(told(fine, broken, keeps="denied")[0].entries) == 1
    assert told(fine, broken, keeps="off")[0].entries == []


async def test_another_world_has_its_own_versions() -> None:
    first = await finished_of()
    world = replace(first.context.world)
    other = first._replace(context=first.context._replace(world=world))
    keeping, _, _ = told(first, other)
    assert keeping.entries[0].versions == keeping.entries[1].versions
    assert keeping.entries[0].versions is not keeping.entries[1].versions
