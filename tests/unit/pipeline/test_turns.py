"""Turns at something scarce: fair over customers, bounded, and given back whatever happens."""

import asyncio
from asyncio import Task

import pytest

from router.errors import LimitExceeded
from router.pipeline.turns import Places


async def waits(turns: Places, customer: str, order: list[str]) -> Task[None]:
    """A task that waits for a turn and notes its customer when it has it."""

    async def take() -> None:
        await turns.take(customer)
        order.append(customer)

    task = asyncio.create_task(take())
    await asyncio.sleep(0)
    return task


async def test_a_customer_that_asks_much_waits_behind_itself() -> None:
    turns, order = Places(1, 1, 9), list[str]()
    tasks = [await waits(turns, name, order) for name in (*"aaaa", "b", "c")]
    for _ in range(5):
        turns.give_back(order[-1])
        await asyncio.sleep(0)
    assert order == ["a", "a", "b", "c", "a", "a"]
    await asyncio.gather(*tasks)


async def test_a_turn_that_is_free_is_taken_at_once_and_no_customer_has_two() -> None:
    turns, order = Places(4, 1, 9), list[str]()
    await turns.take("a")
    second = await waits(turns, "a", order)
    assert (turns.taken, turns.waiting, order) == (1, 1, [])
    turns.give_back("a")
    await second
    assert (turns.taken, turns.waiting) == (1, 0)


async def test_of_one_customer_no_more_than_so_many_wait_and_others_are_not_refused() -> None:
    turns, order = Places(1, 1, 2), list[str]()
    await turns.take("a")
    tasks = [await waits(turns, name, order) for name in "aab"]
    with pytest.raises(LimitExceeded) as refused:
        await turns.take("a")
    assert ("retry-after", "1") in refused.value.headers
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (turns.taken, turns.waiting) == (1, 0)


async def test_who_leaves_while_it_waits_gives_its_place_up() -> None:
    turns, order = Places(1, 1, 9), list[str]()
    await turns.take("a")
    gone, next_ = await waits(turns, "b", order), await waits(turns, "c", order)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    turns.give_back("a")
    await next_
    assert order == ["c"]


async def test_who_leaves_just_as_its_turn_comes_gives_the_turn_back() -> None:
    turns, order = Places(1, 1, 9), list[str]()
    await turns.take("a")
    gone = await waits(turns, "b", order)
    turns.give_back("a")
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert (turns.taken, turns.waiting) == (0, 0)


async def test_a_higher_tier_goes_first_and_a_long_request_pays_with_its_place() -> None:
    turns, order = Places(1, 1, 9), list[str]()
    await turns.take("x")

    async def take(customer: str, rank: int, cost: int) -> None:
        await turns.take(customer, rank, cost)
        order.append(customer)

    asked = [("low", 2, 1), ("long", 1, 9), ("long", 1, 1), ("short", 1, 1), ("short", 1, 1)]
    tasks = [asyncio.create_task(take(*one)) for one in [*asked, ("high", 0, 1)]]
    await asyncio.sleep(0)
    turns.give_back("x")
    for number in range(6):
        await asyncio.sleep(0)
        turns.give_back(order[number])
    assert order == ["high", "low", "long", "short", "short", "long"]  # the long one costs more
    await asyncio.gather(*tasks)
