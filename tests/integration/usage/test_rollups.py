"""Rollups: reports say what they said when every row was there, to the last pico-USD."""

import random

import pytest
from fakes.rows import charged, row_of

from router.domain import Usage
from router.usage.books import LedgerBooks
from router.usage.report import GROUPS
from router.usage.rollup_rows import HOUR_MS
from router.usage.rollups import STEP, Rollups
from router.usage.store import UsageStore

START = 1_790_000_000_000 // HOUR_MS * HOUR_MS
DAYS = ["2026-09-21", "2026-09-22", "2026-09-23"]
HUGE = 9_000_000_000_000_000_000  # pico-USD: two of them do not fit 64 bits


def some_rows(dice, count, hours=30):
    def row(n):
        at = START + dice.randrange(hours * HOUR_MS)
        beside = dice.choice([None, "premium", "premium"])
        cascaded = dice.choice([None, None, "passed", "no_refusal"])
        made = row_of(charged(Usage(dice.randrange(900), dice.randrange(90)), 1))
        return made._replace(
            hold_id=f"{at:012x}{dice.choice(['aaaaaaaa', 'bbbbbbbb'])}{n:08x}",
            admitted_at=at,
            closed_at=at + 1,
            day=DAYS[(at - START) // (12 * HOUR_MS) % 3],
            period=dice.choice([None, "2026-09-01", "2026-09-17"]),
            organization=dice.choice(["acme", "globex"]),
            team=dice.choice([None, "", "ünïcode"]),
            key_id=dice.choice(["k1", "k2"]),
            end_user=dice.choice([None, "u1"]),
            tier=dice.choice(["pro", "free"]),
            backend=dice.choice([None, "local", "premium"]),
            requests=dice.choice([0, 1]),
            cost_pico=dice.choice([0, 1, -7, 123_456_789, HUGE, -HUGE]),
            baseline=beside,
            baseline_pico=None if beside is None else dice.choice([None, 5, HUGE]),
            energy_mj=dice.choice([None, 30]),
            energy_source=dice.choice([None, "declared", "measured"]),
            predicted=dice.choice([None, 0.5, 1 / 3]),
            verifier=cascaded,
            rejected_pico=None if cascaded is None else HUGE,
            judge_pico=None if cascaded is None else 3,
            direct_pico=None if cascaded is None else dice.choice([None, 7]),
        )

    return [row(n) for n in range(count)]


def told(store, books):
    """All that reports and the ledger's check say."""
    span = (START - HOUR_MS, START + 1_000 * HOUR_MS)
    return [
        store.totals([name for name in GROUPS.values() if name != "run"], {}, None, None),
        store.totals(["run", "day"], {}, None, None),  # of rows, and of rollups where they are gone
        store.totals(["organization", "period"], {"tier": "pro"}, DAYS[0], DAYS[2], "2026-09"),
        store.backends(DAYS[1], None),
        store.cascades(None, None),
        store.baselines(None, DAYS[1]),
        *(
            sorted(books.sums("acme", column, span, span[1]), key=repr)
            for column in (None, "asked")
        ),
    ]


@pytest.fixture
def parts(database):
    made = UsageStore(database), Rollups(database), LedgerBooks(database)
    yield made
    for part in made:
        part.close()


@pytest.mark.parametrize("seed", range(2))
def test_sums_with_rollups_are_those_of_the_rows_whatever_is_rolled_pruned_folded_and_late(
    parts, seed
):
    store, rollups, books = parts
    dice = random.Random(seed)
    rows = some_rows(dice, 80)
    store.add(rows)
    store.add(rows)  # twice is once
    late = [row._replace(hold_id=f"{row.hold_id[:-1]}L") for row in some_rows(dice, 20)]
    whole = [*rows, *late]
    said = told(store, books)
    for _ in range(8):
        until = START + dice.randrange(32) * HOUR_MS + dice.choice([0, 1, HOUR_MS // 2])
        step = dice.choice([rollups.roll, rollups.roll, rollups.prune, rollups.fold])
        while step(until):
            pass
        assert told(store, books) == said
        if late:
            store.add([late.pop(), late.pop()])
            said = told(store, books)
    store.add(late)
    said = told(store, books)
    assert sum(row["cost_pico"] for row in said[0]) == sum(row.cost_pico for row in whole)
    assert sum(row["requests"] for row in said[0]) == sum(row.requests for row in whole)
    for step in (rollups.roll, rollups.prune, rollups.fold):
        while step(START + 99 * HOUR_MS):
            pass
        assert told(store, books) == said
    assert store.count() == 0


def test_no_row_goes_before_it_is_rolled_up(parts):
    store, rollups, _ = parts
    rows = some_rows(random.Random(1), 50)
    store.add(rows)
    assert rollups.prune(START + 99 * HOUR_MS) == 0
    assert rollups.roll(min(row.admitted_at for row in rows) + 1) == 1
    assert rollups.prune(START + 99 * HOUR_MS) == 0  # the hour is not over
    assert store.count() == 50
    edge = START + 10 * HOUR_MS
    while rollups.roll(edge):
        pass
    assert rollups.prune(START + 99 * HOUR_MS) == sum(row.admitted_at < edge for row in rows)


def test_steps_are_small_even_where_all_came_in_one_moment(parts):
    store, rollups, _ = parts
    row = some_rows(random.Random(1), 1)[0]
    crowd = [row._replace(hold_id=f"{n:028x}", admitted_at=START + n % 3) for n in range(2 * STEP)]
    store.add(crowd)
    steps = []
    while step := rollups.roll(START + HOUR_MS):
        steps.append(step)
    assert sum(steps) == 2 * STEP
    assert len(steps) == 3  # a millisecond is not divided
    assert rollups.roll(START + 3 * HOUR_MS) == 0


def test_one_gateway_at_a_time_does_it_until_its_lease_is_over(parts, database):
    _, rollups, _ = parts
    other = Rollups(database)
    assert rollups.lease("a", 1_000, 500)
    assert rollups.lease("a", 1_400, 500)
    assert not other.lease("b", 1_499, 500)
    assert other.lease("b", 1_901, 500)
    assert not rollups.lease("a", 1_902, 500)
    assert other.lease("b", 1_903, 0)
    assert rollups.lease("a", 1_904, 500)
    other.close()


def test_what_is_gone_is_told_by_backend_and_each_yields_the_rest(parts):
    store, rollups, _ = parts
    rows = some_rows(random.Random(5), 80)
    store.add(rows)
    edge = START + 15 * HOUR_MS
    for step in (rollups.roll, rollups.prune):
        while step(edge):
            pass
    served = [r for r in rows if r.backend is not None or r.cost_pico]
    old = [row for row in served if row.admitted_at < edge]
    gone = store.gone(None, None)
    assert sum(row["counted"] for row in gone) == len(old)
    assert {row["backend"] for row in gone} == {row.backend or "unknown" for row in old}
    unpriced = store.gone(None, None, unpriced=True)
    assert sum(row["counted"] for row in unpriced) == sum(row.baseline is None for row in old)
    assert {row.hold_id for row in store.each(None, None)} == {
        row.hold_id for row in rows if row.admitted_at >= edge
    }


def test_days_that_are_forgotten_are_forgotten_and_no_others(parts):
    store, rollups, _ = parts
    store.add(some_rows(random.Random(5), 80))
    while any(step(START + 99 * HOUR_MS) for step in (rollups.roll, rollups.prune, rollups.fold)):
        pass
    assert rollups.forget(DAYS[1]) > 0
    assert rollups.forget(DAYS[1]) == 0
    assert [row["day"] for row in store.totals(["day"], {}, None, None)] == DAYS[1:]
