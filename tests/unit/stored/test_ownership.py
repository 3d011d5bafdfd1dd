"""Whose a file or a batch is, on a real database: isolated, bounded, looked after by one."""

from dataclasses import replace

import pytest

from router.stored.owned import NEVER, NoRoom, Owned, OwnedKind, OwnedState
from router.stored.ownership import OwnershipStore

FILE, BATCH = OwnedKind.FILE, OwnedKind.BATCH


@pytest.fixture
def store(database, clock):
    store = OwnershipStore(database, clock)
    store.prepare()
    yield store
    store.close()


def owned(id_: str, organization: str = "acme", **more) -> Owned:
    given = {"kind": FILE, "state": OwnedState.DONE, "at": 5} | more
    return Owned(id_, "openai", "gpt", organization, **given)


def test_what_is_being_made_is_counted_and_not_shown(store):
    pending = owned("pending-1", state=OwnedState.PENDING, size=60)
    store.begin(pending, most=2, room=100)
    assert store.get("acme", "openai", FILE, "pending-1") is None
    assert store.page("acme", "openai", FILE, most=9) == []
    with pytest.raises(NoRoom, match="100 bytes"):
        store.begin(owned("pending-2", size=41), most=2, room=100)
    made = owned("file-1", size=60)
    assert store.finish(pending, made)
    assert store.get("acme", "openai", FILE, "file-1") == made


def test_as_many_as_an_organization_may_have_are_its_own(store):
    store.begin(owned("file-1"), most=1)
    with pytest.raises(NoRoom, match="1 files"):
        store.begin(owned("file-2"), most=1)
    store.begin(owned("file-2", "other"), most=1)
    assert store.get("acme", "openai", FILE, "file-2") is None


def test_batches_that_are_over_leave_room_for_others(store):
    first = owned("batch-1", kind=BATCH, state=OwnedState.OPEN, look_at=9)
    store.begin(first, most=1)
    with pytest.raises(NoRoom, match="run"):
        store.begin(owned("batch-2", kind=BATCH, state=OwnedState.OPEN), most=1)
    store.done(first)
    store.begin(owned("batch-2", kind=BATCH, state=OwnedState.OPEN), most=1)


def test_what_another_organization_family_or_kind_has_is_not_there(store):
    store.add(owned("file-1"))
    assert store.get("acme", "openai", FILE, "file-1") is not None
    assert store.get("other", "openai", FILE, "file-1") is None
    assert store.get("acme", "anthropic", FILE, "file-1") is None
    assert store.get("acme", "openai", BATCH, "file-1") is None
    assert store.known("other", "openai", FILE, ["file-1"]) == []
    assert store.page("other", "openai", FILE, most=9) == []


def test_what_is_known_is_not_noted_twice(store):
    pending = owned("pending-1", state=OwnedState.PENDING)
    store.begin(pending, most=9)
    assert store.add(owned("file-1"))
    assert not store.add(owned("file-1", "other"))
    assert not store.finish(pending, owned("file-1"))
    assert store.is_known("openai", "file-1")
    assert store.is_known("openai", "pending-1")
    store.forget(pending)
    assert not store.is_known("openai", "pending-1")
    assert [each.id for each in store.page("acme", "openai", FILE, most=9)] == ["file-1"]
    store.forget(owned("file-1"))
    assert store.page("acme", "openai", FILE, most=9) == []


def test_pages_go_on_where_the_last_one_ended_in_either_order(store):
    for number in range(5):
        store.add(owned(f"file-{number}", at=number // 2))

    def ids(**more) -> list[str]:
        return [each.id for each in store.page("acme", "openai", FILE, most=2, **more)]

    assert ids() == ["file-4", "file-3"]
    assert ids(after=owned("file-3", at=1)) == ["file-2", "file-1"]
    assert ids(newest_first=False) == ["file-0", "file-1"]
    assert ids(after=owned("file-1", at=0), newest_first=False) == ["file-2", "file-3"]


def test_one_looks_after_a_batch_and_no_other_until_it_rested(store, clock):
    batch = owned("batch-1", kind=BATCH, state=OwnedState.OPEN, look_at=1_500)
    store.add(batch)
    assert store.claim(rest_ms=100, most=9) == []
    clock.now = 1_500
    assert store.claim(rest_ms=100, most=9) == [replace(batch, look_at=1_600)]
    assert store.claim(rest_ms=100, most=9) == []
    store.look_later(replace(batch, look_at=1_600), 1_700)
    clock.now = 1_699
    assert store.claim(rest_ms=100, most=9) == []
    store.look_now(batch)
    (claimed,) = store.claim(rest_ms=100, most=9)
    store.done(claimed)
    store.look_now(batch)
    clock.now = NEVER - 1
    assert store.claim(rest_ms=100, most=9) == []
    assert store.get("acme", "openai", BATCH, "batch-1").state is OwnedState.DONE


def test_a_file_is_never_looked_after(store, clock):
    store.add(owned("file-1"))
    store.look_now(owned("file-1"))
    clock.now = NEVER - 1
    assert store.claim(rest_ms=1, most=9) == []


def test_files_of_one_purpose_are_listed_alone(store):
    store.add(owned("file-1", purpose="batch"))
    store.add(owned("file-2", purpose="user_data"))
    found = store.page("acme", "openai", FILE, most=9, purpose="batch")
    assert [each.id for each in found] == ["file-1"]
