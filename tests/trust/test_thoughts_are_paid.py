"""Thoughts that nobody sees are paid for, also where a stream is cut before its use is told."""

import asyncio
import contextlib
from dataclasses import replace
from typing import Any

import pytest
from fakes.backends import FakeBackends, FakeUpstream, chunk
from fakes.caller import FakeCaller
from fakes.clock import FakeClock
from fakes.corridor import CHAT, FakeCorridor, planned
from fakes.world import new_world

from router.domain import Outcome, Usage
from router.errors import StreamBroken
from router.ledger.estimate import CHUNK, OutputHistory
from router.ledger.thoughts import ThoughtHistory
from router.pipeline.meter import Meter
from router.pipeline.observers.metrics import remembers_lengths
from router.pipeline.observers.observer import Finished
from router.pipeline.serve import serve
from router.world.snapshot import Snapshot

THOUGHTS = 2_000
WORLD = new_world()
PIECES = (chunk("one"), chunk("two"), chunk("three"))
TOLD = Usage(10, THOUGHTS + len(PIECES), reasoning_tokens=THOUGHTS)


def answer(usage: Usage | None = TOLD, **more: Any) -> FakeUpstream:
    return FakeUpstream(blocks=PIECES, usage=usage, **more)


async def walked(
    history: OutputHistory, upstream: FakeUpstream, caller: FakeCaller, world: Snapshot = WORLD
) -> Finished:
    """One request, whether its client stays or not."""
    corridor = FakeCorridor.answering(upstream, world=world)
    serving = replace(corridor.serving(remembers_lengths(history)), history=history)
    with contextlib.suppress(asyncio.CancelledError, StreamBroken):
        await serve(serving, CHAT, caller)
    return corridor.finished_records[-1]


def leaving(**body: Any) -> FakeCaller:
    """A client that leaves with the first piece."""
    caller = FakeCaller.asking(stream=True, **body)
    caller.leaves_at, caller.room = "write", 0
    return caller


async def thinking(answers: int = 3) -> OutputHistory:
    """What is known after some clients that stayed."""
    history = OutputHistory()
    for _ in range(answers):
        await walked(history, answer(), FakeCaller.asking(stream=True))
    return history


async def test_a_stream_that_is_cut_pays_for_what_its_backend_is_known_to_think():
    finished = await walked(await thinking(), answer(), leaving())
    charge = finished.charge
    assert charge is not None
    assert charge.outcome is Outcome.DISCONNECTED
    assert charge.usage.reasoning_tokens == THOUGHTS
    assert charge.usage.output_tokens == THOUGHTS + 1  # and the piece that it saw
    assert charge.usage.estimated


async def test_a_client_that_always_cuts_teaches_nothing_and_is_held_for_what_others_showed():
    history = await thinking()
    for _ in range(8):
        finished = await walked(history, answer(), leaving())
    assert finished.charge.usage.reasoning_tokens == THOUGHTS
    plan = await planned(FakeCaller.asking(stream=True), WORLD)
    assert plan.reservation.estimate.output_tokens < THOUGHTS  # of one that knows nothing
    assert history.thoughts.expected(finished.backend) == THOUGHTS


@pytest.mark.parametrize("limit", [1, 16, 300, CHUNK])
async def test_what_is_guessed_is_never_more_than_what_was_held(limit):
    finished = await walked(await thinking(), answer(), leaving(max_tokens=limit))
    assert finished.charge.usage.output_tokens <= limit


async def test_a_backend_that_shows_its_thoughts_or_has_none_is_not_charged_for_more():
    shown = Usage(10, len(PIECES), reasoning_tokens=2)
    history = OutputHistory()
    for usage in (shown, Usage(10, len(PIECES)), shown):
        await walked(history, answer(usage), FakeCaller.asking(stream=True))
    finished = await walked(history, answer(), leaving())
    assert finished.charge.usage.output_tokens == 1


async def test_an_answer_that_its_backend_breaks_off_pays_for_what_came():
    caller = FakeCaller.asking(stream=True)
    finished = await walked(await thinking(), answer(breaks=True), caller)
    assert finished.charge.outcome is Outcome.CUT
    assert finished.charge.usage.reasoning_tokens == 0


async def test_what_the_operator_expects_counts_before_anything_is_learnt():
    each = {name: {"expected_reasoning_tokens": 700} for name in ("local", "moe", "premium")}
    finished = await walked(OutputHistory(), answer(), leaving(), new_world(each=each))
    assert finished.charge.usage.reasoning_tokens == 700


async def test_a_client_that_leaves_while_its_answer_is_thought_of_pays_for_the_time_it_waited():
    clock, thoughts, backends = FakeClock(), ThoughtHistory(), FakeBackends()
    backends.adopt(list(WORLD.backends.values()))
    plan = await planned(FakeCaller.asking(stream=True), WORLD)
    thoughts.observe(plan.backends[0].name, "", 800, first_after=40.0)
    meter = Meter(plan, WORLD.prices, backends.view(), clock, thoughts)
    charged = []
    for _ in range(3):
        clock.pass_by(20.0)
        charged.append(meter.charge().usage.output_tokens)
    assert charged == [400, 800, 800]


def test_efforts_are_learnt_apart_and_an_unknown_one_counts_as_all_together():
    thoughts = ThoughtHistory()
    for tokens, effort in ((10_000, "high"), (100, "low")) * 4:
        thoughts.observe("o", effort, tokens, first_after=1.0)
    assert thoughts.expected("o", "high") == 10_000
    assert thoughts.expected("o", "low") == 100
    assert 100 < thoughts.expected("o", "medium") < 10_000
    assert thoughts.expected("another") == 0


def test_the_latest_answers_weigh_most_and_answers_without_thoughts_count_too():
    thoughts = ThoughtHistory()
    thoughts.observe("silent", "", 0, first_after=1.0)
    assert not thoughts.thinking
    for tokens in (1_000, *(0,) * 100):
        thoughts.observe("o", "", tokens, first_after=1.0)
    assert thoughts.expected("o") < 10
