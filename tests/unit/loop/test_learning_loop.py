"""When the learner works."""

import logging
from threading import get_ident

import pytest
from loop_fakes import Ticks

from router.loop.learning_loop import LOOK_SECONDS, REFIT_SECONDS, LearningLoop


class Work:
    """Notes what it is told to do."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.threads: set[int] = set()
        self.stored: int | None = 1
        self.broken = False

    def version(self) -> int | None:
        return self.stored

    def put_in_force(self) -> bool:
        self._note("put in force")
        if self.broken:
            raise ValueError("no usable card")
        return True

    def measure_drift(self) -> None:
        self._note("measure drift")

    def refit_what_is_due(self) -> None:
        self._note("refit")

    def _note(self, what: str) -> None:
        self.done.append(what)
        self.threads.add(get_ident())


class Looks:
    """A loop over Work, look by look, on a clock that the test sets."""

    def __init__(self) -> None:
        self.work, self.ticks, self.now = Work(), Ticks(), 0.0
        self.loop = LearningLoop(self.work, sleep=self.ticks, clock=lambda: self.now)

    async def look(self) -> list[str]:
        """What one look does."""
        self.work.done.clear()
        await self.ticks.pass_once()
        return list(self.work.done)


@pytest.fixture
async def looks():
    made = Looks()
    await made.loop.start()
    yield made
    await made.loop.close()


async def test_the_active_cards_are_in_force_before_anything_is_served(looks):
    assert looks.work.done == ["put in force"]


async def test_cards_are_loaded_only_when_something_was_stored(looks):
    await looks.look()
    assert await looks.look() == []
    looks.work.stored = 2
    assert await looks.look() == ["put in force"]
    assert await looks.look() == []


async def test_where_changes_cannot_be_told_every_look_loads(looks):
    looks.work.stored = None
    await looks.look()
    assert await looks.look() == ["put in force"]


async def test_drift_is_measured_and_cards_are_refitted_once_a_minute(looks):
    assert (await looks.look())[-2:] == ["measure drift", "refit"]
    looks.now = REFIT_SECONDS - 1
    assert await looks.look() == []
    looks.now = REFIT_SECONDS
    assert await looks.look() == ["measure drift", "refit"]
    assert set(looks.ticks.asked) == {LOOK_SECONDS}


async def test_a_look_that_fails_is_logged_and_the_next_one_tries_again(looks, caplog):
    looks.work.broken, looks.work.stored = True, 2
    with caplog.at_level(logging.ERROR):
        await looks.look()
    assert "the cards in force stay" in caplog.text
    looks.work.broken = False
    assert "put in force" in await looks.look()


async def test_the_work_is_done_off_the_event_loop(looks):
    await looks.look()
    assert get_ident() not in looks.work.threads
