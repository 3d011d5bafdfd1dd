"""What the policy sees of a request: facts, found out only where somebody reads them."""

import orjson
import pytest
from fakes.backends import FakeBackends
from fakes.caller import FakeCaller
from fakes.corridor import context_of
from fakes.parts import FakeClassifier
from fakes.world import FIXED, ODDS, new_world
from media_files import encoded, pdf

from policies.policy import Needs
from policies.signals import Clock, PrincipalSignals
from router.backends.fitness import doubt
from router.backends.health.slots import cost_elsewhere, shadow_price
from router.operations.response import parse_response
from router.pipeline.signals import EVERYTHING, likely_cost, read_signals
from router.world.snapshot import Snapshot

NOTHING = Needs(classifier=False, pii=False)
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}


def board(world: Snapshot) -> FakeBackends:
    backends = FakeBackends()
    backends.adopt(list(world.backends.values()))
    return backends


async def signals_of(caller, needs=EVERYTHING, world=None, **senses):
    world = world or new_world(FIXED)
    context = await context_of(caller, world, **senses)
    return read_signals(context, board(world).view(), needs)


async def test_what_was_asked_for_is_told_and_no_text_of_it():
    caller = FakeCaller.asking(
        "My secret plan", stream=True, max_tokens=7, user="u-1", tools=[TOOL]
    )
    signals = await signals_of(caller)
    asked = signals.request
    assert (asked.model, asked.id, asked.user) == ("auto", caller.id, "u-1")
    assert (asked.stream, asked.max_tokens, asked.tools, asked.images) == (True, 7, True, False)
    assert "secret plan" not in repr(signals)


async def test_images_and_schemas_are_facts():
    content = [{"type": "text", "text": "Look"}, IMAGE]
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    caller = FakeCaller.asking(messages=[{"role": "user", "content": content}])
    assert (await signals_of(caller)).request.images
    assert (await signals_of(FakeCaller.asking(response_format=schema))).request.json_schema


async def test_the_prompt_is_measured():
    messages = [
        {"role": "system", "content": "s" * 300},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "Why?"},
    ]
    prompt = (await signals_of(FakeCaller.asking(messages=messages))).prompt
    assert prompt.turns == 3
    assert prompt.system_tokens >= 100
    assert prompt.tokens > prompt.system_tokens


@pytest.mark.parametrize(
    ("text", "code", "math"),
    [
        ("```\nx\n```", True, False),
        ("def f(x): return x", True, False),
        ("SELECT name FROM t WHERE (a)", True, False),
        ("We import goods from a class of countries.", False, False),
        ("What is 3 * 4?", False, True),
        ("Prove the theorem.", False, True),
        ("Solve $x^2$", False, True),
        (r"What is \frac{1}{2}?", False, True),
        ("It costs $5 and/or more.", False, False),
        ("Hello", False, False),
        ("", False, False),
    ],
)
async def test_code_and_mathematics_are_told_apart_from_prose(text, code, math):
    prompt = (await signals_of(FakeCaller.asking(text or " "))).prompt
    assert (prompt.code, prompt.math) == (code, math)


async def test_only_the_last_turn_is_looked_at_and_only_its_beginning():
    messages = [
        {"role": "user", "content": "def f(x): return x"},
        {"role": "assistant", "content": "```\nx\n```"},
        {"role": "user", "content": "Thanks! " * 1_000 + "```\nx\n```"},
    ]
    assert not (await signals_of(FakeCaller.asking(messages=messages))).prompt.code


async def test_what_nobody_reads_is_not_found_out():
    caller = FakeCaller.asking("def f(x): return 3 * 4")
    signals = await signals_of(caller, NOTHING)
    assert (signals.prompt.code, signals.prompt.math) == (False, False)
    assert signals.principal == PrincipalSignals()
    assert signals.clock == Clock()


async def test_who_asks_and_when_are_told_where_somebody_reads_them():
    signals = await signals_of(FakeCaller.asking())
    assert signals.tier == "pro"
    assert signals.principal == PrincipalSignals("acme", "search", "key1", ("gold",))
    context = await context_of(FakeCaller.asking())
    assert read_signals(context, {}, EVERYTHING).clock == Clock.at(context.at_ms, "UTC")


async def test_a_backend_is_described_with_its_odds_and_its_likely_cost():
    world = new_world(
        "version: 1\nroutes: {auto: {candidates: [local, moe], capable: {min_success: 0.6}}}\n"
    )
    signals = await signals_of(
        FakeCaller.asking(max_tokens=10), world=world, classifier=FakeClassifier(**ODDS)
    )
    moe = signals.backends["moe"]
    assert moe.success == ODDS["moe"]
    assert moe.cost_pico == signals.prompt.tokens * 1_000_000 + 10 * 2_000_000
    assert (moe.healthy, moe.in_flight, moe.queued, moe.unfit) == (True, 0, 0, None)
    assert set(signals.backends) == {"local", "moe", "premium"}
    assert "moe" in signals.backends
    assert "nobody" not in signals.backends
    assert len(signals.backends) == 3
    with pytest.raises(KeyError):
        signals.backends["nobody"]


async def test_a_backend_whose_ability_nobody_scored_has_no_odds():
    world = new_world(FIXED, each={"moe": {"ability": None}})
    signals = await signals_of(FakeCaller.asking(), world=world)
    assert signals.backends["moe"].success is None
    assert signals.backends["local"].success is None  # the classifier was not asked


async def test_a_backend_that_cannot_take_the_request_says_why():
    world = new_world(FIXED, each={"moe": {"context_window": 100}})
    signals = await signals_of(FakeCaller.asking("x" * 900), world=world)
    assert signals.backends["moe"].unfit
    assert signals.backends["local"].unfit is None


async def test_a_backend_of_which_nobody_said_what_it_takes_is_doubted():
    world = new_world(FIXED, each={"moe": {"supports": ["tools"]}})
    tool = {"type": "function", "function": {"name": "f"}}
    signals = await signals_of(FakeCaller.asking(tools=[tool]), world=world)
    assert signals.backends["moe"].doubtful is None
    assert signals.backends["local"].doubtful == "tools"
    assert signals.backends["local"].unfit is None
    plain = await signals_of(FakeCaller.asking(), world=world)
    assert plain.backends["local"].doubtful is None


async def test_a_backend_that_would_leave_a_search_out_is_doubted_unless_its_operator_says_so():
    knows = {"supports": ["tools"]}
    moe, premium = {"drop": ["tools.web_search"]}, {"speaks": ["responses"]}
    world = new_world(FIXED, each={"local": knows, "moe": knows | moe, "premium": knows | premium})
    function = {"type": "function", "name": "f"}
    body = {"model": "auto", "input": "x", "tools": [{"type": "web_search"}, function]}
    ask = parse_response(orjson.dumps(body))
    doubts = {name: doubt(backend, ask) for name, backend in world.backends.items()}
    assert doubts == {"local": "web_search", "moe": None, "premium": None}


async def test_a_bound_of_what_is_no_text_calls_no_window_too_small():
    world = new_world(FIXED, each={"moe": {"context_window": 2_000}})
    file = {"type": "file", "file": {"file_data": encoded(pdf(40))}}
    caller = FakeCaller.asking(messages=[{"role": "user", "content": [file]}])
    context = await context_of(caller, world)
    assert context.input_tokens > 40 * 4_600
    signals = read_signals(context, board(world).view(), EVERYTHING)
    assert signals.backends["moe"].unfit != "context_window"


async def test_requests_that_a_backend_works_on_are_counted_where_a_rule_reads_them():
    world = new_world(FIXED)
    context, backends = await context_of(FakeCaller.asking(), world), board(world)
    backends.view()["moe"].deployments[0].in_flight = 3
    assert read_signals(context, backends.view(), EVERYTHING).backends["moe"].in_flight == 3
    assert read_signals(context, backends.view(), NOTHING).backends["moe"].in_flight == 0


async def test_a_scarce_slot_costs_what_leaving_it_would():
    world = new_world(FIXED, each={"moe": {"capacity": {"concurrency": 4}}})
    context, backends = await context_of(FakeCaller.asking(), world), board(world)
    at_rest = read_signals(context, backends.view(), NOTHING).backends["moe"].cost_pico
    queue = backends.view()["moe"].queue
    assert queue is not None
    queue.in_use = 4
    busy = read_signals(context, backends.view(), NOTHING).backends["moe"].cost_pico
    costs = {
        name: likely_cost(world, name, context.ask, context.input_tokens) for name in world.backends
    }
    assert at_rest == costs["moe"]
    assert busy == at_rest + shadow_price(1.0, cost_elsewhere(costs, "moe"))


@pytest.mark.parametrize(
    ("cap", "choices", "output"), [(None, 1, 400), (10, 1, 10), (9_000, 1, 400), (10, 3, 30)]
)
async def test_the_likely_cost_is_by_the_expected_output_within_the_clients_cap(
    cap, choices, output
):
    world = new_world(FIXED)
    fields = {"n": choices} | ({} if cap is None else {"max_tokens": cap})
    context = await context_of(FakeCaller.asking(**fields), world)
    cost = likely_cost(world, "moe", context.ask, 100)
    assert cost == 100 * 1_000_000 + output * 2_000_000
