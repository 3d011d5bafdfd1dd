"""The threads of a database are shared out: who asks for much waits for itself alone."""

import asyncio
from threading import Event, Semaphore

import pytest

from router.stored.fair_threads import OURS, FairThreads


class Hanging:
    """Calls that hang until they are let go; `began` are those that did, in order."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.is_there = Semaphore(0)
        self.let_go = Event()

    def call(self, name: str) -> str:
        self.began.append(name)
        self.is_there.release()
        self.let_go.wait()
        return name


@pytest.fixture
def threads():
    made = FairThreads(4, "tried")
    yield made
    made.close()


async def until_there(hanging: Hanging, times: int) -> None:
    for _ in range(times):
        await asyncio.to_thread(hanging.is_there.acquire)


async def test_a_flood_of_one_customer_leaves_threads_to_another(threads: FairThreads):
    hanging = Hanging()
    flood = [
        asyncio.create_task(threads.run("loud", lambda: hanging.call("loud"))) for _ in range(50)
    ]
    await until_there(hanging, 2)
    assert await threads.run("quiet", lambda: "at once") == "at once"
    assert await threads.run(OURS, lambda: "ours") == "ours"
    assert hanging.began == ["loud", "loud"]
    hanging.let_go.set()
    assert len(await asyncio.gather(*flood)) == 50


async def test_customers_take_turns_where_all_threads_are_taken(threads: FairThreads):
    hanging = Hanging()
    holding = [
        asyncio.create_task(threads.run(name, lambda: hanging.call("first")))
        for name in ("a", "a", "b", "b")
    ]
    await until_there(hanging, 4)
    order: list[str] = []
    waiting = [
        asyncio.create_task(threads.run(name, lambda name=name: order.append(name)))
        for name in ("loud", "loud", "loud", "quiet", OURS)
    ]
    await asyncio.sleep(0)
    hanging.let_go.set()
    await asyncio.gather(*holding, *waiting)
    assert order.index(OURS) < 3
    assert order.index("quiet") < 4
    assert sorted(order) == sorted(["loud", "loud", "loud", "quiet", OURS])


async def test_what_is_no_longer_waited_for_never_begins_and_takes_no_turn(threads: FairThreads):
    hanging = Hanging()
    holding = [
        asyncio.create_task(threads.run("a", lambda: hanging.call("first"))) for _ in range(2)
    ]
    await until_there(hanging, 2)
    given_up = asyncio.create_task(threads.run("a", lambda: hanging.call("given up")))
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    hanging.let_go.set()
    await asyncio.gather(*holding)
    assert await threads.run("a", lambda: "free again") == "free again"
    assert hanging.began == ["first", "first"]


async def test_a_call_that_fails_gives_its_thread_back(threads: FairThreads):
    def fails() -> None:
        raise ValueError("no")

    for _ in range(9):
        with pytest.raises(ValueError, match="no"):
            await threads.run("a", fails)
    assert await threads.run("a", lambda: 1) == 1
