"""Lines of requests that wait until a limit on a rate frees up."""

import asyncio

import pytest

from router.pipeline.waiting_lines import Lines

ACME, OTHER = ("acme", "key_1"), ("acme", "key_2")
pytestmark = pytest.mark.virtual_time


async def standing(lines: Lines, served: list[int], number: int, held: float = 1.0) -> None:
    async with lines.turn(ACME, 60):
        served.append(number)
        await asyncio.sleep(held)


async def test_who_came_first_is_first_and_one_is_at_a_time() -> None:
    lines, served = Lines(), list[int]()
    waiting = [asyncio.create_task(standing(lines, served, number)) for number in range(4)]
    await asyncio.sleep(1.5)
    assert (served, lines.waiting(ACME)) == ([0, 1], 3)
    await asyncio.gather(*waiting)
    assert (served, lines.waiting(ACME)) == ([0, 1, 2, 3], 0)


async def test_another_key_waits_for_nobody_of_the_first() -> None:
    lines = Lines()
    async with lines.turn(ACME, 60), lines.turn(OTHER, 0):
        assert (lines.waiting(ACME), lines.waiting(OTHER)) == (1, 1)


async def test_who_gives_up_holds_up_nobody() -> None:
    lines, served = Lines(), list[int]()
    waiting = [asyncio.create_task(standing(lines, served, number)) for number in range(4)]
    await asyncio.sleep(0.5)
    for gone in (1, 0):
        waiting[gone].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert (served, lines.waiting(ACME)) == ([0, 2, 3], 0)


async def test_who_is_not_first_in_time_is_told() -> None:
    lines = Lines()
    async with lines.turn(ACME, 60):
        with pytest.raises(TimeoutError):
            async with lines.turn(ACME, 5):
                raise AssertionError("was first")
        assert lines.waiting(ACME) == 1
