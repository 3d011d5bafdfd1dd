"""What a key may not use is denied in words of its own; the policy decides the rest."""

import json
from dataclasses import replace

import pytest
from fakes.backends import FakeBackends
from fakes.caller import FakeCaller
from fakes.corridor import context_of
from fakes.world import new_world

from policies.decision import Decision, Denial
from router.domain import Terms
from router.pipeline.request_context import RequestContext
from router.pipeline.signals import EVERYTHING, read_signals
from router.pipeline.within_terms import decided

POLICY = """\
version: 1
routes:
  auto: {candidates: [local, moe], objective: fixed}
  fine: {candidates: [premium, moe], objective: fixed}
aliases: {best: fine}
tiers: {pro: {}}
"""
WORLD = new_world(POLICY)


def chat_body(model: str) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": "Hi"}]}).encode()


async def asking(model: str, terms: Terms | None) -> RequestContext:
    context = await context_of(FakeCaller(chat_body(model)), WORLD)
    return context._replace(principal=replace(context.principal, terms=terms))


def answer(context: RequestContext) -> Decision | Denial:
    backends = FakeBackends()
    backends.adopt(list(WORLD.backends.values()))
    return decided(context, read_signals(context, backends.view(), EVERYTHING))


REACHED = {"fine": True, "best": True, "premium": True, "moe": True, "auto": False, "local": False}


@pytest.mark.parametrize("model", REACHED)
async def test_a_key_of_one_route_gets_what_that_reaches(model: str) -> None:
    said = answer(await asking(model, Terms({}, routes=frozenset({"fine"}))))
    assert isinstance(said, Decision) is REACHED[model]
    if isinstance(said, Denial):
        assert said.status == "route_not_allowed"
        assert said.message == f"This key may not use `{model}`."


async def test_a_key_of_some_models_may_name_those_alone() -> None:
    terms = Terms({}, models=frozenset({"best"}))
    assert isinstance(answer(await asking("best", terms)), Decision)
    assert isinstance(answer(await asking("fine", terms)), Denial)
    assert isinstance(answer(await asking("fine", None)), Decision)
