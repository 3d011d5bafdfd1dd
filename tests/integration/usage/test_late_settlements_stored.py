"""A request that was closed before it was settled is two rows, which add up to what it used."""

import json
from collections.abc import Iterator, Sequence

import pytest
from fakes.rows import charged, journal_row
from fakes.world import new_world

from router.domain import Usage
from router.usage.journal import JournalConsumer
from router.usage.report import spend
from router.usage.savings import priced_beside
from router.usage.store import UsageStore
from router.usage_row import JournalRow
from router.world.books import WorldBooks

WORLD = new_world()
SO_FAR = charged(Usage(1_000, 10, estimated=True), 5)
DONE = charged(
    Usage(1_000, 90, 300, 40, cache_write_tokens=200, parts=(("cache_write_1h", 50),)), 9
)
ROWS = [
    journal_row(SO_FAR, status="expired"),
    journal_row(DONE, before=SO_FAR),
]


class Entry:
    """An entry that was read."""

    def __init__(self, row: JournalRow) -> None:
        self._row = row

    def row(self) -> JournalRow:
        return self._row


class ShortJournal:
    """A journal of some rows, read `most` at a time."""

    def __init__(self, rows: Sequence[JournalRow], most: int) -> None:
        self.rows = list(rows)
        self._most = most

    async def take_reader_lease(self) -> bool:
        return True

    async def drop_reader_lease(self) -> None: ...

    async def read(self, most: int) -> Sequence[Entry]:
        return [Entry(row) for row in self.rows[: min(most, self._most)]]

    async def forget(self, entries: Sequence[Entry]) -> None:
        del self.rows[: len(entries)]

    async def backlog(self) -> int:
        return len(self.rows)


@pytest.fixture
def store(database: str) -> Iterator[UsageStore]:
    store = UsageStore(database)
    yield store
    store.close()


@pytest.mark.parametrize("most", [1, 2], ids=["later", "together"])
async def test_both_rows_add_up_to_every_counter_and_to_the_cost_at_the_baseline(
    store: UsageStore, most: int
) -> None:
    books = WorldBooks(lambda: WORLD)
    journal = ShortJournal(ROWS, most)
    assert await JournalConsumer(journal, store, books=books).drain() == 2
    total = spend(store, ["organization"]).total
    counted = ("requests", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
    assert [total[name] for name in counted] == [1, 1_000, 90, 300, 40]
    assert (total["cache_write_tokens"], total["cost_pico"]) == (200, 9)
    rows = list(store.each(None, None))
    assert [json.loads(row.counts or "{}") for row in rows] == [
        {},
        {"parts": {"cache_write_1h": 50}},
    ]
    whole = WORLD.prices.cost("premium", DONE.usage)
    assert sum(row.baseline_pico or 0 for row in rows) == whole
    anew = priced_beside(store.each(None, None), WORLD.baseline.cost)
    assert anew["local"].pico == whole
    assert (anew["local"].rows, anew["local"].uncompared) == (2, 0)


async def test_a_late_settlement_whose_first_row_is_gone_counts_at_what_it_cost(
    store: UsageStore,
) -> None:
    journal = ShortJournal(ROWS[1:], 1)
    assert await JournalConsumer(journal, store, books=WorldBooks(lambda: WORLD)).drain() == 1
    [row] = store.each(None, None)
    assert (row.baseline, row.cached_tokens, row.cost_pico) == (None, 0, 4)
    assert priced_beside([row], WORLD.baseline.cost)["local"].pico == 4
