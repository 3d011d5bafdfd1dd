"""The decision log's line of each decided request: enough to decide again, and no text."""

import orjson
import pytest
from fakes.caller import FakeCaller
from fakes.finished import Scoring, charge_of, finished_of

from policies.decision import Denial
from policies.replay.record import RecordedOutcome, from_record
from router.domain import Cascaded, Outcome
from router.pipeline.observers.decision_log import Lines, outcome_of
from router.telemetry.decisions import DecisionLog


async def line_of(finished) -> dict:
    written: list[str] = []
    log = DecisionLog(written.append)
    Lines(log, Scoring()).write(finished)
    log.close()
    (line,) = written
    return orjson.loads(line)


async def test_the_line_can_be_decided_again():
    finished = await finished_of()
    line = await line_of(finished)
    record = from_record(line)
    world = finished.context.world
    assert (record.id, record.policy) == (finished.context.id, world.policy.version)
    assert (record.classifier, record.prices) == ("fake1", world.prices.version)
    answer = world.policy.decide(record.signals, record.hints)
    assert answer.candidates == record.candidates == finished.decision.candidates


async def test_the_line_holds_no_text_of_the_prompt():
    caller = FakeCaller.asking("My secret plan")
    assert "secret" not in orjson.dumps(await line_of(await finished_of(caller))).decode()


async def test_a_denial_is_logged_too_without_an_outcome():
    denial = Denial("auto", "denied", "short", "No.")
    line = await line_of(await finished_of(decision=denial, charge=None))
    assert line["denial"]["status"] == "denied"
    assert "outcome" not in line


@pytest.mark.parametrize("end", list(Outcome))
async def test_the_outcome_is_what_was_charged_in_milliseconds(end):
    finished = await finished_of(charge=charge_of(outcome=end))
    assert outcome_of(finished) == RecordedOutcome("moe", end.value, 100, 50, 20, 7, 1500, 250)


async def test_what_the_backend_was_not_told_is_in_the_line_by_name():
    line = await line_of(await finished_of(dropped="tools.web_search"))
    assert line["outcome"]["dropped"] == "tools.web_search"
    assert "dropped" not in (await line_of(await finished_of()))["outcome"]


async def test_what_a_cascade_paid_for_beside_the_answer_is_in_the_line():
    cascade = Cascaded(("not_empty",), rejected_pico=3, judge_pico=2, direct_pico=1)
    line = await line_of(await finished_of(charge=charge_of()._replace(cascade=cascade)))
    assert (line["outcome"]["cost_pico"], line["outcome"]["beside_pico"]) == (7, 5)


async def test_what_was_not_admitted_or_never_answered_says_so():
    assert outcome_of(await finished_of(charge=None)) is None
    outcome = outcome_of(await finished_of(charge=charge_of(None), first_byte_seconds=None))
    assert outcome is not None
    assert (outcome.backend, outcome.first_token_ms) == ("", None)
