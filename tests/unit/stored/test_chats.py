"""Kept chats on a real database: listed in order, changed, replaced, and one customer's alone."""

import orjson
import pytest

from router.seal import Seal
from router.stored.chats import ChatStore
from router.stored.page import Page
from router.stored.response import MissingResponse, StoredResponse
from router.stored.store import ResponseStore


class Clock:
    """Unix milliseconds, each a moment later than the one before."""

    def __init__(self) -> None:
        self.now = 1_000

    def __call__(self) -> int:
        self.now += 1
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(database, clock):
    made = ChatStore(database, Seal([b"k" * 32]), keep_ms=100_000, most_bytes=10**6, now=clock)
    made.prepare()
    yield made
    made.close()


def chat(name: str, **words: str) -> StoredResponse:
    return StoredResponse(f"chat_{name}", None, orjson.dumps(words))


def names(store: ChatStore, organization: str = "acme", **page) -> tuple[list[str], bool]:
    asked = {"prefix": "chat_", "after": None, "most": 10, "descending": False} | page
    found, more = store.page(organization, Page(**asked))
    return [one.id.removeprefix("chat_") for one in found], more


def test_chats_are_listed_by_the_time_of_storing_page_by_page(store):
    for name in "cab":
        store.add("acme", chat(name))
    assert names(store) == (["c", "a", "b"], False)
    assert names(store, descending=True) == (["b", "a", "c"], False)
    assert names(store, most=2) == (["c", "a"], True)
    assert names(store, after="chat_a") == (["b"], False)
    assert names(store, after="chat_a", descending=True) == (["c"], False)
    assert names(store, most=3) == (["c", "a", "b"], False)


def test_only_what_is_wanted_is_listed_however_far_it_lies_apart(store):
    for number in range(205):
        store.add("acme", chat(f"{number:03}", kind="odd" if number % 100 else "round"))
    found = names(store, most=2, wanted=lambda document: b"round" in document)
    assert found == (["000", "100"], True)


def test_responses_and_other_customers_chats_are_not_listed(store):
    store.add("acme", StoredResponse("resp_turnout_1", None, b"{}"))
    store.add("globex", chat("a"))
    assert names(store) == ([], False)
    with pytest.raises(MissingResponse):
        names(store, after="chat_a")


def test_a_chat_takes_the_place_of_an_earlier_one_with_its_name(store):
    store.add("acme", chat("a", said="first"))
    store.add("acme", chat("a", said="second"))
    assert store.get("acme", "chat_a").document == b'{"said":"second"}'
    assert names(store) == (["a"], False)


def test_a_chat_is_changed_where_it_stands(store):
    store.add("acme", chat("a"))
    store.add("acme", chat("b"))
    changed = store.change("acme", "chat_a", lambda held: held + b" ")
    assert changed.document == store.get("acme", "chat_a").document == b"{} "
    assert names(store) == (["a", "b"], False)
    with pytest.raises(MissingResponse):
        store.change("globex", "chat_a", lambda held: held)


def test_what_expired_is_neither_listed_nor_changed(store, clock):
    store.add("acme", chat("a"))
    clock.now += 200_000
    assert names(store) == ([], False)
    with pytest.raises(MissingResponse):
        store.change("acme", "chat_a", lambda held: held)


def test_chats_and_responses_share_the_room_of_their_organization(database, clock):
    room = {"keep_ms": 100_000, "most_bytes": 5_000, "now": clock}
    chats = ChatStore(database, Seal([b"k" * 32]), **room)
    responses = ResponseStore(database, Seal([b"k" * 32]), **room)
    chats.prepare()
    chats.add("acme", chat("a"))
    words = Seal([b"k" * 32]).close(b"\0" * 4_900, b"")
    responses.add("acme", StoredResponse("resp_turnout_1", None, words))
    assert names(chats) == ([], False)
    chats.close()
    responses.close()
