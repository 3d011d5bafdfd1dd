"""From a decision to what is held and tried; from a denial to its error."""

from dataclasses import replace
from decimal import Decimal

import pytest
from fakes.caller import FakeCaller
from fakes.corridor import context_of, decided, planned
from fakes.parts import ACME, FakeClassifier
from fakes.world import CASCADE, JUDGED, ODDS, new_world

from policies.decision import Denial
from router.backends.cascade.judge import MAX_TOKENS, OWN_TOKENS, judgement
from router.backends.health.slots import Priority
from router.domain import Usage
from router.errors import BadRequest, NotFound, PermissionDenied
from router.ledger.estimate import CHUNK, DEFAULT_OUTPUT, OutputHistory
from router.ledger.text_weights import most_tokens
from router.operations.response import parse_response
from router.pipeline.plan import plan_of, refusal
from router.pipeline.response_headers import DECISION, REASON, ROUTE, SUCCESS, of_decision
from router.prices.book import PriceBook
from router.prices.price import Price
from router.protocols.hub.answer import Alternative

TIERS = """\
tiers:
  pro: {requests_per_minute: 5, priority: high, outage: {bounded: 0.25}}
"""
PREPAID = "tiers:\n  pro: {prepaid_usd: true}\n"
NOTHING = Price(0, 0, 0)
FIXED = "version: 1\nroutes: {auto: {candidates: [local, moe, premium], objective: fixed}}\n"


@pytest.mark.parametrize("name", ["local", "moe", "premium"])
@pytest.mark.parametrize("cap", [1, 400, 5000])
async def test_a_hold_covers_whichever_candidate_serves_up_to_the_clients_cap(name, cap):
    world = new_world(FIXED, estimate="worst")
    plan = await planned(FakeCaller.asking(max_tokens=cap), world)
    estimate = plan.reservation.estimate
    most = world.prices.price(name).cost(Usage(plan.input_tokens, cap))
    assert estimate.cost_pico >= most
    assert estimate.input_cost_pico >= world.prices.price(name).cost(Usage(plan.input_tokens, 0))
    assert (estimate.input_tokens, estimate.output_tokens) == (plan.input_tokens, cap)
    assert not estimate.firm


@pytest.mark.parametrize("choices", [1, 2, 5])
async def test_every_choice_is_held_for(choices):
    world = new_world(FIXED, estimate="worst")
    plan = await planned(FakeCaller.asking(max_tokens=10, n=choices), world)
    assert plan.reservation.estimate.output_tokens == 10 * choices


async def test_the_candidates_are_tried_in_the_order_of_the_decision():
    plan = await planned(FakeCaller.asking(), new_world(FIXED))
    assert [each.name for each in plan.backends] == list(plan.decision.candidates)
    assert plan.judge is None


async def test_what_one_backend_alone_can_answer_is_asked_of_the_first_candidate():
    context = await context_of(FakeCaller.asking(), new_world(FIXED))
    alone = context._replace(ask=context.ask._replace(alone=True))
    plan = plan_of(decided(alone), alone, OutputHistory())
    assert [each.name for each in plan.backends] == [plan.decision.candidates[0]]


async def test_units_are_held_for_at_their_dearest_price():
    context = await context_of(FakeCaller.asking(), new_world(FIXED))
    ask = context.ask._replace(units=(("image", 3),))
    book = PriceBook(
        {
            name: Price(0, 0, 0, units=(("image", n),))
            for n, name in enumerate(context.world.backends)
        }
    )
    world = replace(context.world, prices=book)
    counted = context._replace(ask=ask, world=world)
    plan = plan_of(decided(counted), counted, OutputHistory())
    dearest = max(n for n, name in enumerate(world.backends) if name in plan.decision.candidates)
    assert plan.units == ask.units
    assert plan.reservation.estimate.cost_pico == 3 * dearest
    assert plan.reservation.estimate.input_cost_pico == 3 * dearest


async def test_a_cascade_holds_for_as_many_answers_as_it_may_take():
    sure = FakeClassifier(**ODDS)
    single = await planned(FakeCaller.asking(max_tokens=10), new_world(FIXED), classifier=sure)
    plan = await planned(FakeCaller.asking(max_tokens=10), new_world(CASCADE), classifier=sure)
    once, both = single.reservation.estimate, plan.reservation.estimate
    assert plan.decision.cascade is not None
    assert plan.decision.cascade.steps == ("local", "moe")
    assert both.output_tokens == 2 * 10
    assert both.input_tokens == 2 * once.input_tokens
    assert both.cost_pico == 2 * once.cost_pico
    assert [each.name for each in plan.backends] == ["local", "moe", "premium"]


async def test_the_judge_of_a_cascade_is_held_for_too():
    sure, world = FakeClassifier(**ODDS), new_world(JUDGED)
    bare = await planned(FakeCaller.asking(max_tokens=10), new_world(CASCADE), classifier=sure)
    plan = await planned(FakeCaller.asking(max_tokens=10), world, classifier=sure)
    assert plan.judge is world.backends["premium"]
    reading = bare.reservation.estimate.input_tokens // 2 + 10 + OWN_TOKENS
    judging = world.prices.price("premium").cost(Usage(reading, MAX_TOKENS))
    more = plan.reservation.estimate.cost_pico - bare.reservation.estimate.cost_pico
    assert more == judging  # all answers but the last are judged: here one
    held, without = plan.reservation.estimate, bare.reservation.estimate
    assert held.input_tokens == without.input_tokens + reading
    assert held.output_tokens == without.output_tokens + MAX_TOKENS


async def test_what_a_judge_is_told_beside_request_and_answer_is_held_for():
    context = await context_of(FakeCaller.asking(), new_world(JUDGED))
    nothing = Alternative((), None)
    question = judgement(context.ask, nothing)
    own = question.text_bytes - context.ask.text_bytes
    assert most_tokens(question.raw) - most_tokens(context.ask.raw) < OWN_TOKENS
    assert own > 0


async def test_without_a_cap_what_such_answers_used_before_sizes_the_hold():
    history, context = OutputHistory(), await context_of(FakeCaller.asking(), new_world(FIXED))
    decision = decided(context)
    assert plan_of(decision, context, history).reservation.estimate.output_tokens == DEFAULT_OUTPUT
    for _ in range(20):
        history.observe(ACME.key_id, "auto", 33)
    estimate = plan_of(decision, context, history).reservation.estimate
    assert (estimate.output_tokens, estimate.firm) == (33, False)


async def test_what_a_provider_keeps_is_held_for_by_the_largest_window():
    context = await context_of(FakeCaller.asking(), world := new_world(FIXED))
    stored = parse_response(b'{"model":"auto","input":"x","previous_response_id":"resp_1"}')
    plan = plan_of(decided(context), context._replace(ask=stored), OutputHistory())
    windows = [world.backends[name].context_window for name in plan.decision.candidates]
    estimate = plan.reservation.estimate
    assert estimate.input_tokens == max(window or 128_000 for window in windows)
    assert plan.input_tokens == context.input_tokens


async def test_a_prepaid_tier_holds_for_the_worst_whatever_the_configuration_says():
    history = OutputHistory()
    for _ in range(20):
        history.observe(ACME.key_id, "auto", 3)
    for way in ("expected", "chunk"):
        context = await context_of(
            FakeCaller.asking(max_tokens=900), new_world(FIXED + PREPAID, estimate=way)
        )
        plan = plan_of(decided(context), context, history)
        assert plan.reservation.estimate.output_tokens == 900
        assert not plan.topped_up


async def test_a_hold_that_grows_covers_the_next_chunk_only():
    plan = await planned(FakeCaller.asking(max_tokens=5000), new_world(FIXED, estimate="chunk"))
    assert plan.topped_up
    assert plan.reservation.estimate.output_tokens == CHUNK
    assert not (await planned(FakeCaller.asking(), new_world(FIXED))).topped_up


async def test_the_tier_gives_quotas_priority_and_what_may_be_served_in_an_outage():
    world = new_world(FIXED + TIERS)
    plan = await planned(FakeCaller.asking(user="u-1"), world)
    ticket = plan.reservation
    assert plan.priority == Priority(0, "pro")
    assert ticket.quotas is world.quotas["pro"]
    assert ticket.outage_share == 0.25
    assert (ticket.end_user, ticket.route_or_model) == ("u-1", "auto")
    assert ticket.principal is ACME


async def test_the_headers_explain_the_decision():
    sure = FakeClassifier(**ODDS)
    plan = await planned(FakeCaller.asking(), new_world(CASCADE), classifier=sure)
    headers = dict(of_decision(plan.decision, plan.reservation.request_id))
    assert headers[ROUTE] == "auto"
    assert headers[DECISION] == plan.reservation.request_id
    assert headers[SUCCESS] == "local=0.50, moe=0.80, premium=0.95"
    assert headers[REASON].startswith(plan.decision.reason)


@pytest.mark.parametrize(
    ("status", "error", "param"),
    [
        ("denied", PermissionDenied, None),
        ("route_not_allowed", PermissionDenied, "model"),
        ("unknown_model", NotFound, "model"),
        ("no_candidates", BadRequest, "model"),
        ("bad_hint", BadRequest, None),
    ],
)
async def test_each_denial_is_the_error_that_its_client_can_act_on(status, error, param):
    denial = Denial("auto", status, "short", "Words for the client.")
    result = refusal(denial)
    assert type(result) is error
    assert (result.param, result.message) == (param, "Words for the client.")
    assert result.headers == ((ROUTE, "auto"), (REASON, "short"))
    context = await context_of(FakeCaller.asking())
    with pytest.raises(error):
        plan_of(denial, context, OutputHistory())


@pytest.mark.parametrize(
    ("usage", "asked"),
    [
        (Usage(cache_write_tokens=99), {}),
        (Usage(parts=(("audio_input", 99),)), {"audio": True}),
        (Usage(units=(("web_search", 10),)), {"tools": [{"type": "web_search"}]}),
        (Usage(tier="priority"), {"service_tier": "priority"}),
    ],
)
async def test_a_hold_covers_what_costs_more_than_a_fresh_token(usage, asked):
    dear = Price(100, 200, 10, 125, parts=(("audio_input", 900),), units=(("web_search", 10**6),))
    tiers = {"premium": {"priority": Decimal(3)}}
    world = new_world(FIXED, estimate="worst")
    world = replace(
        world, prices=PriceBook({"local": NOTHING, "moe": NOTHING, "premium": dear}, tiers=tiers)
    )
    body = dict(asked)
    if body.pop("audio", False):
        sound = {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}}
        body["messages"] = [{"role": "user", "content": [sound]}]
    plan = await planned(FakeCaller.asking(max_tokens=9, **body), world)
    tokens = plan.input_tokens
    used = usage._replace(input_tokens=tokens, output_tokens=9)
    if used.cache_write_tokens:
        used = used._replace(cache_write_tokens=tokens)
    if used.parts:
        used = used._replace(parts=(("audio_input", tokens),))
    fresh = world.prices.cost("premium", Usage(tokens, 9))
    assert fresh < world.prices.cost("premium", used) <= plan.reservation.estimate.cost_pico
