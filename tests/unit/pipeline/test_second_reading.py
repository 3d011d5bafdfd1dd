"""The second reading: in turns, within its bounds, and what is not read counts as private."""

import asyncio

import pytest
from fakes.presidio import FakePool

from policies.pii.reading import PrivateData
from router.errors import LimitExceeded
from router.pipeline.second_reading import METERS, SHUNNED_SECONDS, WAITING, Bounds, SecondReading
from router.presidio.process import NotRead
from router.presidio.sentences import PIECE

NAMED = b'{"messages": [{"role": "user", "content": "I am Jane Doe."}]}'
PLAIN = b'{"messages": [{"role": "user", "content": "Good morning."}]}'
LONG = b'{"a": "' + b"Good morning. " * 1_000 + b'"}'
BOUNDS = Bounds()
pytestmark = pytest.mark.virtual_time


def reading(pool: FakePool, bounds: Bounds = BOUNDS, **more: int) -> SecondReading:
    return SecondReading(pool, bounds, **more)


async def find(second: SecondReading, body: bytes, customer: str = "acme") -> PrivateData:
    return await second.finding(lambda: [body], customer, 0, len(body))


async def held(second: SecondReading, body: bytes, customer: str) -> asyncio.Task[PrivateData]:
    """A request of which a piece is being read, or that waits."""
    task = asyncio.create_task(find(second, body, customer))
    await asyncio.sleep(0)
    return task


async def test_a_name_is_found_and_what_holds_none_is_not_private() -> None:
    second = reading(FakePool())
    assert await find(second, NAMED) is PrivateData.FOUND
    assert await find(second, PLAIN) is PrivateData.NOTHING
    assert await find(second, b'{"model": "auto", "n": 1}') is PrivateData.NOTHING
    assert second.found == {"FOUND": 1, "NOTHING": 2}


async def test_what_is_beyond_its_bytes_costs_no_time_and_counts_as_private() -> None:
    pool = FakePool()
    second = reading(pool, Bounds(bytes=1_000))
    assert await find(second, LONG) is PrivateData.UNREAD
    assert await find(second, b"[" + b"1," * 200_000 + b"1]") is PrivateData.UNREAD
    assert pool.asked == []
    assert await find(second, NAMED) is PrivateData.FOUND


async def test_a_text_is_read_no_further_than_the_first_find() -> None:
    pool = FakePool()
    assert await find(reading(pool), b'{"a": "Jane Doe ' + b"said so. " * 4_000 + b'"}')
    assert len(pool.asked) == 1


async def test_beyond_its_time_it_counts_as_private_and_its_turn_lasts_as_long_as_its_piece() -> (
    None
):
    pool = FakePool()
    pool.held = asyncio.Event()
    second = reading(pool, Bounds(seconds=2, wait=60))
    assert await find(second, LONG) is PrivateData.UNREAD
    assert asyncio.get_running_loop().time() == pytest.approx(2)
    assert second.turns.taken == 1
    other = await held(second, NAMED, "other")
    assert second.turns.waiting == 1
    pool.held.set()
    assert await other is PrivateData.FOUND
    assert len(pool.asked) == 2  # of the first nothing more was read


async def test_whose_client_left_is_read_no_further() -> None:
    pool = FakePool()
    pool.held = asyncio.Event()
    second = reading(pool)
    gone = await held(second, LONG, "acme")
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert second.turns.taken == 1
    pool.held.set()
    assert await find(second, PLAIN, "other") is PrivateData.NOTHING
    assert len(pool.asked) == 2


async def test_who_waits_too_long_for_a_turn_counts_as_private() -> None:
    pool = FakePool()
    pool.held = asyncio.Event()
    second = reading(pool, Bounds(seconds=60, wait=5))
    first = await held(second, PLAIN, "acme")
    assert await find(second, PLAIN, "other") is PrivateData.UNREAD
    assert asyncio.get_running_loop().time() == pytest.approx(5)
    pool.held.set()
    assert await first is PrivateData.NOTHING


async def test_who_sends_much_waits_behind_itself_and_is_refused_in_the_end() -> None:
    pool = FakePool()
    pool.held = asyncio.Event()
    second = reading(pool, Bounds(seconds=600, wait=600))
    greedy = [await held(second, PLAIN, "greedy") for _ in range(1 + WAITING)]
    with pytest.raises(LimitExceeded):
        await find(second, PLAIN, "greedy")
    other = await held(second, NAMED, "other")
    pool.held.set()
    done, waiting = await asyncio.wait([*greedy, other], return_when=asyncio.FIRST_COMPLETED)
    while other not in done:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert len(waiting) >= WAITING - 2
    await asyncio.gather(*waiting)


async def test_of_whom_a_process_died_is_read_nothing_for_a_minute_and_others_are() -> None:
    pool = FakePool()
    second = reading(pool)
    assert await find(second, b'{"a": "[die]"}') is PrivateData.UNREAD
    assert await find(second, PLAIN) is PrivateData.UNREAD
    assert await find(second, PLAIN, "other") is PrivateData.NOTHING
    assert len(pool.asked) == 2
    await asyncio.sleep(SHUNNED_SECONDS)
    assert await find(second, PLAIN) is PrivateData.NOTHING


async def test_what_it_could_not_read_counts_as_private_and_costs_nobody_else() -> None:
    second = reading(FakePool())
    assert await find(second, b'{"a": "[raise]"}') is PrivateData.UNREAD
    assert await find(second, PLAIN) is PrivateData.NOTHING


async def test_a_gpu_is_given_many_pieces_at_once() -> None:
    pool = FakePool()
    second = reading(pool, together=16)
    assert await find(second, b'{"a": "' + b"Hm. " * 8 * PIECE + b'"}') is PrivateData.NOTHING
    assert len(pool.asked[0]) == 16


async def test_spans_of_many_texts_are_read_in_one_turn_and_stand_where_they_are() -> None:
    pool = FakePool()
    second = reading(pool)
    long = "Well. " * PIECE + "It was Jane Doe, said Jane Doe."
    texts = ["user", "Jane Doe", "Good day.", long, "I am Jane Doe."]
    finder = await second.spans(texts, "acme")
    at = [len(long) - 24, len(long) - 9]
    assert finder.find(long) == [(each, each + 8, "person") for each in at]
    assert [finder.find(text) for text in texts[:3]] == [(), [(0, 8, "person")], []]
    assert finder.find("I am Jane Doe.") == [(5, 13, "person")]
    assert len(pool.asked) == 8
    with pytest.raises(NotRead):
        finder.find("Another.")
    with pytest.raises(NotRead):
        await second.spans([long] * 9, "acme")
    with pytest.raises(NotRead):
        await second.spans(["[raise]"], "acme")


async def test_meters_say_who_is_read_what_came_of_it_and_how_many_died() -> None:
    second = reading(FakePool())
    await find(second, NAMED)
    told = {metric.name: read(second) for metric, read in METERS}
    assert told == {
        "turnout_presidio": {("reading",): 0, ("waiting",): 0, ("up",): 1},
        "turnout_presidio_detections": {("found",): 1},
        "turnout_presidio_deaths": {(): 0},
    }
    await second.close()
    assert second.pool.living == 0
