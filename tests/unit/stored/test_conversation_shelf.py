"""The store of conversations beside the loop: within its time, honest about what came of it."""

import asyncio
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

from router.database import DatabaseError
from router.errors import Unavailable
from router.stored.conversation import MissingConversation
from router.stored.conversation_shelf import ConversationShelf
from router.stored.opening import open_conversation_shelf, open_shelf
from router.stored.shelf import SWEEP_SECONDS, Shelf

KEY = "A" * 43 + "="
ID = "conv_turnout_" + "1" * 32
ITEM = {"type": "message", "id": "msg_1"}


class FakeStore:
    """A database that hangs until it is let go, or fails. `undone`: it was too late."""

    def __init__(self, *, hangs: bool = False, fails: bool = False) -> None:
        self.began, self.let_go, self.over = Event(), Event(), Event()
        self.fails = fails
        self.undone = False
        self.swept = 0
        if not hangs:
            self.let_go.set()

    def append(
        self, _organization: str, _id: str, _holder: str, _items: Any, claim: Callable[[], bool]
    ) -> bool:
        self.began.set()
        self.let_go.wait()
        if self.fails:
            raise DatabaseError(ValueError("away"))
        self.undone = not claim()
        self.over.set()
        return not self.undone

    def release(self, _id: str, _holder: str) -> bool:
        raise DatabaseError(ValueError("away"))

    renew = release

    def sweep(self) -> int:
        self.swept += 1
        if self.fails:
            raise DatabaseError(ValueError("away"))
        return 0

    def close(self) -> None:
        self.let_go.set()


def shelf_over(store: Any, budget: float = 60.0, **more: Any) -> ConversationShelf:
    return ConversationShelf(Shelf(store, budget=budget), store, **more)


async def append(shelf: ConversationShelf) -> bool:
    return await shelf.append("acme", ID, "one", [ITEM])


async def test_what_is_stored_is_there(database: str) -> None:
    responses = open_shelf(database, [KEY], keep=60.0, room=10_000)
    shelf = open_conversation_shelf(database, [KEY], responses, keep=60.0, room=10_000)
    made = await shelf.create("acme", ID, b"{}", [ITEM])
    assert await shelf.get("acme", ID) == made
    await shelf.hold("acme", ID, 0, "one")
    assert await shelf.renew(ID, "one")
    assert await append(shelf)
    reading = await shelf.read("acme", ID, most_bytes=999)
    assert (reading.version, len(reading.items)) == (1, 2)
    assert (await shelf.page("acme", ID, after=None, limit=1, ascending=True)).more
    await shelf.add("acme", ID, [ITEM | {"id": "msg_2"}])
    await shelf.remove("acme", ID, "msg_1")
    assert await shelf.item("acme", ID, "msg_2")
    assert (await shelf.update("acme", ID, b'{"a":"b"}')).metadata == b'{"a":"b"}'
    await shelf.delete("acme", ID)
    with pytest.raises(MissingConversation):
        await shelf.get("acme", ID)
    await shelf.close()
    await responses.close()


async def test_a_database_that_hangs_holds_nobody_up_and_what_is_late_is_undone() -> None:
    store = FakeStore(hangs=True)
    shelf = shelf_over(store, budget=0.05)
    assert not await append(shelf)
    store.let_go.set()
    if store.began.is_set():  # else it never will be
        await asyncio.to_thread(store.over.wait)
        assert store.undone


async def test_an_answer_whose_client_left_is_not_put_there() -> None:
    store = FakeStore(hangs=True)
    task = asyncio.create_task(append(shelf_over(store)))
    await asyncio.to_thread(store.began.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    store.let_go.set()
    await asyncio.to_thread(store.over.wait)
    assert store.undone


async def test_a_database_that_fails_is_told_as_such(caplog: pytest.LogCaptureFixture) -> None:
    shelf = shelf_over(FakeStore(fails=True))
    assert not await append(shelf)
    assert "was not put into its conversation" in caplog.text
    await shelf.release(ID, "one")  # it ends by itself
    with pytest.raises(Unavailable):
        await shelf.renew(ID, "one")


async def test_it_sweeps_as_long_as_it_is_open_whatever_the_database_does() -> None:
    store, slept, twice = FakeStore(fails=True), [], asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            twice.set()
            await asyncio.Event().wait()

    shelf = shelf_over(store, sleep=sleep)
    shelf.start()
    await twice.wait()
    await shelf.close()
    assert store.swept == 2
    assert slept == [SWEEP_SECONDS] * 2
