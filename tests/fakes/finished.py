"""Records of finished requests, as the observers are given them."""

from typing import Any

import numpy as np

from classifiers.classification import Classification, Evidence
from fakes.backends import FakeBackends
from fakes.caller import FakeCaller
from fakes.corridor import context_of, decided
from fakes.world import ODDS, new_world
from policies.decision import Decision, Denial
from router.domain import Charge, Outcome, Usage
from router.pipeline.observers.observer import Finished
from router.pipeline.signals import EVERYTHING, read_signals
from router.world.snapshot import Snapshot


def charge_of(backend: str | None = "moe", **fields: Any) -> Charge:
    """Return a charge of a completed answer; `fields` replace its own."""
    defaults: dict[str, Any] = {
        "usage": Usage(100, 50, 20),
        "cost_pico": 7,
        "outcome": Outcome.COMPLETED,
        "backend": backend,
        "route": "auto",
    }
    return Charge(**(defaults | fields))


class Scoring:
    """A classifier whose every answer brings evidence."""

    version = "fake1"

    async def classify(self, _prompt: object, _customer: str = "") -> Classification:
        """Return the odds of every ability."""
        return Classification(ODDS, Evidence(np.ones(2, np.float32), np.zeros(2, np.float32)))


async def finished_of(
    caller: FakeCaller | None = None,
    world: Snapshot | None = None,
    *,
    decision: Decision | Denial | None = None,
    senses: dict[str, Any] | None = None,
    **fields: Any,
) -> Finished:
    """Return the record of a chat request that `moe` answered; `fields` replace its own.

    The prompt was scored, unless `senses` say otherwise (see `Senses`).
    """
    world = world or new_world(SCORED)
    context = await context_of(
        caller or FakeCaller.asking(), world, **({"classifier": Scoring()} | (senses or {}))
    )
    backends = FakeBackends()
    backends.adopt(list(world.backends.values()))
    defaults: dict[str, Any] = {
        "context": context,
        "signals": read_signals(context, backends.view(), EVERYTHING),
        "decision": decision or decided(context),
        "charge": charge_of(),
        "backend": "moe",
        "billed": (),
        "verified": False,
        "delivered": True,
        "answer": b"",
        "first_byte_seconds": 0.25,
        "seconds": 1.5,
    }
    return Finished(**(defaults | fields))


SCORED = """\
version: 1
routes:
  auto: {candidates: [local, moe, premium], capable: {min_success: 0.7}}
"""
