"""What is kept so that an opinion can teach the classifier: numbers, and prompts only if wanted."""

import numpy as np
import orjson
import pytest
from fakes.caller import FakeCaller
from fakes.finished import Scoring, charge_of, finished_of
from fakes.parts import FakeClassifier, FakeRecorder
from fakes.world import CASCADE, ODDS, new_world

from policies.decision import Denial
from router.backends.dispatch.upstream import BilledAnswer
from router.domain import Usage
from router.loop.prompt_store import LARGEST
from router.operations.table import OPERATIONS
from router.pipeline.observers.evidence import (
    evidence_of,
    judges_cascades,
    keeps_evidence,
    prompt_of,
)

SECRET = "My secret plan"
UNSCORED = {"classifier": FakeClassifier()}


async def test_the_evidence_of_an_answer_is_its_numbers_and_none_of_its_words():
    recorder = FakeRecorder()
    finished = await finished_of(FakeCaller.asking(SECRET))
    keeps_evidence(recorder, Scoring())(finished)
    (kept,) = recorder.decisions
    assert (kept.decision, kept.at) == (finished.context.id, finished.context.at_ms)
    assert (kept.organization, kept.route, kept.backend) == ("acme", "auto", "moe")
    assert (kept.ability, kept.predicted, kept.classifier) == ("moe", ODDS["moe"], "fake1")
    assert kept.z == np.ones(2, np.float32).tobytes()
    assert "secret" not in repr(kept)
    assert recorder.prompts == []


@pytest.mark.parametrize(
    "fields",
    [{"charge": None}, {"charge": charge_of(None)}, {"senses": UNSCORED}],
    ids=["not admitted", "nobody served", "not scored"],
)
async def test_what_nobody_can_judge_leaves_no_evidence(fields):
    recorder = FakeRecorder(keeps_prompts=True)
    keeps_evidence(recorder, Scoring())(await finished_of(**fields))
    assert (recorder.decisions, recorder.prompts) == ([], [])


async def test_a_backend_without_an_ability_leaves_no_evidence():
    world = new_world(each={"local": {"ability": None}})
    finished = await finished_of(world=world)
    assert evidence_of(finished.context, "local", "auto", "v") is None


async def test_the_prompt_is_kept_where_the_operator_wants_it():
    recorder = FakeRecorder(keeps_prompts=True)
    finished = await finished_of(FakeCaller.asking(SECRET, temperature=0.5))
    keeps_evidence(recorder, Scoring())(finished)
    (kept,) = recorder.prompts
    assert kept.decision == finished.context.id
    assert orjson.loads(kept.asked) == {"messages": [{"role": "user", "content": SECRET}]}


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * LARGEST}}


@pytest.mark.parametrize(
    "content", ["x" * (LARGEST + 1), [{"type": "text", "text": "Look"}, IMAGE]]
)
async def test_a_prompt_that_is_too_long_is_not_kept_but_its_evidence_is(content):
    recorder = FakeRecorder(keeps_prompts=True)
    caller = FakeCaller.asking(messages=[{"role": "user", "content": content}])
    finished = await finished_of(caller)
    keeps_evidence(recorder, Scoring())(finished)
    assert prompt_of(finished.context) is None
    assert (len(recorder.decisions), recorder.prompts) == (1, [])


@pytest.mark.parametrize(
    ("words", "readable"), [("My secret plan", True), ([{"type": "no such part"}], False)]
)
async def test_a_prompt_in_another_protocol_is_kept_as_a_chat_or_not_at_all(words, readable):
    message = OPERATIONS[1]
    body = {"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": words}]}
    ask = message.parse(orjson.dumps(body), {})
    finished = await finished_of()
    kept = prompt_of(finished.context._replace(ask=ask))
    if readable:
        assert kept is not None
        (turn,) = orjson.loads(kept.asked)["messages"]
        assert (turn["role"], "secret plan" in str(turn["content"])) == ("user", True)
    else:
        assert kept is None


def over(world, name: str, *, rejected: bool = True) -> BilledAnswer:
    return BilledAnswer(world.backends[name], Usage(1, 1), "not_empty", "empty", rejected)


async def test_a_cascade_teaches_what_failed_and_what_passed():
    world, recorder = new_world(CASCADE), FakeRecorder()
    finished = await finished_of(world=world, billed=(over(world, "local"),), verified=True)
    judges_cascades(recorder, Scoring())(finished)
    taught = [(kept.decision, kept.backend, score) for kept, score, _, _ in recorder.opinions]
    name = finished.context.id
    assert taught == [(f"{name}.0", "local", 0.0), (name, "moe", 1.0)]
    assert {(source, by) for _, _, source, by in recorder.opinions} == {("verifier", "cascade")}


async def test_a_judges_own_answer_is_no_failure_of_its_backend():
    world, recorder = new_world(CASCADE), FakeRecorder()
    judging = over(world, "premium", rejected=False)
    finished = await finished_of(world=world, billed=(judging,), verified=True)
    judges_cascades(recorder, Scoring())(finished)
    assert [(kept.backend, score) for kept, score, _, _ in recorder.opinions] == [("moe", 1.0)]


@pytest.mark.parametrize(
    "fields",
    [
        {"verified": True, "delivered": False},
        {"verified": True, "decision": Denial("auto", "denied", "r", "m")},
        {"verified": False},
        {"verified": True, "senses": UNSCORED},
    ],
    ids=["not delivered", "denied", "nothing was checked", "not scored"],
)
async def test_nothing_is_taught_by_an_answer_that_was_not_checked_and_delivered(fields):
    recorder = FakeRecorder()
    judges_cascades(recorder, Scoring())(await finished_of(**fields))
    assert recorder.opinions == []
