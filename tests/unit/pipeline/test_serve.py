"""The walk of one request: its order, its ways to end, and who is told."""

import asyncio

import orjson
import pytest
from fakes.backends import CUT, DONE, FakeBackends, FakeUpstream, chunk, whole
from fakes.caller import FakeCaller, sent
from fakes.corridor import CHAT, FakeCorridor
from fakes.ledger import FakeLedger
from fakes.parts import FakeClassifier
from fakes.world import CASCADE, ODDS, SHADOWED, new_world

from policies.decision import Decision, Denial
from router.backends.dispatch.upstream import BilledAnswer
from router.domain import Outcome, Usage
from router.errors import (
    BadRequest,
    LedgerUnavailable,
    LimitExceeded,
    NotFound,
    PermissionDenied,
    StreamBroken,
    Unauthenticated,
    UpstreamFailed,
)
from router.operations.table import OPERATIONS
from router.pipeline.response_headers import BACKEND, DECISION, REASON, ROUTE, SUCCESS
from router.pipeline.serve import serve

USED = Usage(10, 5)
CHUNKS = (chunk("One"), chunk(" two"), DONE)
DENYING = """\
version: 1
routes:
  auto:
    candidates: [local]
    objective: fixed
    rules:
      - {name: closed, when: "true", deny: Closed for today.}
"""


def answering(**parts) -> FakeCorridor:
    return FakeCorridor.answering(FakeUpstream(body=whole(), usage=USED), **parts)


def streaming(**parts) -> FakeCorridor:
    return FakeCorridor.answering(FakeUpstream(blocks=CHUNKS, usage=USED), **parts)


async def test_an_answer_is_delivered_settled_and_told_in_this_order():
    corridor, caller = answering(), FakeCaller.asking()
    order = []

    def observe(_finished) -> None:
        order.extend((len(corridor.ledger.reserved), len(corridor.ledger.settled), *caller.log))

    finished = await corridor.walk(caller, observe)
    assert order == [1, 1, "body", "send"]
    assert caller.answer == whole()
    assert [charge.usage for charge in corridor.ledger.settled] == [USED]
    assert finished.charge == corridor.ledger.settled[0]
    assert (finished.delivered, finished.backend) == (True, "local")


TURN = {"role": "user", "content": "Hello"}
BODIES = {
    "chat": {"messages": [TURN]},
    "message": {"messages": [TURN], "max_tokens": 9},
    "embedding": {"input": "Hello"},
    "completion": {"prompt": "Hello"},
}


@pytest.mark.parametrize("name", BODIES)
async def test_every_operation_is_walked_alike(name):
    (operation,) = [row for row in OPERATIONS if row.name == name]
    corridor, caller = answering(), FakeCaller(orjson.dumps({"model": "auto"} | BODIES[name]))
    finished = await corridor.walk(caller, operation=operation)
    assert finished.context.ask.operation == name
    assert caller.answer == whole()  # whatever the backends gave
    assert [charge.usage for charge in corridor.ledger.settled] == [USED]


async def test_the_answer_says_how_it_was_decided_and_what_is_left_of_the_quota():
    caller = FakeCaller.asking()
    await answering().walk(caller)
    assert caller.header(ROUTE) == caller.route == "auto"
    assert caller.header(BACKEND) == caller.backend == "local"
    assert caller.header(DECISION) == caller.id
    assert caller.header(SUCCESS) == "unknown"
    assert caller.header(REASON)
    assert caller.header("x-ratelimit-remaining-tokens") == "900"


async def test_a_crash_is_charged_from_before_the_first_backend_is_asked():
    corridor = answering()
    seen = []

    class Looking(FakeBackends):
        def open(self, plan, ask, events, trace=None):
            seen.extend(hold.is_dispatched for hold in corridor.ledger.holds)
            return super().open(plan, ask, events, trace)

    corridor.backends = Looking(FakeUpstream(body=whole(), usage=USED))
    await corridor.walk(FakeCaller.asking())
    assert seen == [True]


@pytest.mark.parametrize("recorded", [False, True])
async def test_every_fact_is_found_out_where_decisions_are_logged(recorded):
    finished = await answering(recorded=recorded).walk(FakeCaller.asking("def f(x): return x"))
    assert finished.signals.prompt.code is recorded
    assert bool(finished.signals.principal.organization) is recorded


async def test_the_walk_keeps_to_the_world_that_it_began_in():
    old, new = new_world(), new_world("version: 1\nroutes: {other: {candidates: [moe]}}\n")
    corridor = answering(world=old)
    serving = corridor.serving()
    serving.observers = (corridor.finished_records.append,)

    class Reloading(FakeCaller):
        async def body(self) -> bytes:
            serving.adopt(new)
            return await FakeCaller.body(self)

    await serve(serving, CHAT, Reloading(FakeCaller.asking().raw))
    assert corridor.finished_records[0].context.world is old
    assert serving.snapshot is new


@pytest.mark.parametrize(
    ("caller", "error"),
    [
        (FakeCaller.asking(), Unauthenticated),
        (FakeCaller(b"{"), BadRequest),
        (FakeCaller(b'{"model": "auto"}'), BadRequest),
        (FakeCaller(body_error=BadRequest("no")), BadRequest),
    ],
    ids=["unknown key", "no JSON", "no messages", "no body"],
)
async def test_a_wrong_request_is_refused_before_anything_is_decided_or_reserved(caller, error):
    corridor = answering()
    caller.authorization = b"Bearer tk-nobody" if error is Unauthenticated else caller.authorization
    with pytest.raises(error):
        await corridor.walk(caller)
    assert not corridor.finished_records
    assert not corridor.ledger.reserved
    assert not corridor.backends.asked


async def test_a_caller_without_a_key_is_refused_before_its_body_is_read():
    caller = FakeCaller.asking()
    caller.authorization = None
    with pytest.raises(Unauthenticated):
        await answering().walk(caller)
    assert caller.log == []


async def test_a_wrong_hint_is_refused_by_its_name():
    caller = FakeCaller.asking()
    caller.fields = sent({"x-turnout-min-success": "much"})
    corridor = answering()
    with pytest.raises(BadRequest) as caught:
        await corridor.walk(caller)
    assert caught.value.param == "x-turnout-min-success"
    assert not corridor.finished_records


@pytest.mark.parametrize(
    ("policy", "model", "error"),
    [
        (DENYING, "auto", PermissionDenied),
        (DENYING, "nothing", NotFound),
    ],
)
async def test_a_denial_is_an_error_of_which_the_observers_are_told(policy, model, error):
    corridor = answering(world=new_world(policy))
    with pytest.raises(error):
        await corridor.walk(FakeCaller.asking(model=model))
    (finished,) = corridor.finished_records
    assert isinstance(finished.decision, Denial)
    assert finished.charge is None
    assert (finished.backend, finished.delivered) == ("", False)
    assert not corridor.ledger.reserved


@pytest.mark.parametrize("refusal", [LimitExceeded("used up"), LedgerUnavailable("away")])
async def test_a_refused_reservation_asks_no_backend_and_is_told_without_a_charge(refusal):
    corridor = answering(ledger=FakeLedger(refusal))
    caller = FakeCaller.asking()
    with pytest.raises(type(refusal)):
        await corridor.walk(caller)
    (finished,) = corridor.finished_records
    assert isinstance(finished.decision, Decision)
    assert finished.charge is None
    assert not corridor.backends.asked
    assert not corridor.ledger.settled
    assert caller.route == "auto"  # an answer of 429 says which route it would have taken
    assert caller.head is None


async def test_backends_that_all_fail_are_charged_nothing():
    corridor = FakeCorridor.answering(UpstreamFailed("none answered"))
    with pytest.raises(UpstreamFailed):
        await corridor.walk(FakeCaller.asking())
    (charge,) = corridor.ledger.settled
    assert (charge.outcome, charge.cost_pico, charge.usage) == (Outcome.FAILED, 0, Usage())
    assert corridor.finished_records[0].charge == charge


async def test_a_client_that_leaves_before_the_first_byte_pays_for_its_prompt():
    corridor = FakeCorridor.answering(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await corridor.walk(FakeCaller.asking())
    (charge,) = corridor.ledger.settled
    assert charge.outcome is Outcome.DISCONNECTED
    assert charge.usage == Usage(
        corridor.finished_records[0].context.input_tokens, 0, estimated=True
    )
    assert corridor.finished_records[0].charge == charge


async def test_a_client_that_leaves_a_stream_pays_for_what_was_delivered():
    upstream = FakeUpstream(blocks=CHUNKS, tokens=7)
    corridor = FakeCorridor.answering(upstream)
    caller = FakeCaller.asking(stream=True)
    caller.leaves_at = "write 2"
    caller.room = 0
    with pytest.raises(asyncio.CancelledError):
        await corridor.walk(caller)
    (charge,) = corridor.ledger.settled
    assert (charge.outcome, charge.backend) == (Outcome.DISCONNECTED, "local")
    assert (charge.usage.output_tokens, charge.usage.estimated) == (14, True)
    assert (corridor.finished_records[0].delivered, corridor.finished_records[0].backend) == (
        False,
        "local",
    )
    assert upstream.closed


async def test_a_client_that_leaves_while_its_body_is_read_was_never_there():
    corridor = answering()
    caller = FakeCaller.asking()
    caller.leaves_at = "body"
    with pytest.raises(asyncio.CancelledError):
        await corridor.walk(caller)
    assert not corridor.finished_records
    assert not corridor.ledger.reserved


async def test_a_stream_that_breaks_off_is_charged_as_cut_and_raised_for_the_edge():
    upstream = FakeUpstream(blocks=CHUNKS[:2], tokens=3, breaks=True)
    corridor = FakeCorridor.answering(upstream)
    caller = FakeCaller.asking(stream=True)
    with pytest.raises(StreamBroken):
        await corridor.walk(caller)
    (charge,) = corridor.ledger.settled
    assert (charge.outcome, charge.usage.output_tokens) == (Outcome.CUT, 6)
    assert caller.answer == b"".join(CHUNKS[:2])
    assert not caller.complete
    assert not corridor.finished_records[0].delivered


async def test_a_stream_that_its_quota_ends_is_charged_and_teaches_nobody_what_it_would_have_been():
    upstream = FakeUpstream(blocks=CHUNKS, tokens=300)
    corridor = FakeCorridor.answering(upstream, world=new_world(SHADOWED, estimate="chunk"))
    caller = FakeCaller.asking(stream=True)
    finished = await corridor.walk(caller)
    (charge,) = corridor.ledger.settled
    assert (charge.outcome, charge.usage.output_tokens) == (Outcome.COMPLETED, 600)
    assert caller.answer == b"".join(CHUNKS[:2]) + CUT
    assert caller.complete
    assert (finished.delivered, finished.answer) == (False, b"")


async def test_a_cascade_is_told_and_charged_with_what_it_passed_over():
    world = new_world(CASCADE)
    passed_over = BilledAnswer(world.backends["local"], Usage(20, 1), "not_empty", "is empty")
    corridor = FakeCorridor.answering(
        FakeUpstream(world.backends["moe"], body=whole(), usage=USED),
        world=world,
        classifier=FakeClassifier(**ODDS),
    )
    corridor.backends.passed_over = (passed_over,)
    finished = await corridor.walk(FakeCaller.asking())
    assert finished.billed == (passed_over,)
    assert finished.charge is not None
    assert finished.charge.usage == Usage(30, 6)
    assert finished.charge.cascade is not None
    assert finished.charge.cascade.fired == ("not_empty",)
    assert corridor.backends.asked == [("local", "moe", "premium")]


async def test_what_was_left_of_the_budget_is_known_to_the_customers_next_request():
    class Left:
        def used(self) -> dict[str, float]:
            return {"month": 0.5}

    left = Left()
    corridor = answering(ledger=FakeLedger(budget=left))
    serving = corridor.serving()
    await serve(serving, CHAT, FakeCaller.asking())
    assert serving.senses.budgets == {"acme": left}


async def test_an_observer_that_fails_costs_nobody_the_answer():
    def broken(_finished) -> None:
        raise RuntimeError("full disk")

    caller = FakeCaller.asking()
    await answering().walk(caller, broken)
    assert caller.complete
