"""The block around a decided request: one frozen record at its end, told in order."""

import asyncio

import pytest
from fakes.backends import FakeBackends, FakeUpstream, whole
from fakes.caller import FakeCaller
from fakes.corridor import context_of, decided, new_meter
from fakes.world import FIXED, new_world

from policies.decision import Denial
from router.backends.dispatch.upstream import BilledAnswer
from router.domain import Outcome, Usage
from router.errors import PermissionDenied
from router.ledger.estimate import OutputHistory
from router.pipeline.observers.observer import Finished
from router.pipeline.plan import plan_of
from router.pipeline.signals import EVERYTHING, read_signals
from router.pipeline.watch import Watch

WORLD = new_world(FIXED)
MOE = WORLD.backends["moe"]


@pytest.fixture
async def begun():
    """A context, its signals, its decision and the records that come of them."""
    context = await context_of(FakeCaller.asking(), WORLD)
    backends = FakeBackends()
    backends.adopt(list(WORLD.backends.values()))
    result: list[Finished] = []
    signals = read_signals(context, backends.view(), EVERYTHING)
    return context, signals, decided(context), result


async def test_a_request_that_was_never_admitted_has_no_charge_and_no_backend(begun):
    context, signals, decision, result = begun
    with pytest.raises(PermissionDenied), Watch([result.append], context, signals, decision):
        raise PermissionDenied("no")
    (finished,) = result
    assert (finished.context, finished.signals, finished.decision) == (context, signals, decision)
    assert (finished.charge, finished.backend, finished.billed) == (None, "", ())
    assert (finished.delivered, finished.verified, finished.answer) == (False, False, b"")
    assert finished.first_byte_seconds is None
    assert isinstance(finished.error, PermissionDenied)
    assert finished.trace is None


async def test_what_the_backend_was_not_told_is_in_the_record(begun):
    context, signals, decision, result = begun
    headers = (("openai-version", "1"), ("x-turnout-dropped", "seed"))
    for upstream in (FakeUpstream(MOE, headers=headers), FakeUpstream(MOE)):
        with Watch([result.append], context, signals, decision) as watch:
            watch.upstream = upstream
    assert [finished.dropped for finished in result] == ["seed", ""]


async def test_a_denial_is_a_record_like_any_other(begun):
    context, signals, _, result = begun
    denial = Denial("auto", "denied", "short", "No.")
    with Watch([result.append], context, signals, denial):
        pass
    assert result[0].decision is denial


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(None, Outcome.COMPLETED), (asyncio.CancelledError(), Outcome.DISCONNECTED)],
)
async def test_an_answer_is_told_with_its_charge_and_whether_it_came_to_its_end(
    begun, error, outcome
):
    context, signals, decision, result = begun
    plan = plan_of(decision, context, OutputHistory())
    over = BilledAnswer(WORLD.backends["local"], Usage(1, 1), "not_empty", "is empty")
    upstream = FakeUpstream(
        MOE, body=whole(), usage=Usage(10, 5), billed=(over,), passed=True, model="m"
    )
    try:
        with Watch([result.append], context, signals, decision) as watch:
            watch.meter = new_meter(plan, WORLD, upstream)
            watch.upstream = upstream
            with watch.meter:
                watch.kept = b"kept"
                if error is not None:
                    raise error
    except asyncio.CancelledError:
        pass
    (finished,) = result
    assert finished.charge is watch.meter.final
    assert finished.charge.outcome is outcome
    assert finished.delivered is (error is None)
    assert (finished.backend, finished.billed, finished.verified) == ("moe", (over,), True)
    assert (finished.answer, finished.first_byte_seconds) == (b"kept", 0.25)
    assert finished.seconds >= 0
    assert finished.error is error


async def test_the_end_of_a_request_is_told_once_and_its_error_goes_on(begun):
    context, signals, decision, result = begun
    with (
        pytest.raises(RuntimeError, match="bug"),
        Watch([result.append], context, signals, decision),
    ):
        raise RuntimeError("bug")
    assert len(result) == 1
