"""The room for bodies on their way: what a customer may take, who waits, who is sent away."""

import asyncio

import pytest

from router.api.body_room import MOST_WAITING, SECONDS_PER_BYTE, Berth, BodyRoom
from router.errors import LimitExceeded, Overloaded

RANKS = {"high": 0, "low": 2}
MB = 1_000_000


def room(total: int = 100, wait: float = 60.0) -> BodyRoom:
    """Room for credentials that are names; those of `RANKS` begin with their tier."""

    def who(credential: bytes | None) -> tuple[int, str]:
        name = (credential or b"").decode()
        return RANKS.get(name.partition("-")[0], 1), name

    return BodyRoom(total, wait, who)


class Request:
    """A request of a customer that wants room: its task lasts until `end`."""

    def __init__(self, room: BodyRoom, customer: str, size: int) -> None:
        self.berth: Berth | None = None
        self.over = asyncio.Event()
        self.task = asyncio.create_task(self._run(room, customer, size))

    async def _run(self, room: BodyRoom, customer: str, size: int) -> None:
        self.berth = await room.enter(customer.encode(), size)
        await self.over.wait()

    async def end(self) -> None:
        self.over.set()
        await self.task
        await settled()


async def settled() -> None:
    """Let every task run as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def asked(room: BodyRoom, customer: str, size: int) -> Request:
    request = Request(room, customer, size)
    await settled()
    return request


async def test_room_comes_back_when_its_request_is_over_however_it_ends() -> None:
    given = room()
    first, second = await asked(given, "a", 30), await asked(given, "b", 30)
    assert given.held == 60
    second.task.cancel()
    await settled()
    assert given.held == 30
    await first.end()
    assert given.held == 0


async def test_a_body_that_was_smaller_than_it_might_be_gives_back_the_rest() -> None:
    given = room()
    request = await asked(given, "a", 80)
    assert request.berth is not None
    request.berth.resize(10)
    assert given.held == 10
    await request.end()
    assert given.held == 0


async def test_one_customer_takes_half_of_the_room_and_another_finds_some() -> None:
    given = room()
    loud = [await asked(given, "loud", 10) for _ in range(10)]
    assert sum(request.berth is not None for request in loud) == 5
    quiet = await asked(given, "quiet", 40)
    assert quiet.berth is not None
    for request in (*loud, quiet):
        request.task.cancel()
    await settled()
    assert given.held == given.waiting == 0


async def test_who_waits_is_let_in_by_priority_then_each_customer_in_its_turn() -> None:
    given = room()
    first = [await asked(given, name, 45) for name in ("x", "y")]
    asking = ("loud", "loud", "low-a", "quiet", "high-a")
    waiting = {n: await asked(given, name, 45) for n, name in enumerate(asking)}
    order = []
    for running in (*first, *[None] * 3):
        if running is not None:
            await running.end()
        else:
            await waiting[order[0 if len(order) < 3 else len(order) - 2]].end()
        order += [n for n, one in waiting.items() if one.berth is not None and n not in order]
    assert [asking[n] for n in order] == ["high-a", "loud", "quiet", "loud", "low-a"]
    for request in waiting.values():
        request.over.set()
    await settled()
    assert given.held == 0


async def test_a_large_body_is_not_overtaken_for_ever() -> None:
    given = room()
    first, second = await asked(given, "a", 40), await asked(given, "b", 20)
    large, small = await asked(given, "c", 90), await asked(given, "d", 10)
    assert large.berth is small.berth is None
    await first.end()
    assert small.berth is None
    await second.end()
    assert large.berth is not None
    assert small.berth is not None
    await large.end()
    await small.end()


@pytest.mark.virtual_time
async def test_who_waited_in_vain_is_told_whether_it_was_its_own_share() -> None:
    given = room(wait=5.0)
    held = [await asked(given, "a", 50), await asked(given, "b", 40)]
    with pytest.raises(LimitExceeded) as own:
        await given.enter(b"a", 20)
    with pytest.raises(Overloaded) as full:
        await given.enter(b"c", 20)
    assert dict(own.value.headers)["retry-after"] == dict(full.value.headers)["retry-after"] == "1"
    assert given.refused == {"share": 1, "room": 1}
    for request in held:
        await request.end()
    assert given.held == given.waiting == 0


async def test_a_body_larger_than_all_of_the_room_goes_alone() -> None:
    given = room(10)
    request = await asked(given, "a", 50)
    assert request.berth is not None
    other = await asked(given, "b", 1)
    assert other.berth is None
    await request.end()
    assert other.berth is not None
    await other.end()


@pytest.mark.virtual_time
async def test_large_bodies_are_read_one_by_one_with_a_rest_behind_each() -> None:
    given = room()
    loop = asyncio.get_running_loop()
    began, read = loop.time(), []

    async def reads(customer: str) -> None:
        await given.turn(customer.encode(), 10 * MB)
        read.append((customer, round((loop.time() - began) / (10 * MB * SECONDS_PER_BYTE))))

    await asyncio.gather(*(reads(name) for name in ("loud", "loud", "loud", "loud", "quiet")))
    assert read == [("loud", 0), ("loud", 1), ("quiet", 2), ("loud", 3), ("loud", 4)]
    assert given.waiting == 0


@pytest.mark.virtual_time
async def test_a_turn_whose_client_left_is_nobodys() -> None:
    given = room()
    await given.turn(b"a", 10 * MB)
    left, stays = (asyncio.ensure_future(given.turn(b"a", 10 * MB)) for _ in range(2))
    left.cancel()
    await stays
    assert given.waiting == 0


async def test_in_a_full_line_the_newest_of_the_greediest_customer_makes_room() -> None:
    given = room()
    first = await asked(given, "x", 100)
    loud = [await asked(given, "loud", 1) for _ in range(MOST_WAITING)]
    quiet = await asked(given, "quiet", 1)
    refused = [request for request in loud if request.task.done()]
    assert refused == [loud[-1]]
    with pytest.raises(Overloaded):
        await refused[0].task
    with pytest.raises(Overloaded):
        await given.enter(b"loud", 1)
    assert given.waiting == MOST_WAITING
    await first.end()
    assert quiet.berth is not None
    for request in (*loud, quiet):
        request.task.cancel()
    await settled()
    assert given.held == given.waiting == 0


async def test_what_is_needed_beyond_the_room_is_taken_and_holds_up_who_comes_next() -> None:
    given = room()
    large = await asked(given, "a", 50)
    assert large.berth is not None
    large.berth.resize(150)
    next_ = await asked(given, "b", 1)
    assert (given.held, next_.berth) == (150, None)
    large.berth.resize(20)
    await settled()
    assert (given.held, next_.berth is not None) == (21, True)
    await large.end()
    await next_.end()
    assert given.held == 0
