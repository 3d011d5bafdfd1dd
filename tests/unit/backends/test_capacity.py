"""Scarce slots: who runs, who waits, who is sent away."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.backends.backend import Capacity
from router.backends.health.slots import (
    Full,
    Priority,
    Slot,
    SlotQueue,
    cost_elsewhere,
    shadow_price,
)

HIGH, NORMAL, LOW = Priority(0), Priority(1), Priority(2)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def waiting(queue: SlotQueue, priority: Priority) -> asyncio.Task[Slot]:
    return asyncio.ensure_future(queue.enter(priority))


async def settled() -> None:
    """Let every task run as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_as_many_run_as_there_are_slots() -> None:
    queue = SlotQueue(Capacity(concurrency=2))
    for _ in range(2):
        assert (await queue.enter(NORMAL)).position == 0
    assert queue.load == 1.0
    with pytest.raises(Full, match="full queue"):
        await queue.enter(NORMAL)


async def test_a_free_slot_goes_to_the_highest_priority_then_to_the_first_come() -> None:
    queue = SlotQueue(Capacity(concurrency=1, queue=5, max_wait=60))
    slot = await queue.enter(NORMAL)
    priorities = {"low": LOW, "normal 1": NORMAL, "normal 2": NORMAL, "high": HIGH}
    tasks = {name: waiting(queue, priority) for name, priority in priorities.items()}
    await settled()
    order = []
    for _ in range(4):
        queue.leave(slot)
        await settled()
        name = next(name for name, task in tasks.items() if task.done() and name not in order)
        order.append(name)
        slot = tasks[name].result()
    assert order == ["high", "normal 1", "normal 2", "low"]


async def test_a_full_queue_sends_away_whoever_holds_most_by_the_weight_of_its_priority() -> None:
    queue = SlotQueue(Capacity(concurrency=1, queue=2, max_wait=60))
    await queue.enter(NORMAL)
    first, second = waiting(queue, LOW), waiting(queue, LOW)
    await settled()
    third = waiting(queue, HIGH)
    await settled()
    with pytest.raises(Full, match="holds fewer"):
        second.result()
    assert not first.done()
    assert queue.queued == 2
    for task in (first, third):
        task.cancel()
    await asyncio.gather(first, third, return_exceptions=True)
    assert queue.queued == 0


async def test_whoever_waits_too_long_is_told_so() -> None:
    queue = SlotQueue(Capacity(concurrency=1, queue=1, max_wait=0.01))
    slot = await queue.enter(NORMAL)
    with pytest.raises(Full, match=r"0\.01 s"):
        await queue.enter(NORMAL)
    queue.leave(slot)
    assert (queue.in_use, queue.queued) == (0, 0)


async def test_position_and_wait_are_told() -> None:
    clock = Clock()
    queue = SlotQueue(Capacity(concurrency=1, queue=5, max_wait=60), clock)
    slot = await queue.enter(NORMAL)
    first, second = waiting(queue, NORMAL), waiting(queue, NORMAL)
    await settled()
    clock.now = 3.0
    assert queue.wait_ms == 0  # nothing is known yet of how long a request takes
    queue.leave(slot)
    await settled()
    assert (first.result().position, first.result().waited) == (1, 3.0)
    assert queue.wait_ms == 6000
    clock.now = 4.0
    queue.leave(first.result())
    await settled()
    assert (second.result().position, second.result().waited) == (2, 4.0)


async def test_a_guaranteed_share_stays_free_for_its_tier() -> None:
    queue = SlotQueue(Capacity(concurrency=5, guaranteed={"enterprise": 0.4}))
    others = [await queue.enter(Priority(1, "free")) for _ in range(3)]
    with pytest.raises(Full):
        await queue.enter(Priority(1, "free"))
    kept = [await queue.enter(Priority(0, "enterprise")) for _ in range(2)]
    for slot in (*others, *kept):
        queue.leave(slot)
    assert queue.in_use == 0


@given(st.lists(st.tuples(st.sampled_from(["in", "out", "cancel"]), st.integers(0, 2))))
def test_slots_are_neither_lost_nor_made(steps: list[tuple[str, int]]) -> None:
    async def play() -> None:
        queue = SlotQueue(Capacity(concurrency=2, queue=3, max_wait=60))
        tasks: list[asyncio.Task[Slot]] = []
        held: list[Slot] = []
        for step, rank in steps:
            if step == "in":
                tasks.append(waiting(queue, Priority(rank)))
            elif step == "out" and held:
                queue.leave(held.pop(0))
            elif step == "cancel" and tasks:
                tasks[rank % len(tasks)].cancel()
            await settled()
            for task in [task for task in tasks if task.done()]:
                tasks.remove(task)
                if not task.cancelled() and task.exception() is None:
                    held.append(task.result())
            assert queue.in_use == len(held) <= 2
            assert queue.queued == len(tasks) <= 3
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for slot in held:
            queue.leave(slot)
        assert (queue.in_use, queue.queued) == (0, 0)

    asyncio.run(play())


@pytest.mark.parametrize("load", [0.0, 0.3, 0.5])
def test_an_idle_backend_has_no_shadow_price(load: float) -> None:
    assert shadow_price(load, 1000) == 0


def test_the_shadow_price_rises_to_three_times_the_cost_elsewhere_and_on_with_a_queue() -> None:
    assert shadow_price(0.75, 1000) == 750
    assert shadow_price(1.0, 1000) == 3000
    assert shadow_price(1.5, 1000) == 4500
    assert shadow_price(9.0, 1000) == 6000


@given(st.floats(0, 5), st.floats(0, 5), st.integers(0, 10**12))
def test_the_shadow_price_never_falls_as_load_rises(a: float, b: float, elsewhere: int) -> None:
    low, high = sorted((a, b))
    assert shadow_price(low, elsewhere) <= shadow_price(high, elsewhere)


def test_leaving_costs_what_the_next_dearer_backend_costs() -> None:
    costs = {"local": 10, "moe": 100, "premium": 900}
    assert cost_elsewhere(costs, "local") == 100
    assert cost_elsewhere(costs, "moe") == 900
    assert cost_elsewhere(costs, "premium") == 100
    assert cost_elsewhere({"only": 5}, "only") == 0


async def test_a_flood_of_one_customer_lets_each_other_one_have_its_turn() -> None:
    queue = SlotQueue(Capacity(concurrency=1, queue=50, max_wait=60))
    slot = await queue.enter(NORMAL, "loud")
    loud = [asyncio.ensure_future(queue.enter(NORMAL, "loud")) for _ in range(20)]
    await settled()
    quiet = [asyncio.ensure_future(queue.enter(NORMAL, name)) for name in ("a", "b")]
    await settled()
    for _ in range(3):
        queue.leave(slot)
        await settled()
    assert all(task.done() for task in quiet)
    assert sum(task.done() for task in loud) == 1
    for task in loud:
        task.cancel()
    await settled()


async def test_a_queue_that_one_customer_filled_has_room_for_another() -> None:
    queue = SlotQueue(Capacity(concurrency=1, queue=3, max_wait=60))
    await queue.enter(NORMAL, "loud")
    loud = [asyncio.ensure_future(queue.enter(NORMAL, "loud")) for _ in range(3)]
    await settled()
    quiet = asyncio.ensure_future(queue.enter(NORMAL, "quiet"))
    await settled()
    with pytest.raises(Full, match="holds fewer"):
        await loud[2]
    with pytest.raises(Full, match="full queue"):
        await queue.enter(NORMAL, "loud")
    assert not quiet.done()
    for task in (*loud, quiet):
        task.cancel()
    await settled()


@pytest.mark.parametrize("turn", range(4))
async def test_a_full_queue_is_shared_out_and_a_customer_within_its_share_loses_nothing(
    turn: int,
) -> None:
    """A flood of one customer before, between and behind the requests of another."""
    queue = SlotQueue(Capacity(concurrency=2, queue=6, max_wait=60))
    tasks: dict[str, list[asyncio.Task[Slot]]] = {"loud": [], "quiet": []}
    for name in ["loud"] * (turn * 4) + ["quiet", "loud"] * 3 + ["loud"] * 50 + ["quiet"]:
        tasks[name].append(asyncio.ensure_future(queue.enter(NORMAL, name)))
        await settled()
    assert not [task for task in tasks["quiet"] if task.done() and task.exception()]
    assert len(tasks["quiet"]) == 4  # half of all places, and it has them
    lost = [task for task in tasks["loud"] if task.done() and task.exception()]
    assert len(lost) == len(tasks["loud"]) - 4
    for task in (*tasks["loud"], *tasks["quiet"]):
        task.cancel()
    await asyncio.gather(*tasks["loud"], *tasks["quiet"], return_exceptions=True)


async def test_a_flood_of_a_higher_tier_leaves_lower_ones_their_turns_and_their_places() -> None:
    queue = SlotQueue(Capacity(concurrency=1, queue=40, max_wait=60))
    slot = await queue.enter(HIGH, "loud")
    loud = [asyncio.ensure_future(queue.enter(HIGH, "loud")) for _ in range(60)]
    await settled()
    low = asyncio.ensure_future(queue.enter(LOW, "quiet"))
    await settled()
    turns = 0
    while not low.done():
        queue.leave(slot)
        await settled()
        turns += 1
    assert turns == 17  # sixteen of theirs, then its own
    assert not low.exception()
    for task in loud:
        task.cancel()
    await asyncio.gather(*loud, return_exceptions=True)


async def test_who_was_given_up_by_its_client_holds_up_nobody_of_its_customer() -> None:
    queue = SlotQueue(Capacity(concurrency=1, queue=5, max_wait=60))
    slot = await queue.enter(NORMAL, "a")
    gone, next_ = waiting(queue, NORMAL), waiting(queue, NORMAL)
    await settled()
    gone.cancel()
    queue.leave(slot)  # before the task that was cancelled has run
    await settled()
    assert next_.done()
    assert (queue.in_use, queue.queued) == (1, 0)
