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
from router.backends.dispatch.upstream import Event
from router.pipeline.send import Sender


class Asked:
    """Stands for the dispatcher and for the cascades: keeps how it was called."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.known: list[Backend] = []

    def open(
        self, *arguments: Any, customer: str | None = None, events: list[Event] | None = None
    ) -> str:
        own = () if customer is None else (customer,)
        self.calls.append((*arguments, *own, events))
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
    assert dispatcher.calls == [
        (plan.backends, ask, plan.reservation.request_id, plan.priority, customer, None)
    ]
    assert cascades.calls == []


@pytest.mark.parametrize("policy", [CASCADE, JUDGED])
async def test_a_cascade_gets_its_checks_its_judge_and_the_requests_events(policy, parts):
    sender, dispatcher, cascades = parts
    ask, plan = await asked(policy)
    events: list[Event] = []
    assert sender.open(plan, ask, events) == "opened"
    ((backends, sent, request_id, cascade, priority, customer, result),) = cascades.calls
    assert (backends, sent, request_id) == (plan.backends, ask, plan.reservation.request_id)
    assert cascade == Cascade(verify=("not_empty",), max_steps=2, judge=plan.judge)
    assert (plan.judge is None) == (policy == CASCADE)
    assert priority == plan.priority
    assert customer == plan.reservation.principal.organization
    assert result is events
    assert dispatcher.calls == []


def test_health_and_reloads_are_the_dispatchers(parts):
    sender, dispatcher, _ = parts
    backends = list(new_world().backends.values())
    sender.adopt(backends)
    assert dispatcher.known is backends
    assert sender.view() == {"local": "healthy"}
