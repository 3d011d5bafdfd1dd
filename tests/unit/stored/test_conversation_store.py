"""Stored conversations on a real database: in order, once, isolated, sealed, bounded, expiring."""

from itertools import count
from pathlib import Path

import orjson
import pytest
from sqlalchemy import create_engine, text

from router.seal import Seal
from router.stored.conversation import (
    ConversationLocked,
    KnownItem,
    MissingConversation,
    MissingItem,
    NoRoom,
)
from router.stored.conversation_store import LEASE_MS, ConversationStore
from router.stored.response import TooMuch

KEY, NEXT = b"k" * 32, b"n" * 32
MARKER = "kingfisher"
DAY = 86_400_000
METADATA = b'{"topic":"birds"}'
_NUMBERS = count()


@pytest.fixture
def new_store(database, clock):
    made = []

    def make(*, keys=(KEY,), keep_ms=DAY, most_bytes=1_000_000) -> ConversationStore:
        store = ConversationStore(
            database, Seal(keys), keep_ms=keep_ms, most_bytes=most_bytes, now=clock
        )
        store.prepare()
        made.append(store)
        return store

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(new_store):
    return new_store()


def said(name: str, words: str = "hello") -> dict:
    return {"type": "message", "id": name, "role": "user", "content": words}


def made(store, *names: str, organization="acme", words="hello") -> str:
    id_ = f"conv_turnout_{next(_NUMBERS):032x}"
    store.create(organization, id_, METADATA, [said(name, words) for name in names])
    return id_


def names_in(store, id_, organization="acme") -> list[str]:
    items = store.read(organization, id_, most_bytes=99_999).items
    return [orjson.loads(item)["id"] for item in items]


def held(store, id_, holder="one") -> str:
    store.hold("acme", id_, store.read("acme", id_, most_bytes=99_999).version, holder)
    return holder


def incompressible(size: int) -> str:
    return Seal([KEY]).close(b"\0" * (size // 2), b"").hex()


def test_what_was_put_into_it_is_read_in_order_at_every_gateway(new_store, clock):
    clock.now = 1_000_999
    id_ = made(new_store(), "msg_1", "msg_2")
    new_store().add("acme", id_, [said("msg_3"), said("msg_0")])
    assert names_in(new_store(), id_) == ["msg_1", "msg_2", "msg_3", "msg_0"]
    found = new_store().get("acme", id_)
    assert (found.metadata, found.created_at) == (METADATA, 1_000)
    assert orjson.loads(new_store().item("acme", id_, "msg_2")) == said("msg_2")


def test_another_organization_has_no_part_in_it(store):
    id_ = made(store, "msg_1")
    for ask in (
        lambda: store.get("other", id_),
        lambda: store.update("other", id_, b"{}"),
        lambda: store.delete("other", id_),
        lambda: store.page("other", id_, after=None, limit=9, ascending=True),
        lambda: store.item("other", id_, "msg_1"),
        lambda: store.add("other", id_, [said("msg_2")]),
        lambda: store.remove("other", id_, "msg_1"),
        lambda: store.read("other", id_, most_bytes=999),
        lambda: store.hold("other", id_, 0, "one"),
    ):
        with pytest.raises(MissingConversation):
            ask()
    assert not store.append("other", id_, held(store, id_), [said("msg_2")])
    assert store.erase("other") == 0
    assert names_in(store, id_) == ["msg_1"]
    assert store.get("acme", id_).metadata == METADATA


def test_no_word_of_it_stands_in_the_database(store, database, tmp_path):
    id_ = made(store, "msg_1", words=MARKER)
    store.update("acme", id_, orjson.dumps({"topic": MARKER}))
    engine = create_engine(database)
    with engine.connect() as connection:
        rows = [
            *connection.execute(text("select * from stored_conversations")),
            *connection.execute(text("select * from stored_conversation_items")),
        ]
    engine.dispose()
    cells = [cell for row in rows for cell in row]
    assert MARKER not in str([bytes(c) if isinstance(c, memoryview) else c for c in cells])
    for file in Path(tmp_path).glob("turnout.db*"):
        assert MARKER.encode() not in file.read_bytes()


def test_what_no_key_opens_is_not_there(new_store):
    id_ = made(new_store(), "msg_1")
    other = new_store(keys=[NEXT])
    with pytest.raises(MissingConversation):
        other.get("acme", id_)
    assert new_store(keys=[NEXT, KEY]).get("acme", id_)


def test_a_row_that_was_moved_to_another_conversation_does_not_open(store, database):
    id_, other = made(store, "msg_1"), made(store)
    engine = create_engine(database)
    with engine.begin() as connection:
        moved = text("update stored_conversation_items set conversation = :other")
        connection.execute(moved, {"other": other})
    engine.dispose()
    assert names_in(store, other) == names_in(store, id_) == []
    with pytest.raises(MissingItem):
        store.item("acme", other, "msg_1")


class TestPages:
    """Items are listed from either end, behind one of them."""

    def page(self, store, id_, after=None, limit=2, *, ascending=True):
        page = store.page("acme", id_, after=after, limit=limit, ascending=ascending)
        return [orjson.loads(item)["id"] for item in page.items], page.more

    def test_they_go_on_behind_the_last_one(self, store):
        id_ = made(store, "a", "b", "c")
        assert self.page(store, id_) == (["a", "b"], True)
        assert self.page(store, id_, "b") == (["c"], False)
        assert self.page(store, id_, ascending=False) == (["c", "b"], True)
        assert self.page(store, id_, "b", ascending=False) == (["a"], False)
        assert self.page(store, id_, limit=3) == (["a", "b", "c"], False)
        with pytest.raises(MissingItem):
            self.page(store, id_, "d")


def test_an_item_is_erased_and_its_place_is_not_given_again(store):
    id_ = made(store, "a", "b")
    assert store.remove("acme", id_, "b").id == id_
    with pytest.raises(MissingItem):
        store.remove("acme", id_, "b")
    store.add("acme", id_, [said("c")])
    assert names_in(store, id_) == ["a", "c"]


def test_an_item_has_an_id_of_its_own(store):
    id_ = made(store, "a")
    for items in ([said("a")], [said("b"), said("b")]):
        with pytest.raises(KnownItem):
            store.add("acme", id_, items)
    with pytest.raises(KnownItem):
        made(store, "c", "c")
    assert names_in(store, id_) == ["a"]


class TestHolds:
    """Whoever answers in a conversation holds it."""

    def test_what_was_said_is_put_there_once_and_gives_it_back(self, store):
        id_ = made(store, "a")
        holder = held(store, id_)
        assert store.append("acme", id_, holder, [said("b"), said("c")])
        assert not store.append("acme", id_, holder, [said("b"), said("c")])
        assert names_in(store, id_) == ["a", "b", "c"]
        store.add("acme", id_, [said("d")])

    def test_nobody_else_changes_its_items_meanwhile(self, store):
        id_ = made(store, "a")
        holder, version = held(store, id_), store.read("acme", id_, most_bytes=999).version
        for ask in (
            lambda: store.add("acme", id_, [said("x")]),
            lambda: store.remove("acme", id_, "a"),
            lambda: store.hold("acme", id_, version, "two"),
        ):
            with pytest.raises(ConversationLocked):
                ask()
        assert not store.append("acme", id_, "two", [said("x")])
        store.update("acme", id_, b"{}")
        store.release(id_, holder)
        store.add("acme", id_, [said("b")])
        assert names_in(store, id_) == ["a", "b"]

    def test_what_has_changed_since_it_was_read_is_not_held(self, store):
        id_ = made(store, "a")
        version = store.read("acme", id_, most_bytes=999).version
        store.add("acme", id_, [said("b")])
        with pytest.raises(ConversationLocked):
            store.hold("acme", id_, version, "one")

    def test_a_hold_ends_by_itself_unless_it_is_renewed(self, store, clock):
        id_ = made(store, "a")
        holder = held(store, id_)
        clock.now += LEASE_MS - 1
        assert store.renew(id_, holder)
        clock.now += LEASE_MS - 1
        with pytest.raises(ConversationLocked):
            store.add("acme", id_, [said("x")])
        clock.now += 1
        other = held(store, id_, "two")
        assert not store.renew(id_, holder)
        assert not store.release(id_, holder)
        assert not store.append("acme", id_, holder, [said("x")])
        assert store.append("acme", id_, other, [said("b")])
        assert names_in(store, id_) == ["a", "b"]

    def test_an_id_that_is_there_already_is_given_anew(self, store):
        id_ = made(store, "msg_1")
        assert store.append("acme", id_, held(store, id_), [said("msg_1"), said("fc_2")])
        first, again, last = names_in(store, id_)
        assert (first, last) == ("msg_1", "fc_2")
        assert again.startswith("msg_")
        assert again != first

    def test_what_nobody_waits_for_any_more_is_not_put_there(self, store):
        id_ = made(store, "a")
        holder = held(store, id_)
        assert not store.append("acme", id_, holder, [said("b")], lambda: False)
        assert names_in(store, id_) == ["a"]
        assert store.append("acme", id_, holder, [said("b")])

    def test_a_conversation_that_was_deleted_takes_nothing(self, store):
        id_ = made(store, "a")
        holder = held(store, id_)
        store.delete("acme", id_)
        assert not store.append("acme", id_, holder, [said("b")])
        with pytest.raises(MissingConversation):
            store.hold("acme", id_, 0, "two")


def test_it_expires_when_nothing_was_put_into_it_for_long(store, clock):
    id_, other = made(store, "a"), made(store, "a")
    clock.now += DAY - 1
    store.add("acme", id_, [said("b")])
    assert store.sweep() == 0
    clock.now += 1
    with pytest.raises(MissingConversation):
        store.get("acme", other)
    with pytest.raises(MissingConversation):
        store.delete("acme", other)
    assert store.sweep() == 1
    assert names_in(store, id_) == ["a", "b"]


def test_those_that_were_used_last_longest_ago_make_room(new_store, clock):
    store = new_store(most_bytes=10_000)
    foreign = made(store, "a", organization="other", words=incompressible(7_600))
    first = made(store, "a", words=incompressible(7_600))
    clock.now += 1
    second = made(store, "a", words=incompressible(6_000))
    clock.now += 1
    store.add("acme", first, [said("b", "short")])
    clock.now += 1
    made(store, "a", words=incompressible(7_600))
    with pytest.raises(MissingConversation):
        store.get("acme", second)
    assert store.get("acme", first)
    assert store.get("other", foreign)


def test_one_that_has_no_room_at_all_is_refused(new_store):
    store = new_store(most_bytes=2_000)
    with pytest.raises(NoRoom):
        made(store, "a", words=incompressible(9_000))
    id_ = made(store, "a")
    with pytest.raises(NoRoom):
        store.add("acme", id_, [said("b", incompressible(9_000))])
    large = said("b", incompressible(9_000))
    assert not store.append("acme", id_, held(store, id_), [large])
    assert names_in(store, id_) == ["a"]


def test_more_bytes_than_are_wanted_are_refused(store):
    id_ = made(store, "a", "b")
    with pytest.raises(TooMuch):
        store.read("acme", id_, most_bytes=20)


def test_an_organization_is_counted_and_erased_whole(store):
    for _ in range(3):
        made(store, "a", "b")
    foreign = made(store, "a", organization="other")
    totals = store.totals()
    assert totals["acme"][0] == 3
    assert totals["other"][1] > 0
    assert store.erase("acme") == 3
    assert store.erase("acme") == 0
    assert list(store.totals()) == ["other"]
    assert store.get("other", foreign)


def test_bytes_are_those_that_are_there(store, database):
    id_ = made(store, "a", "b")
    store.update("acme", id_, orjson.dumps({"topic": "x" * 300}))
    store.remove("acme", id_, "a")
    store.append("acme", id_, held(store, id_), [said("c")])
    engine = create_engine(database)
    with engine.connect() as connection:
        whole = "select sum(length(content)) from "
        there = [
            connection.execute(text(whole + table)).scalar()
            for table in ("stored_conversations", "stored_conversation_items")
        ]
    engine.dispose()
    assert store.totals()["acme"] == (1, sum(there))
