"""Stored responses on a real database: isolated, sealed, bounded, gone when their time is over."""

import json
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from router.seal import Seal
from router.stored.response import MissingResponse, StoredResponse, TooMuch
from router.stored.store import ResponseStore

KEY, NEXT = b"k" * 32, b"n" * 32
MARKER = "kingfisher"
DAY = 86_400_000


@pytest.fixture
def new_store(database, clock):
    made = []

    def make(*, keys=(KEY,), keep_ms=DAY, most_bytes=1_000_000) -> ResponseStore:
        store = ResponseStore(
            database, Seal(keys), keep_ms=keep_ms, most_bytes=most_bytes, now=clock
        )
        store.prepare()
        made.append(store)
        return store

    yield make
    for store in made:
        store.close()


_NUMBERS = count()


def response(previous=None, words="hello", items=()) -> StoredResponse:
    id_ = f"resp_turnout_{next(_NUMBERS):032x}"
    document = json.dumps({"words": words}).encode()
    return StoredResponse(id_, previous, document, tuple([(name, document) for name in items]))


def incompressible(size: int) -> str:
    return Seal([KEY]).close(b"\0" * (size // 2), b"").hex()


def test_what_is_stored_is_read_at_every_gateway_on_the_database(new_store):
    stored = response()
    assert new_store().add("acme", stored)
    assert new_store().get("acme", stored.id).document == stored.document


def test_another_organization_has_no_part_in_it(new_store):
    store, stored = new_store(), response(items=("msg_1",))
    store.add("acme", stored)
    for look in (
        lambda: store.get("other", stored.id),
        lambda: store.chain("other", stored.id, most=9, most_bytes=999),
    ):
        with pytest.raises(MissingResponse):
            look()
    assert store.items("other", ["msg_1"], most_bytes=999) == {}
    assert not store.delete("other", stored.id)
    assert store.erase("other") == 0
    assert store.get("acme", stored.id)


def test_no_word_of_it_stands_in_the_database(new_store, database, tmp_path):
    new_store().add("acme", response(words=MARKER, items=("msg_1",)))
    engine = create_engine(database)
    with engine.connect() as connection:
        rows = [
            *connection.execute(text("select * from stored_responses")),
            *connection.execute(text("select * from stored_items")),
        ]
    engine.dispose()
    cells = [cell for row in rows for cell in row]
    assert MARKER not in str([bytes(c) if isinstance(c, memoryview) else c for c in cells])
    for file in Path(tmp_path).glob("turnout.db*"):
        assert MARKER.encode() not in file.read_bytes()


def test_keys_are_rotated_by_a_new_first_one(new_store):
    stored, later = response(), response()
    new_store(keys=[KEY]).add("acme", stored)
    both = new_store(keys=[NEXT, KEY])
    both.add("acme", later)
    assert both.get("acme", stored.id)
    only_new = new_store(keys=[NEXT])
    assert only_new.get("acme", later.id)
    with pytest.raises(MissingResponse):
        only_new.get("acme", stored.id)


def test_a_row_that_was_moved_to_another_organization_does_not_open(new_store, database):
    store, stored = new_store(), response()
    store.add("acme", stored)
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("update stored_responses set organization = 'other'"))
    engine.dispose()
    with pytest.raises(MissingResponse):
        store.get("other", stored.id)


def test_it_expires_to_the_millisecond_and_is_swept(new_store, clock):
    store, stored = new_store(keep_ms=DAY), response(items=("msg_1",))
    store.add("acme", stored)
    clock.now += DAY - 1
    assert store.get("acme", stored.id)
    assert store.sweep() == 0
    clock.now += 1
    with pytest.raises(MissingResponse):
        store.get("acme", stored.id)
    assert store.items("acme", ["msg_1"], most_bytes=999) == {}
    assert not store.delete("acme", stored.id)
    assert store.sweep() == 1


def test_the_oldest_make_room_and_other_organizations_keep_theirs(new_store, clock):
    store = new_store(most_bytes=10_000)
    foreign = response(words=incompressible(4_000))
    store.add("other", foreign)
    stored = []
    for _ in range(8):
        clock.now += 1
        stored.append(response(words=incompressible(4_000)))
        assert store.add("acme", stored[-1])
    there = []
    for one in stored:
        try:
            there.append(store.get("acme", one.id).id)
        except MissingResponse:
            continue
    assert there == [one.id for one in stored[-len(there) :]]
    assert 1 <= len(there) < 8
    assert store.get("other", foreign.id)


def test_one_that_has_no_room_at_all_is_not_stored(new_store):
    store, large = new_store(most_bytes=1_000), response(words=incompressible(9_000))
    assert not store.add("acme", large)
    with pytest.raises(MissingResponse):
        store.get("acme", large.id)


class TestChains:
    """A response and what it continues."""

    @pytest.fixture
    def store(self, new_store):
        return new_store()

    def add(self, store, length):
        chain = []
        for number in range(length):
            chain.append(response(chain[-1].id if chain else None, f"turn {number}"))
            store.add("acme", chain[-1])
        return chain

    def test_the_oldest_comes_first(self, store):
        chain = self.add(store, 4)
        found = store.chain("acme", chain[2].id, most=9, most_bytes=9_999)
        assert [one.id for one in found] == [one.id for one in chain[:3]]

    def test_one_that_was_deleted_is_missed_by_those_that_continue_it(self, store):
        chain = self.add(store, 3)
        assert store.delete("acme", chain[0].id)
        with pytest.raises(MissingResponse) as caught:
            store.chain("acme", chain[2].id, most=9, most_bytes=9_999)
        assert caught.value.id == chain[0].id

    def test_it_is_bounded_in_responses_and_in_bytes(self, store):
        chain = self.add(store, 3)
        assert len(store.chain("acme", chain[2].id, most=3, most_bytes=9_999)) == 3
        with pytest.raises(TooMuch):
            store.chain("acme", chain[2].id, most=2, most_bytes=9_999)
        with pytest.raises(TooMuch):
            store.chain("acme", chain[2].id, most=3, most_bytes=20)


def test_an_item_is_found_by_its_id_until_its_response_is_deleted(new_store):
    store, stored = new_store(), response(items=("msg_1", "msg_1", "fc_2"))
    store.add("acme", stored)
    store.add("other", response(words="foreign", items=("msg_1",)))
    names = ["fc_2", *[f"no_{number}" for number in range(2_000)], "msg_1"]
    both = dict.fromkeys(("fc_2", "msg_1"), stored.document)
    assert store.items("acme", names, most_bytes=999) == both
    with pytest.raises(TooMuch):
        store.items("acme", names, most_bytes=20)
    assert store.delete("acme", stored.id)
    assert store.items("acme", names, most_bytes=999) == {}


def test_an_organization_is_erased_whole(new_store):
    store, foreign = new_store(), response()
    for _ in range(3):
        store.add("acme", response(items=("msg_1",)))
    store.add("other", foreign)
    assert store.erase("acme") == 3
    assert store.erase("acme") == 0
    assert store.get("other", foreign.id)
