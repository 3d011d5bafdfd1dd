"""Decisions and opinions on their way into a store."""

import logging

import pytest
from loop_fakes import Ticks, decision

from router.database import DatabaseError
from router.loop.outcome_recorder import MOST_WAITING, PAUSE_SECONDS, OutcomeRecorder
from router.loop.prompt_store import KeptPrompt

PROMPT = KeptPrompt(f"{1:032x}", 1, b'{"messages": []}')


class Kept:
    """Both stores in one, which may be out of order."""

    def __init__(self) -> None:
        self.remembered: list[object] = []
        self.added: list[object] = []
        self.broken = False

    def remember(self, rows) -> None:
        if self.broken:
            raise DatabaseError(OSError("disk full"))
        self.remembered += rows

    def add(self, rows) -> None:
        self.added += rows


async def test_what_was_added_is_stored_once_by_the_next_flush():
    store = Kept()
    recorder = OutcomeRecorder(store)
    recorder.add(decision(1))
    recorder.judge(decision(1), 0.25, source="verifier", by="cascade")
    await recorder.flush()
    await recorder.flush()
    assert store.remembered == [decision(1)]
    [outcome] = store.added
    assert (outcome.score, outcome.source, outcome.by) == (0.25, "verifier", "cascade")
    assert (outcome.z, outcome.predicted) == (decision(1).z, decision(1).predicted)


async def test_everything_is_stored_once_a_pause_and_at_the_end():
    store, ticks = Kept(), Ticks()
    recorder = OutcomeRecorder(store, sleep=ticks)
    recorder.start()
    recorder.add(decision(1))
    await ticks.pass_once()
    assert store.remembered == [decision(1)]
    recorder.add(decision(2))
    await recorder.close()
    assert store.remembered == [decision(1), decision(2)]
    assert set(ticks.asked) == {PAUSE_SECONDS}


async def test_prompts_are_kept_only_where_there_is_a_store_for_them():
    prompts = Kept()
    recorder = OutcomeRecorder(Kept(), prompts)
    assert recorder.keeps_prompts
    assert not OutcomeRecorder(Kept()).keeps_prompts
    recorder.add(decision(1))
    recorder.add_prompt(PROMPT)
    await recorder.flush()
    assert prompts.remembered == [PROMPT]


async def test_what_cannot_be_stored_is_counted_as_lost_and_disturbs_nobody(caplog):
    store = Kept()
    store.broken = True
    recorder = OutcomeRecorder(store)
    recorder.add(decision(1))
    recorder.judge(decision(1), 1.0, source="audit", by="judge")
    with caplog.at_level(logging.ERROR):
        await recorder.flush()
    assert recorder.lost == 2
    assert "could not be stored" in caplog.text
    store.broken = False
    recorder.add(decision(2))
    await recorder.flush()
    assert store.remembered == [decision(2)]


@pytest.mark.parametrize("more", [0, 1])
async def test_a_store_that_cannot_keep_up_costs_the_oldest_and_never_the_memory(more):
    store = Kept()
    recorder = OutcomeRecorder(store)
    for number in range(MOST_WAITING + more):
        recorder.add(decision(number))
    await recorder.flush()
    assert recorder.lost == MOST_WAITING * more
    assert len(store.remembered) == (more or MOST_WAITING)
