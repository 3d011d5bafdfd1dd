"""Responses that gateways work on, on a real database: told by one, ended once by anyone."""

import json
from itertools import count

import pytest
from sqlalchemy import create_engine, text

from router.seal import Seal
from router.stored.response import MissingResponse, StoredResponse
from router.stored.run import Beat, Chunk, Ended, TooManyRuns
from router.stored.run_store import LEASE_MS, RunStore

KEY = b"k" * 32
DAY = 86_400_000
MARKER = "kingfisher"
_NUMBERS = count()
OPENING = Chunk(0, 1, b"data: created\n\ndata: queued\n\n")


@pytest.fixture
def new_store(database, clock):
    made = []

    def make(*, key=KEY, most_bytes=1_000_000) -> RunStore:
        store = RunStore(database, Seal([key]), keep_ms=DAY, most_bytes=most_bytes, now=clock)
        store.prepare()
        made.append(store)
        return store

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(new_store):
    return new_store()


def response(words="hello", id_=None, items=()) -> StoredResponse:
    document = json.dumps({"words": words}).encode()
    named = tuple([(name, document) for name in items])
    return StoredResponse(id_ or f"resp_turnout_{next(_NUMBERS):032x}", None, document, named)


def begun(store, organization="acme", **more) -> StoredResponse:
    made = response(**more)
    assert store.begin(organization, made, OPENING, most=9)
    return made


def as_ended(words, last=None):
    """An ending that says these words, and what it was given."""

    def ending(begun, told):
        document = json.dumps({"words": words, "told": told.decode()}).encode()
        whole = StoredResponse(begun.id, begun.previous, document)
        return Ended(whole, last, response("instead", begun.id))

    return ending


def words(store, one, organization="acme") -> str:
    return json.loads(store.get(organization, one.id).document)["words"]


def events(store, one, after=-1, organization="acme"):
    told = store.events(organization, one.id, after)
    return b"".join([chunk.events for chunk in told.chunks]), told.over


def incompressible(size: int) -> str:
    return Seal([KEY]).close(b"\0" * (size // 2), b"").hex()


def test_what_is_worked_on_is_there_at_every_gateway_as_it_stands(new_store):
    store, elsewhere = new_store(), new_store()
    one = begun(store)
    assert words(elsewhere, one) == "hello"
    assert events(elsewhere, one) == (OPENING.events, False)
    chunk = Chunk(2, 2, b"data: more\n\n")
    news = Beat("acme", one.id, chunk, response("running", one.id))
    assert store.beat([news], renew=False) == frozenset()
    assert words(elsewhere, one) == "running"
    assert events(elsewhere, one, after=1) == (chunk.events, False)


def test_another_organization_has_no_part_in_it(store):
    one = begun(store)
    with pytest.raises(MissingResponse):
        store.events("other", one.id, -1)
    assert not store.finish("other", one.id, as_ended("stolen"))
    assert not store.delete("other", one.id)
    assert events(store, one) == (OPENING.events, False)


def test_its_end_is_told_with_what_was_left_to_tell(store):
    one = begun(store)
    whole = response("done", one.id, items=("msg_1",))
    last = Chunk(3, 3, b"data: completed\n\n")
    news = Beat(
        "acme", one.id, Chunk(2, 2, b"data: more\n\n"), None, Ended(whole, last, response())
    )
    assert store.beat([news], renew=True) == frozenset()
    assert words(store, one) == "done"
    assert events(store, one, after=1) == (b"data: more\n\ndata: completed\n\n", True)
    assert store.items("acme", ["msg_1"], most_bytes=999) == {"msg_1": whole.document}


def test_it_ends_once_whoever_comes_second(new_store):
    store, elsewhere = new_store(), new_store()
    one = begun(store)
    assert elsewhere.finish("acme", one.id, as_ended("cancelled"))
    assert not elsewhere.finish("acme", one.id, as_ended("again"))
    late = Beat("acme", one.id, None, None, Ended(response("late", one.id), None, response()))
    assert store.beat([late], renew=True) == {one.id}
    assert store.beat([Beat("acme", one.id)], renew=False) == {one.id}
    assert words(store, one) == "cancelled"
    assert json.loads(store.get("acme", one.id).document)["told"] == OPENING.events.decode()


def test_the_same_beat_may_come_twice(store):
    one = begun(store)
    news = Beat("acme", one.id, Chunk(2, 2, b"data: more\n\n"))
    for _ in range(2):
        store.beat([news], renew=True)
    assert events(store, one, after=1) == (b"data: more\n\n", False)


def test_what_a_dead_gateway_left_is_ended_when_its_lease_is_over(new_store, clock):
    store, elsewhere = new_store(), new_store()
    dead, alive = begun(store), begun(store)
    last = Chunk(1_000_000, 1_000_000, b"data: failed\n\n")
    clock.now += LEASE_MS - 1
    assert elsewhere.lapse(as_ended("failed", last)) == 0
    assert store.beat([Beat("acme", alive.id)], renew=True) == frozenset()
    clock.now += 1
    assert elsewhere.lapse(as_ended("failed", last)) == 1
    assert elsewhere.lapse(as_ended("failed", last)) == 0
    assert (words(store, dead), words(store, alive)) == ("failed", "hello")
    assert events(store, dead) == (OPENING.events + last.events, True)
    assert store.beat([Beat("acme", dead.id)], renew=True) == {dead.id}


def test_a_beat_that_does_not_renew_keeps_nobody_alive(store, clock):
    one = begun(store)
    clock.now += LEASE_MS
    store.beat([Beat("acme", one.id)], renew=False)
    assert store.lapse(as_ended("failed")) == 1
    assert words(store, one) == "failed"


def test_an_organization_has_so_many_at_once_and_dead_ones_do_not_count(store, clock):
    for _ in range(2):
        assert store.begin("acme", response(), OPENING, most=2)
    with pytest.raises(TooManyRuns):
        store.begin("acme", refused := response(), OPENING, most=2)
    with pytest.raises(MissingResponse):
        store.get("acme", refused.id)
    assert store.begin("other", response(), OPENING, most=2)
    clock.now += LEASE_MS
    assert store.begin("acme", response(), OPENING, most=2)


def test_what_is_deleted_or_erased_while_it_is_worked_on_is_gone(store):
    deleted, erased = begun(store), begun(store)
    assert store.delete("acme", deleted.id)
    assert store.erase("acme") == 1
    ended = Ended(response("late", deleted.id), None, response())
    beats = [Beat("acme", deleted.id, ended=ended), Beat("acme", erased.id)]
    assert store.beat(beats, renew=True) == {deleted.id, erased.id}
    for one in (deleted, erased):
        with pytest.raises(MissingResponse):
            store.get("acme", one.id)


def test_its_events_count_and_what_is_worked_on_never_makes_room(new_store, clock):
    store = new_store(most_bytes=10_000)
    one = begun(store)
    store.beat([Beat("acme", one.id, Chunk(2, 2, incompressible(4_000).encode()))], renew=True)
    assert store.totals()[0][2] > 2_000
    for _ in range(6):
        clock.now += 1
        store.add("acme", response(words=incompressible(4_000)))
    assert words(store, one) == "hello"


def test_an_answer_that_has_no_room_is_ended_so(new_store):
    store = new_store(most_bytes=2_000)
    one = begun(store)
    whole = response(incompressible(9_000), one.id)
    instead = response("no room", one.id)
    store.beat([Beat("acme", one.id, None, None, Ended(whole, None, instead))], renew=True)
    assert words(store, one) == "no room"
    assert not store.begin("acme", response(incompressible(9_000)), OPENING, most=9)


def test_long_rows_of_events_come_in_parts(store):
    one = begun(store)
    for number in range(2, 50):
        store.beat([Beat("acme", one.id, Chunk(number, number, b"data: x\n\n"))], renew=False)
    store.finish("acme", one.id, as_ended("done"))
    told = store.events("acme", one.id, -1)
    assert not told.over
    rest = store.events("acme", one.id, told.chunks[-1].last)
    assert rest.over
    assert [chunk.last for chunk in (*told.chunks, *rest.chunks)][1:] == [*range(2, 50)]


def test_what_no_key_opens_can_be_ended_all_the_same(new_store):
    one = begun(new_store())
    assert new_store(key=b"n" * 32).finish("acme", one.id, as_ended("failed"))
    assert not new_store().finish("acme", one.id, as_ended("failed"))


def test_no_word_of_it_stands_in_the_database(store, database):
    one = begun(store, words=MARKER)
    store.beat([Beat("acme", one.id, Chunk(2, 2, MARKER.encode()))], renew=True)
    engine = create_engine(database)
    with engine.connect() as connection:
        rows = [
            *connection.execute(text("select * from stored_responses")),
            *connection.execute(text("select * from stored_events")),
        ]
    engine.dispose()
    cells = [cell for row in rows for cell in row]
    assert len(cells) > 10
    assert MARKER not in str([bytes(c) if isinstance(c, memoryview) else c for c in cells])


def test_its_time_begins_with_its_end(store, clock):
    one = begun(store)
    clock.now += DAY - 1
    store.finish("acme", one.id, as_ended("done"))
    clock.now += DAY - 1
    assert words(store, one) == "done"
    clock.now += 1
    with pytest.raises(MissingResponse):
        store.events("acme", one.id, -1)
    assert store.sweep() == 1
