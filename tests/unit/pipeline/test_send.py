"""Sending a plan: one answer straight, or a cascade with its checks."""

from collections.abc import Mapping
from typing import Any

import pytest
from fakes.caller import FakeCaller
from fakes.corridor import context_of, planned
from fakes.parts import FakeClassifier
from fakes.world import CASCADE, FIXED, JUDGED, ODDS, new_world

from router.backends.backend import Backend
from router.backends.cascade.cascade import Cascade
from router.backends.dispatch.trace import Trace
from router.backends.dispatch.upstream import Event
from router.operations.table import OPERATIONS
from router.pipeline.send import Sender


class Asked:
    """Stands for the dispatcher and for the cascades: keeps how it was called."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.known: list[Backend] = []

    def open(self, *arguments: Any, **named: Any) -> str:
        self.calls.append((*arguments, named))
        return "opened"

    def view(self) -> Mapping[str, Any]:
        return {"local": "healthy"}

    def adopt(self, backends: list[Backend]) -> None:
        self.known = backends


@pytest.fixture
def parts() -> tuple[Sender, Asked, Asked]:
    dispatcher, cascades = Asked(), Asked()
    return Sender(dispatcher, cascades), dispatcher, cascades  # type: ignore[arg-type] # see above


async def asked(policy: str):
    caller, world = FakeCaller.asking(), new_world(policy)
    sure = FakeClassifier(**ODDS)
    context = await context_of(caller, world, classifier=sure)
    return context.ask, await planned(caller, world, classifier=sure)


async def test_a_plain_plan_goes_straight_to_the_dispatcher(parts):
    sender, dispatcher, cascades = parts
    ask, plan = await asked(FIXED)
    assert sender.open(plan, ask, []) == "opened"
    customer = plan.reservation.principal.organization
    named = {"trace": None, "outlasts": True}
    assert dispatcher.calls == [
        (plan.backends, ask, plan.reservation.request_id, plan.priority, customer, named)
    ]
    assert cascades.calls == []


@pytest.mark.parametrize("policy", [CASCADE, JUDGED])
async def test_a_cascade_gets_its_checks_its_judge_and_the_requests_events(policy, parts):
    sender, dispatcher, cascades = parts
    ask, plan = await asked(policy)
    events: list[Event] = []
    assert sender.open(plan, ask, events) == "opened"
    ((backends, sent, request_id, cascade, priority, named),) = cascades.calls
    assert (backends, sent, request_id) == (plan.backends, ask, plan.reservation.request_id)
    assert cascade == Cascade(verify=("not_empty",), max_steps=2, judge=plan.judge)
    assert (plan.judge is None) == (policy == CASCADE)
    assert priority == plan.priority
    assert named["customer"] == plan.reservation.principal.organization
    assert named["events"] is events
    assert dispatcher.calls == []


async def test_where_a_request_is_traced_its_tries_are_noted(parts):
    sender, dispatcher, cascades = parts
    trace = Trace(OPERATIONS[0], 1, 0, None, lambda _: 3)
    for policy in (FIXED, CASCADE):
        ask, plan = await asked(policy)
        assert sender.open(plan, ask, [], trace) == "opened"
    assert dispatcher.calls[0][-1]["trace"] is trace
    assert cascades.calls[0][-1]["trace"] is trace


def test_health_and_reloads_are_the_dispatchers(parts):
    sender, dispatcher, _ = parts
    backends = list(new_world().backends.values())
    sender.adopt(backends)
    assert dispatcher.known is backends
    assert sender.view() == {"local": "healthy"}
