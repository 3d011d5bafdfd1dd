"""Reconciling ledger, journal and stored usage; repairing; prepaid balances."""

from collections.abc import Iterator

import pytest
from ledgerkit import PRICE, Outside, reserve_request, used

from router.errors import LimitExceeded
from router.ledger.ledger import Ledger
from router.ledger.quotas.dimensions import quotas
from router.usage.journal import JournalConsumer
from router.usage.store import UsageStore

LIMITS = quotas(
    {
        "organization": {"tokens_per_month": 10**9, "usd_per_month": 10**15},
        "team": {"usd_per_day": 10**15},
        "key": {"requests_per_day": 10**6, "concurrency": 10, "tokens_per_minute": 10**6},
        "user": {"input_tokens_per_minute": 10**6, "tokens_per_day": 10**6},
        "model": {"tokens_per_day": 10**7},
    }
)


@pytest.fixture
def store(database: str) -> Iterator[UsageStore]:
    store = UsageStore(database)
    yield store
    store.close()


async def serve(ledger: Ledger, times: int) -> None:
    for n in range(times):
        asked = reserve_request(LIMITS, team="ml", user=f"user{n % 3}")
        async with ledger.hold(asked, lambda: used(10, 33)) as hold:
            hold.dispatched()
    assert await ledger.settled()


async def test_ledger_journal_and_sql_agree_while_requests_are_open(
    ledger: Ledger, outside: Outside, store: UsageStore
) -> None:
    await serve(ledger, 5)
    await JournalConsumer(ledger.journal(), store).drain()
    await serve(ledger, 4)  # these are still in the journal
    async with ledger.hold(reserve_request(LIMITS, team="ml", user="user1"), used) as hold:
        hold.dispatched()
        assert await ledger.check(store).check() == []


async def test_a_drift_is_named_and_repaired(
    ledger: Ledger, outside: Outside, store: UsageStore
) -> None:
    await serve(ledger, 5)
    (key,) = outside.client.keys("*:s:o:acme")
    outside.tweak(key, "Ctpo", tweaked(outside, used=7, held=3))
    (own,) = outside.client.keys("*:s:k:acme/key1")
    outside.tweak(own, "Lconc", (4,))
    checking = ledger.check(store)
    drifts = await checking.check()
    assert sorted(str(drift) for drift in drifts) == [
        "k:acme/key1 conc: open is 4 in the ledger, 0 in the stored usage",
        "o:acme tpo: held is 3 in the ledger, 0 in the stored usage",
        "o:acme tpo: used is 222 in the ledger, 215 in the stored usage",
    ]
    assert await checking.repair(drifts) == 2
    assert await checking.check() == []
    assert outside.scopes()["o:acme"]["tpo"][2:4] == (215, 0)


def tweaked(outside: Outside, used: int, held: int) -> tuple[int, ...]:
    state = list(outside.scopes()["o:acme"]["tpo"])
    state[2] += used
    state[3] += held
    return tuple(state)


async def test_repairing_leaves_alone_what_has_moved_since_the_look(
    ledger: Ledger, outside: Outside, store: UsageStore
) -> None:
    await serve(ledger, 2)
    (key,) = outside.client.keys("*:s:o:acme")
    outside.tweak(key, "Ctpo", tweaked(outside, used=7, held=0))
    checking = ledger.check(store)
    drifts = await checking.check()
    await serve(ledger, 1)
    assert await checking.repair(drifts) == 0
    assert outside.scopes()["o:acme"]["tpo"][2] == 3 * 43 + 7


async def test_a_lost_ledger_is_rebuilt_from_the_books(
    ledger: Ledger, outside: Outside, store: UsageStore
) -> None:
    await serve(ledger, 6)
    await JournalConsumer(ledger.journal(), store).drain()
    before = outside.scopes()
    for key in outside.client.keys("lg:{*}:s:*"):
        outside.client.delete(key)
    checking = ledger.check(store)
    assert await checking.rebuild({"pro": LIMITS}, ledger.now()) > 0
    after = outside.scopes()
    for name, field in (("o:acme", "tpo"), ("o:acme", "usdo"), ("t:acme/ml", "usdd")):
        assert after[name][field][:4] == before[name][field][:4]
    assert len([name for name in after if name.startswith("u:")]) == 3
    assert await checking.check() == []


async def test_a_prepaid_balance_is_spent_to_its_end_and_not_beyond(
    ledger: Ledger, outside: Outside
) -> None:
    prepaid = quotas({"organization": {"prepaid_usd": True}})
    with pytest.raises(LimitExceeded) as denied:
        async with ledger.hold(reserve_request(prepaid), used):
            pass
    assert denied.value.code == "insufficient_quota"
    assert ("x-should-retry", "false") in denied.value.headers
    cost = 60 * PRICE // 1000
    assert (await ledger.credit("acme", 3 * cost, "invoice-1")).left == 3 * cost
    assert not (await ledger.credit("acme", 3 * cost, "invoice-1")).added
    for _ in range(3):
        asked = reserve_request(prepaid, input_tokens=10, output_tokens=50)
        async with ledger.hold(asked, used) as hold:
            hold.dispatched()
        assert await ledger.settled()
    with pytest.raises(LimitExceeded):
        async with ledger.hold(reserve_request(prepaid), used):
            pass
    balance = await ledger.credit("acme", 0, "read")
    assert (balance.used, balance.left) == (3 * cost, 0)
