"""Which delivered answers are handed to the shadow audits, and with what."""

import pytest
from fakes.backends import DONE, chunk, whole
from fakes.caller import FakeCaller
from fakes.finished import Scoring, finished_of
from fakes.parts import FakeClassifier
from fakes.world import SHADOWED, new_world

from policies.decision import Denial
from router.pipeline.observers.audits import begins_audits

SCORED = SHADOWED.replace("objective: fixed", "capable: {min_success: 0.7}")


async def begun(caller=None, **fields):
    begun = []
    defaults = {"world": new_world(SCORED), "answer": whole("Four.")}
    finished = await finished_of(caller, **(defaults | fields))
    begins_audits(begun.append, Scoring())(finished)
    return finished, begun


async def test_an_answer_that_was_drawn_is_audited_with_its_evidence_and_its_text():
    finished, (case,) = await begun()
    world = finished.context.world
    assert case.ask is finished.context.ask
    assert (case.rival, case.judge) == (world.backends["premium"], world.backends["moe"])
    assert case.prices is world.prices
    assert (case.answer, case.evidence.backend) == ("Four.", "moe")
    assert case.evidence.decision == finished.context.id


async def test_a_streams_text_is_put_together_again():
    _, (case,) = await begun(
        FakeCaller.asking(stream=True), answer=chunk("Fo") + chunk("ur.") + DONE
    )
    assert case.answer == "Four."


@pytest.mark.parametrize(
    "fields",
    [
        {"answer": b""},
        {"delivered": False},
        {"decision": Denial("auto", "denied", "r", "m")},
        {"backend": "premium"},
        {"world": new_world(SHADOWED), "senses": {"classifier": FakeClassifier()}},
        {"answer": b'{"choices": []}'},
        {"answer": b"<html>"},
    ],
    ids=[
        *("not drawn", "not delivered", "denied", "by the rival itself", "not scored"),
        *("no choice", "unreadable"),
    ],
)
async def test_nothing_else_is_audited(fields):
    _, cases = await begun(**fields)
    assert cases == []
