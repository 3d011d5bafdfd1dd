"""Detectors at work: within a budget, beside the event loop, and no longer than somebody waits."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from fakes.caller import FakeCaller
from fakes.corridor import CHAT
from fakes.parts import ACME
from fakes.presidio import FakePool

from policies.pii.budget import Budget
from policies.pii.reading import PIECE, PrivateData
from router.ask import Ask
from router.errors import LimitExceeded
from router.pipeline.detectors import AT_ONCE, Detectors, start_detectors
from router.pipeline.second_reading import Bounds, SecondReading
from router.world.config_limits import DetectorSection

MAIL = "Write to jane.doe@example.com."


def asking(text: str) -> Ask:
    caller = FakeCaller.asking(text)
    return CHAT.parse(caller.raw, caller.fields)


@pytest.mark.parametrize("padding", [0, AT_ONCE, 3 * PIECE])
@pytest.mark.parametrize("text", [MAIL, "Good morning."])
async def test_what_is_private_is_found_in_short_and_long_requests(text, padding):
    detectors = Detectors()
    found = await detectors.finding_of(asking("Hm. " * (padding // 4) + text), ACME, "auto")
    assert found is (PrivateData.FOUND if text is MAIL else PrivateData.NOTHING)
    assert detectors.found == {found.name: 1}
    detectors.close()


async def test_beyond_the_bytes_of_the_budget_nothing_is_read_and_all_of_it_counts_as_private():
    detectors = Detectors(Budget(bytes=20_000))
    assert await detectors.finding_of(asking("Hm. " * 6_000), ACME, "auto") is PrivateData.UNREAD
    assert bool(PrivateData.UNREAD)
    detectors.close()


async def test_beyond_the_time_of_the_budget_the_rest_counts_as_private():
    detectors = Detectors(Budget(microseconds=0))
    assert await detectors.finding_of(asking("Hm. " * PIECE), ACME, "auto") is PrivateData.UNREAD
    detectors.close()


class Slow:
    """Texts without end; each waits until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.read = 0

    def __call__(self) -> Iterator[bytes]:
        while True:
            self.begun.release()
            self.go.acquire()
            self.read += 1
            yield b"Hm. " * PIECE


async def test_what_a_limit_has_just_refused_is_not_read_again():
    detectors = Detectors()
    headers = (("retry-after-ms", "900"), ("x-turnout-limit", "organization:requests_per_minute"))
    detectors.refusals.note(ACME, "", "auto", LimitExceeded("No more.", headers=headers))
    with pytest.raises(LimitExceeded):
        await detectors.finding_of(asking("Hm. " * AT_ONCE), ACME, "auto")
    assert detectors.turns.taken == detectors.found.total() == 0
    detectors.close()


async def test_whose_client_left_is_read_no_further_and_keeps_its_turn_until_then():
    detectors, slow = Detectors(threads=1), Slow()
    reading = asyncio.create_task(detectors.beside(slow, "acme"))
    await asyncio.to_thread(slow.begun.acquire)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert detectors.turns.taken == 1  # a client that comes and goes gains nothing by it
    slow.go.release()
    assert await detectors.beside(lambda: [MAIL.encode()], "other") is PrivateData.FOUND
    assert slow.read == 1
    detectors.close()


async def test_one_customers_long_requests_leave_a_thread_to_the_others():
    detectors, slow = Detectors(threads=2), Slow()
    readings = [asyncio.create_task(detectors.beside(slow, "greedy")) for _ in range(8)]
    await asyncio.to_thread(slow.begun.acquire)
    assert await detectors.beside(lambda: [MAIL.encode()], "other") is PrivateData.FOUND
    assert (detectors.turns.taken, detectors.turns.waiting) == (1, 7)
    for reading in readings:
        reading.cancel()
    slow.go.release()
    await asyncio.gather(*readings, return_exceptions=True)
    detectors.close()


async def test_what_patterns_find_nothing_in_is_read_again_and_what_they_find_is_not() -> None:
    pool = FakePool()
    detectors = Detectors(second=SecondReading(pool, Bounds()))
    assert await detectors.finding_of(asking("I am Jane Doe."), ACME, "auto") is PrivateData.FOUND
    assert await detectors.finding_of(asking("Good day."), ACME, "auto") is PrivateData.NOTHING
    assert await detectors.beside(lambda: [b"Jane Doe"], "acme") is PrivateData.FOUND
    assert [text for (text,) in pool.asked] == ["I am Jane Doe.", "Good day.", "Jane Doe"]
    assert await detectors.finding_of(asking(f"Jane Doe: {MAIL}"), ACME, "auto")
    assert await detectors.beside(lambda: [MAIL.encode()], "acme") is PrivateData.FOUND
    assert len(pool.asked) == 3
    assert detectors.found == {"FOUND": 4, "NOTHING": 1}
    headers = (("retry-after-ms", "900"), ("x-turnout-limit", "organization:requests_per_minute"))
    detectors.refusals.note(ACME, "", "auto", LimitExceeded("No more.", headers=headers))
    with pytest.raises(LimitExceeded):
        await detectors.finding_of(asking("I am Jane Doe."), ACME, "auto")
    detectors.close()


async def test_the_operators_section_is_what_the_detectors_work_by():
    section = DetectorSection(bytes="17kB", microseconds=9, threads=3)
    async with AsyncExitStack() as stack:
        detectors = await start_detectors(stack, section, Path())
        found = await detectors.finding_of(asking("Hm. " * 6_000), ACME, "auto")
    assert found is PrivateData.UNREAD
