"""What is told of a response that is worked on: numbered, held until it is stored and longer."""

import asyncio

from router.pipeline.event_log import EventLog
from router.stored.run import Chunk


def filled(*events: bytes, most_held: int = 1_000) -> EventLog:
    log = EventLog(most_held)
    log.add(events)
    return log


def test_what_is_not_stored_waits_as_one_chunk():
    log = filled(b"a", b"b")
    assert log.chunk() == Chunk(0, 1, b"ab")
    log.add([b"c"])
    assert log.waiting == 3
    log.stored(Chunk(0, 1, b"ab"))
    assert log.chunk() == Chunk(2, 2, b"c")
    log.stored(Chunk(2, 2, b"c"))
    assert log.chunk() is None
    assert log.waiting == 0


def test_events_are_read_behind_a_number():
    log = filled(b"a", b"b", b"c")
    assert log.since(-1) == [b"a", b"b", b"c"]
    assert log.since(1) == [b"c"]
    assert log.since(2) == log.since(9) == []


def test_what_is_stored_is_held_up_to_a_bound_and_nothing_else_is_forgotten():
    log = filled(b"aa", b"bb", most_held=3)
    assert log.since(-1) is not None
    log.stored(Chunk(0, 1, b"aabb"))
    assert log.since(-1) is None
    assert log.since(0) == [b"bb"]
    log.add([b"x" * 100])
    assert log.since(0) == [b"bb", b"x" * 100]
    assert len(log) == 3


async def test_a_follower_wakes_at_news_and_at_the_end_and_after_its_patience():
    log = filled()
    assert not await log.news(0.0)
    for happens in (lambda: log.add([b"a"]), log.close):
        waiting = asyncio.create_task(log.news(60.0))
        await asyncio.sleep(0)
        happens()
        assert await waiting
    assert log.closed
