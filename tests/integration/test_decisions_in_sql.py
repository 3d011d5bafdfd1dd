"""Decisions in SQL: stored in batches, found at any gateway, forgotten in time."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from policies.decision import Denial
from router.database import Database
from router.decisions import recorder as recording
from router.decisions.entry import Entry, Refused
from router.decisions.recorder import DecisionRecorder
from router.decisions.store import DecisionStore, Wanted
from router.decisions.told import decision_document, decision_page, denial_of
from router.domain import Principal

AT = 1_780_000_000_000
REFUSED = Refused("tokens_per_day", "organization", "pro", 1500, 429, "insufficient_quota", "No.")


def entry(number: int, organization: str = "acme", key: str = "k1", **more: Any) -> Entry:
    """A request of an organization, so many milliseconds after an instant."""
    id_ = f"{AT + number:012x}{number:020x}"
    return Entry(id_, AT + number, Principal(key, organization, "pro"), "chat", "auto", **more)


@pytest.fixture
def store(database: str):
    store = DecisionStore(database)
    yield store
    store.close()


async def test_denials_of_a_second_are_one_row_that_is_found_by_each_id(store) -> None:
    """Nothing of the count is lost, however many there are."""
    lines: list[dict] = []
    recorder = DecisionRecorder(store, log=lines.append)
    for number in range(500):
        recorder.deny(entry(number), REFUSED, lambda: {"v": 1})
    recorder.deny(entry(500, key="k2"), REFUSED, None)
    await recorder.flush()
    found = store.page(Wanted("acme"))
    assert sorted(stored.count for stored in found) == [1, 500]
    assert [line["refused"]["count"] for line in lines] == [500]
    for number in (0, 1, recording.MOST_IDS):
        told = decision_document(store, entry(number).id)
        assert told is not None
        assert told["denial"]["count"] == 500
    assert decision_document(store, entry(400).id) is None  # of so many, not every id is kept


async def test_a_page_is_the_organizations_own_newest_first_and_goes_on_by_its_cursor(
    store,
) -> None:
    recorder = DecisionRecorder(store)
    for number in range(5):
        recorder.add(entry(number))
        recorder.add(entry(100 + number, "other"))
    denial = Denial("auto", "denied", "short", "No.")
    recorder.deny(entry(9, decision=denial), REFUSED, None)
    await recorder.flush()
    first, cursor = decision_page(store, Wanted("acme", limit=4))
    rest, end = decision_page(store, Wanted("acme", limit=4), cursor)
    assert [one["at"][-4:-1] for one in (*first, *rest)] == [
        "009",
        "004",
        "003",
        "002",
        "001",
        "000",
    ]
    assert end is None
    (denied,) = store.page(Wanted("acme", denied=True))
    assert denial_of(denied)["message"] == "No."
    assert decision_document(store, entry(0).id, organization="other") is None
    with pytest.raises(ValueError, match="no cursor"):
        decision_page(store, Wanted("acme"), "x")


async def test_what_is_too_old_is_forgotten(store) -> None:
    recorder = DecisionRecorder(store, keep_seconds=1.0)
    recorder.add(entry(0))
    recorder.add(entry(5_000))
    await recorder.flush()
    await recorder._prune(AT + 5_500)
    assert [stored.at_ms for stored in store.page(Wanted())] == [AT + 5_000]


async def test_what_does_not_fit_the_queue_is_counted(store, monkeypatch) -> None:
    monkeypatch.setattr(recording, "MOST_WAITING", 3)
    recorder = DecisionRecorder(store)
    for number in range(5):
        recorder.add(entry(number))
        recorder.deny(entry(100 + number, key=f"k{number}"), REFUSED, None)
    assert recorder.lost == 4
    await recorder.flush()
    assert len(store.page(Wanted())) == 6


async def test_a_database_that_does_not_take_them_costs_decisions_and_is_told_once(
    store, database: str, caplog
) -> None:
    other = Database(database)
    with other.writing() as connection:
        connection.execute(text("DROP TABLE decision_records"))
    other.close()
    recorder = DecisionRecorder(store)
    for number in range(3):
        recorder.add(entry(number))
        await recorder.flush()
    assert recorder.lost == 3
    assert len([one for one in caplog.records if "not kept" in one.message]) == 1


async def test_a_recorder_stores_once_a_second_and_what_waits_at_its_end(store) -> None:
    ticks: asyncio.Queue[None] = asyncio.Queue()

    async def sleep(_: float) -> None:
        await ticks.get()

    recorder = DecisionRecorder(store, sleep=sleep)
    recorder.start()
    recorder.add(entry(0))
    await asyncio.sleep(0)
    assert store.page(Wanted()) == []
    recorder.add(entry(1))
    await recorder.close()
    assert len(store.page(Wanted())) == 2
