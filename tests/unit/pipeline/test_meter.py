"""What a request is charged, for every way in which it may end: events folded, nothing told."""

import asyncio
from typing import Any

import pytest
from fakes.backends import FakeUpstream, whole
from fakes.caller import FakeCaller
from fakes.clock import FakeClock
from fakes.corridor import new_meter, planned
from fakes.parts import FakeClassifier
from fakes.world import CASCADE, JUDGED, ODDS, new_world

from router.backends.dispatch.upstream import BilledAnswer, Event
from router.domain import Outcome, Usage
from router.errors import ReadTooSlowly, StreamBroken, UpstreamFailed
from router.pipeline.meter import as_listed, at_work, standing, together
from router.pipeline.plan import Plan

WORLD = new_world(CASCADE)
LOCAL, MOE, PREMIUM = (WORLD.backends[name] for name in ("local", "moe", "premium"))
USED = Usage(100, 50)
WAYS: dict[str, tuple[BaseException | None, Outcome]] = {
    "comes to its end": (None, Outcome.COMPLETED),
    "breaks off": (StreamBroken("broke"), Outcome.CUT),
    "fails inside the gateway": (RuntimeError("bug"), Outcome.CUT),
    "is read too slowly": (ReadTooSlowly("slow"), Outcome.DISCONNECTED),
    "loses its client": (asyncio.CancelledError(), Outcome.DISCONNECTED),
}


def leave(meter: Any, error: BaseException | None) -> None:
    meter.__enter__()
    meter.__exit__(None if error is None else type(error), error, None)


def passed_over(usage: Usage = USED) -> BilledAnswer:
    return BilledAnswer(LOCAL, usage, "not_empty", "is empty")


async def plan_in(world: Any = WORLD) -> Plan:
    return await planned(FakeCaller.asking(), world, classifier=FakeClassifier(**ODDS))


@pytest.fixture
async def plan() -> Plan:
    return await plan_in()


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_is_charged_by_what_its_backend_said_however_it_ends(way, plan):
    error, outcome = WAYS[way]
    meter = new_meter(plan, WORLD, FakeUpstream(MOE, body=whole(), usage=USED, model="moe-2"))
    leave(meter, error)
    charge = meter.charge()
    assert (charge.outcome, charge.usage, charge.backend) == (outcome, USED, "moe")
    assert charge.cost_pico == 100 * 1_000_000 + 50 * 2_000_000
    assert (charge.model, charge.route) == ("moe-2", "auto")
    assert charge.price_version == WORLD.prices.version
    assert charge.predicted == ODDS["moe"]


@pytest.mark.parametrize("way", WAYS)
async def test_a_stream_that_said_nothing_is_charged_by_what_passed_through(way, plan):
    error, outcome = WAYS[way]
    upstream = FakeUpstream(MOE, blocks=(b"a", b"b", b"c"), tokens=4)
    blocks = upstream.stream()
    await anext(blocks)
    await anext(blocks)
    meter = new_meter(plan, WORLD, upstream)
    leave(meter, error)
    charge = meter.charge()
    assert charge.outcome is outcome
    assert charge.usage == Usage(plan.input_tokens, 8, estimated=True)


@pytest.mark.parametrize(
    ("error", "outcome", "tokens"),
    [
        (UpstreamFailed("none"), Outcome.FAILED, 0),
        (RuntimeError("bug"), Outcome.CUT, None),
        (asyncio.CancelledError(), Outcome.DISCONNECTED, None),
    ],
)
def test_before_the_first_byte_only_a_refusal_is_free(error, outcome, tokens, plan):
    meter = new_meter(plan, WORLD)
    leave(meter, error)
    charge = meter.charge()
    prompt = plan.input_tokens if tokens is None else tokens
    assert (charge.outcome, charge.usage.input_tokens) == (outcome, prompt)
    assert charge.usage.output_tokens == 0
    assert (charge.backend is None) == (outcome is Outcome.FAILED)
    assert (charge.price_version is None) == (outcome is Outcome.FAILED)


def test_a_request_that_failed_pays_for_what_its_cascade_passed_over(plan):
    meter = new_meter(plan, WORLD, passed_over(), BilledAnswer(MOE, Usage(9, 1), "broken", "cut"))
    leave(meter, UpstreamFailed("none"))
    charge = meter.charge()
    assert (charge.outcome, charge.usage) == (Outcome.FAILED, Usage(109, 51))
    assert charge.cost_pico == 9 * 1_000_000 + 1 * 2_000_000  # local is free
    assert charge.backend == "moe"  # the last that worked
    assert charge.cascade is not None
    assert charge.cascade.fired == ("not_empty", "broken")


def test_a_client_that_leaves_between_two_answers_pays_the_next_ones_prompt(plan):
    upstream = FakeUpstream(LOCAL, body=whole(), usage=USED)
    meter = new_meter(plan, WORLD, upstream, passed_over())
    leave(meter, asyncio.CancelledError())
    charge = meter.charge()
    assert charge.backend == "moe"
    assert charge.usage == Usage(100 + plan.input_tokens, 50, estimated=True)
    assert charge.cost_pico == plan.input_tokens * 1_000_000


async def test_a_judge_is_paid_for_beside_the_answer_that_it_let_pass():
    world = new_world(JUDGED)
    plan = await plan_in(world)
    judging = BilledAnswer(PREMIUM, Usage(200, 1), "judge", "asked", rejected=False)
    upstream = FakeUpstream(LOCAL, body=whole(), usage=USED, billed=(judging,))
    meter = new_meter(plan, world, upstream)
    leave(meter, None)
    charge = meter.charge()
    judged = 200 * 10_000_000 + 20_000_000
    assert charge.cost_pico == judged
    assert charge.usage == Usage(300, 51)
    assert charge.cascade is not None
    assert (charge.cascade.fired, charge.cascade.judge_pico) == ((), judged)
    assert charge.cascade.direct_pico == 100 * 1_000_000 + 50 * 2_000_000  # at the last step, moe


def test_the_answers_of_a_cascade_are_told_apart_in_its_bill(plan):
    first = passed_over()
    meter = new_meter(plan, WORLD, FakeUpstream(MOE, body=whole(), usage=USED, billed=(first,)))
    leave(meter, None)
    charge = meter.charge()
    assert charge.cascade is not None
    assert charge.cascade.rejected_pico == 0  # local is free
    assert charge.cascade.direct_pico == charge.cost_pico
    assert charge.usage == Usage(200, 100)
    assert charge.cascade.answer == USED  # what a cascade of one would have asked for


@pytest.mark.parametrize(
    ("events", "served", "billed"),
    [
        ((), None, 0),
        (("one",), "one", 0),
        (("one", "one"), "one", 0),
        (("one", "over"), None, 1),
        (("one", "over", "two"), "two", 1),
        (("one", "over", "two", "over"), None, 2),
        (("over",), None, 1),
        (("over", "over"), None, 2),
    ],
)
def test_events_fold_into_who_serves_and_what_was_paid_for(events, served, billed):
    over = passed_over()
    answers = {
        "one": FakeUpstream(LOCAL),
        "two": FakeUpstream(MOE, billed=(over,)),
    }
    result: list[Event] = [over if name == "over" else answers[name] for name in events]
    answer, paid = standing(result)
    assert answer is (answers[served] if served else None)
    assert len(paid) == billed


def test_folding_changes_nothing_and_says_the_same_again(plan):
    result: list[Event] = [FakeUpstream(LOCAL, body=whole(), usage=USED), passed_over()]
    before = list(result)
    meter = new_meter(plan, WORLD, *result)
    assert meter.charge() == meter.charge()
    assert meter.events == before
    assert meter.final is None


def test_what_was_used_so_far_can_be_asked_before_the_end_and_is_final_after(plan):
    upstream = FakeUpstream(MOE, body=whole(), usage=USED)
    meter = new_meter(plan, WORLD)
    assert meter.charge().usage == Usage(plan.input_tokens, 0, estimated=True)
    meter.events.append(upstream)
    assert meter.charge().usage == USED
    assert meter.charge().outcome is Outcome.DISCONNECTED  # were it to end now
    leave(meter, None)
    final = meter.charge()
    upstream.usage = Usage(1, 1)
    assert meter.charge() is final is meter.final


def test_the_cost_told_to_the_client_is_the_cost_that_is_charged(plan):
    meter = new_meter(
        plan, WORLD, FakeUpstream(MOE, body=whole(), usage=USED, billed=(passed_over(),))
    )
    result = meter.cost_pico()
    leave(meter, None)
    assert result == meter.charge().cost_pico


def test_before_anything_is_known_the_cost_is_the_prompts(plan):
    assert new_meter(plan, WORLD).cost_pico() == 0  # at the free first step
    meter = new_meter(plan, WORLD, FakeUpstream(MOE, blocks=(b"a",)))
    assert meter.cost_pico() == plan.input_tokens * 1_000_000


async def test_energy_is_shared_by_the_requests_that_ran_at_once():
    watts = {"local": {"energy": {"watts": 200, "source": "measured"}}}
    world = new_world(each=watts)
    plan = await plan_in(world)
    clock = FakeClock()
    meter = new_meter(plan, world, clock=clock)
    meter.events.append(FakeUpstream(world.backends["local"], body=whole(), usage=USED))
    for state in meter._loads["local"].deployments:  # type: ignore[attr-defined] # a real Health
        state.in_flight = 4
    clock.pass_by(2.0)
    leave(meter, None)
    charge = meter.charge()
    assert (charge.energy_mj, charge.energy_source) == (100_000, "measured")
    assert charge.busy_ms == 2000


def test_nothing_is_claimed_of_an_energy_that_nobody_declared(plan):
    meter = new_meter(plan, WORLD, FakeUpstream(MOE, body=whole(), usage=USED))
    leave(meter, None)
    assert (meter.charge().energy_mj, meter.charge().energy_source) == (None, None)


def test_what_another_backend_would_have_cost_is_not_what_this_one_told():
    assert as_listed(Usage(100, 50, reported_pico=7)) == Usage(100, 50)


def test_several_usages_add_up_kind_by_kind():
    parts = [Usage(1, 2, 3, 4, cache_write_tokens=5), Usage(10, 20, 30, 40, estimated=True)]
    assert together(parts) == Usage(11, 22, 33, 44, estimated=True, cache_write_tokens=5)
    assert together([]) == Usage()


@pytest.mark.parametrize(
    ("billed", "name"),
    [((), "local"), (("local",), "moe"), (("local", "moe"), "moe")],
)
def test_the_backend_at_work_is_the_next_one_that_was_not_passed_over(billed, name):
    over = [BilledAnswer(WORLD.backends[each], USED, "x", "y") for each in billed]
    assert at_work([LOCAL, MOE], over).name == name


def test_a_judge_does_not_pass_its_own_backend_over():
    judging = BilledAnswer(LOCAL, USED, "judge", "asked", rejected=False)
    assert at_work([LOCAL, MOE], [judging]).name == "local"
