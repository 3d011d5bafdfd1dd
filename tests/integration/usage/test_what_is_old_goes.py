"""What is old is rolled up and goes, while the gateway serves."""

import asyncio

from fakes.rows import charged, row_of

from router.domain import Usage
from router.keeping.keeper import Keeper
from router.keeping.retention import SETTLED_MS, Retention
from router.usage.rollup_rows import HOUR_MS
from router.usage.store import UsageStore
from router.world.config_kept import RetentionSection

DAY_MS = 24 * HOUR_MS
NOW = 1_790_000_000_000 // DAY_MS * DAY_MS


def stored(url, ages_in_days):
    store = UsageStore(url)
    made = row_of(charged(Usage(10, 5), 7))
    ats = [NOW - round(age * DAY_MS) for age in ages_in_days]
    rows = [made._replace(hold_id=f"{at:028x}", admitted_at=at, baseline="b") for at in ats]
    store.add(rows)
    return store


async def at_once(_seconds):
    """No rest."""
    await asyncio.sleep(0)


def keeper(url, holder, **keep):
    made = Retention(url, RetentionSection(**keep))
    made.prepare()
    return Keeper(made, holder, now_ms=lambda: NOW, sleep=at_once)


async def test_rows_go_when_their_time_is_over_and_reports_still_know_them(database):
    store = stored(database, [0.01, 1, 34, 36, 200, 500])
    one = keeper(database, "one", usage="35d", hours="1d")
    await one.round()
    assert store.count() == 3
    assert one.done == {"rolled": 5, "usage": 3, "hours": 3}
    (total,) = store.totals(["organization"], {}, None, None)
    assert (total["requests"], total["cost_pico"]) == (6, 42)
    await one.round()
    assert one.done == {"rolled": 5, "usage": 3, "hours": 3}
    await one.close()
    store.close()


async def test_without_a_time_nothing_is_deleted_and_all_is_rolled_up(database):
    store = stored(database, [0.01, 1, 4000])
    one = keeper(database, "one")
    await one.round()
    assert one.done == {"rolled": 2}
    assert store.count() == 3
    await one.close()
    store.close()


async def test_another_gateway_does_it_once_the_first_is_gone(database):
    store = stored(database, [1, 2])
    one, two = keeper(database, "one"), keeper(database, "two")
    await one.round()
    store.add([row_of(charged(Usage(), 7))._replace(admitted_at=NOW - SETTLED_MS - 1)])
    await two.round()
    assert two.done == {}
    await one.close()
    await two.round()
    assert two.done == {"rolled": 1}
    await two.close()
    store.close()
