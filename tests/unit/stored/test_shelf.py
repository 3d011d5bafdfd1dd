"""The store beside the event loop: within its time, honest about what came of it."""

import asyncio
from threading import Event, Semaphore
from typing import Any

import pytest

from router.database import DatabaseError
from router.errors import Unavailable
from router.stored.opening import open_shelf
from router.stored.response import StoredResponse
from router.stored.shelf import AT_ONCE, SWEEP_SECONDS, Shelf

ONE = StoredResponse("resp_turnout_" + "1" * 32, None, b"{}")
KEY = "A" * 43 + "="


class FakeStore:
    """A database that hangs until it is let go, or fails."""

    def __init__(self, *, hangs: bool = False, fails: bool = False) -> None:
        self.let_go = Event()
        self.began = Semaphore(0)
        self.done = Semaphore(0)
        self.fails = fails
        self.there: list[str] = []
        self.deleted: list[str] = []
        self.swept = 0
        if not hangs:
            self.let_go.set()

    def add(self, _organization: str, response: StoredResponse) -> bool:
        self.began.release()
        self.let_go.wait()
        if self.fails:
            raise DatabaseError(ValueError("away"))
        self.there.append(response.id)
        self.done.release()
        return True

    def get(self, _organization: str, _id: str) -> StoredResponse:
        if self.fails:
            raise DatabaseError(ValueError("away"))
        self.let_go.wait()
        return ONE

    def delete(self, _organization: str, id_: str) -> bool:
        self.deleted.append(id_)
        self.done.release()
        return True

    def sweep(self) -> int:
        self.swept += 1
        if self.fails:
            raise DatabaseError(ValueError("away"))
        return 0

    def close(self) -> None:
        self.let_go.set()


def shelf_over(store: Any, **more: Any) -> Shelf:
    return Shelf(store, **more)


async def test_what_is_stored_is_there_and_what_is_closed_is_gone(database: str) -> None:
    shelf = open_shelf(database, [KEY], keep=60.0, room=10_000)
    assert await shelf.add("acme", ONE)
    assert await shelf.get("acme", ONE.id) == ONE
    assert await shelf.chain("acme", ONE.id, most=1, most_bytes=100) == [ONE]
    assert await shelf.items("acme", ["msg_1"], most_bytes=9) == {}
    assert await shelf.delete("acme", ONE.id)
    await shelf.close()


async def test_a_database_that_fails_stops_nobody_but_those_who_ask() -> None:
    shelf = shelf_over(FakeStore(fails=True))
    assert not await shelf.add("acme", ONE)
    assert shelf.lost == 1
    with pytest.raises(Unavailable):
        await shelf.get("acme", ONE.id)
    await shelf.close()


async def test_what_is_stored_too_late_is_erased_again() -> None:
    store = FakeStore(hangs=True)
    shelf = shelf_over(store, budget=0.001)
    assert not await shelf.add("acme", ONE)
    store.let_go.set()
    for _ in range(2):
        await asyncio.to_thread(store.done.acquire)
    assert store.there == store.deleted == [ONE.id]
    await shelf.close()


async def test_a_database_that_hangs_holds_few_threads_and_what_waited_never_begins() -> None:
    store = FakeStore(hangs=True)
    shelf = shelf_over(store, budget=0.001)
    results = await asyncio.gather(*(shelf.add("acme", ONE) for _ in range(AT_ONCE * 3)))
    assert not any(results)
    store.let_go.set()
    await shelf.close()
    began = 0
    while store.began.acquire(blocking=False):
        began += 1
    assert began <= AT_ONCE


async def test_what_expired_is_swept_again_and_again_whatever_fails() -> None:
    store, pauses, third = FakeStore(fails=True), [], asyncio.Event()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            third.set()
            await asyncio.Event().wait()

    shelf = shelf_over(store, sleep=sleep)
    shelf.start()
    await third.wait()
    await shelf.close()
    assert pauses == [SWEEP_SECONDS] * 3
    assert store.swept == 3
