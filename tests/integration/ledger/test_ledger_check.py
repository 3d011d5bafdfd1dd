"""The ledger against the books: drifts, losses, limits of tiers and gateways; prepaid balances."""

import time
from collections.abc import AsyncIterator, Iterator, Mapping

import pytest
from ledgerkit import PRICE, Outside, reserve_request, used

from router.errors import LimitExceeded
from router.ledger.check.check import LedgerCheck
from router.ledger.check.findings import CheckReport, Kind
from router.ledger.check.history import calendar_limits
from router.ledger.ledger import Ledger
from router.ledger.quotas.dimensions import Quota, quotas
from router.ledger.server.embedded import Embedded
from router.usage.books import LedgerBooks
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
MONTHLY = quotas({"organization": {"usd_per_month": 10**15}})
PREPAID = quotas({"organization": {"prepaid_usd": True}})
DAILY_TOO = quotas({"organization": {"usd_per_month": 10**15, "tokens_per_day": 10**9}})


@pytest.fixture
def store(database: str) -> Iterator[UsageStore]:
    store = UsageStore(database)
    yield store
    store.close()


@pytest.fixture
def books(store: UsageStore, database: str) -> Iterator[LedgerBooks]:
    books = LedgerBooks(database)
    yield books
    books.close()


@pytest.fixture
async def second(server: Embedded, outside: Outside) -> AsyncIterator[Ledger]:
    """Another gateway on the same ledger."""
    ledger = await Ledger.connect(server.url, command_seconds=5)
    yield ledger
    await ledger.close()


async def serve(
    ledger: Ledger, times: int, limits: tuple[Quota, ...] = LIMITS, tier: str = "pro"
) -> None:
    for n in range(times):
        asked = reserve_request(limits, team="ml", tier=tier, user=f"user{n % 3}")
        async with ledger.hold(asked, lambda: used(10, 33)) as hold:
            hold.dispatched()
    assert await ledger.settled()


async def stored(ledger: Ledger, store: UsageStore) -> None:
    await JournalConsumer(ledger.journal(), store).drain()


def says(books: LedgerBooks, ledger: Ledger, **tiers: tuple[Quota, ...]) -> None:
    """A gateway tells the books by which limits it counts from now on."""
    books.say_limits(ledger.process, time.time_ns() // 1_000_000, calendar_limits(tiers))


def checking(ledger: Ledger, books: LedgerBooks, **tiers: tuple[Quota, ...]) -> LedgerCheck:
    of: Mapping[str, tuple[Quota, ...]] = tiers or {"pro": LIMITS}
    return ledger.check(books, of)


async def look(ledger: Ledger, books: LedgerBooks, **tiers: tuple[Quota, ...]) -> CheckReport:
    return await checking(ledger, books, **tiers).check()


def tweaked(outside: Outside, used: int, held: int) -> tuple[int, ...]:
    state = list(outside.scopes()["o:acme"]["tpo"])
    state[2] += used
    state[3] += held
    return tuple(state)


def no_windows(text: str) -> str:
    """Words without the day on which a window began."""
    subject, said = text.split(": ", 1)
    return f"{subject.split(' from ')[0]}: {said}"


async def test_ledger_journal_and_sql_agree_while_requests_are_open(
    ledger: Ledger, store: UsageStore, books: LedgerBooks
) -> None:
    await serve(ledger, 5)
    await stored(ledger, store)
    await serve(ledger, 4)  # these are still in the journal
    async with ledger.hold(reserve_request(LIMITS, team="ml", user="user1"), used) as hold:
        hold.dispatched()
        report = await look(ledger, books)
    assert (report.findings, report.lost) == ([], {})
    assert report.scopes == 7


async def test_a_drift_is_named_in_words_and_repaired(
    ledger: Ledger, outside: Outside, books: LedgerBooks
) -> None:
    await serve(ledger, 5)
    (key,) = outside.client.keys("*:s:o:acme")
    outside.tweak(key, "Ctpo", tweaked(outside, used=7, held=3))
    (own,) = outside.client.keys("*:s:k:acme/key1")
    outside.tweak(own, "Lconc", (4,))
    report = await look(ledger, books)
    assert sorted(no_windows(str(finding)) for finding in report.findings) == [
        "key key1 of organization acme, requests at once: the ledger counts 4 as open, 0 are",
        "organization acme, tokens a month: the ledger holds 3, the requests that are open 0",
        "organization acme, tokens a month: the ledger says 222 used, the books 215",
    ]
    assert await checking(ledger, books).repair(report.changes) == 2
    assert (await look(ledger, books)).agrees
    assert outside.scopes()["o:acme"]["tpo"][2:4] == (215, 0)


async def test_repairing_changes_a_busy_state_by_what_was_agreed_to(
    ledger: Ledger, outside: Outside, books: LedgerBooks
) -> None:
    await serve(ledger, 2)
    (key,) = outside.client.keys("*:s:o:acme")
    outside.tweak(key, "Ctpo", tweaked(outside, used=7, held=0))
    report = await look(ledger, books)
    await serve(ledger, 1)  # while the operator thinks
    assert await checking(ledger, books).repair(report.changes) == 1
    assert outside.scopes()["o:acme"]["tpo"][2] == 3 * 43


async def test_repairing_leaves_alone_what_differs_otherwise_by_now(
    ledger: Ledger, outside: Outside, books: LedgerBooks
) -> None:
    await serve(ledger, 2)
    (key,) = outside.client.keys("*:s:o:acme")
    outside.tweak(key, "Ctpo", tweaked(outside, used=7, held=0))
    report = await look(ledger, books)
    outside.tweak(key, "Ctpo", tweaked(outside, used=5, held=0))
    assert await checking(ledger, books).repair(report.changes) == 0
    assert outside.scopes()["o:acme"]["tpo"][2] == 2 * 43 + 12


async def test_a_flushed_ledger_is_told_first_and_made_again_from_the_books(
    ledger: Ledger, outside: Outside, store: UsageStore, books: LedgerBooks
) -> None:
    await serve(ledger, 6)
    await stored(ledger, store)
    before = outside.scopes()
    outside.client.flushall()
    report = await look(ledger, books)
    assert not report.agrees
    assert report.loss is not None
    assert report.loss.startswith("The ledger lost what it held")
    assert {finding.kind for finding in report.findings} == {Kind.LOST}
    assert (
        f"organization acme, US dollars a month: the ledger lost this; the books say"
        f" ${6 * 43 * PRICE / 10**12:.5f} used"
    ) in {no_windows(str(finding)) for finding in report.findings}
    again = checking(ledger, books)
    assert await again.repair(report.changes) == len(report.changes)
    after = outside.scopes()
    for name, field in (("o:acme", "tpo"), ("o:acme", "usdo"), ("t:acme/ml", "usdd")):
        assert after[name][field][:4] == before[name][field][:4]
    assert len([name for name in after if name.startswith("u:")]) == 3
    await again.declare_whole()
    assert (await again.check()).agrees


async def test_a_window_that_alone_is_missing_is_named_as_lost(
    ledger: Ledger, outside: Outside, store: UsageStore, books: LedgerBooks
) -> None:
    await serve(ledger, 2)
    await stored(ledger, store)
    outside.client.delete(*outside.client.keys("*:s:t:acme/ml"))
    report = await look(ledger, books)
    assert [(f.kind, f.scope.level, f.row.name) for f in report.findings] == [
        (Kind.LOST, "team", "usd_per_day")
    ]


async def test_a_balance_is_charged_for_requests_of_its_own_tier_alone(
    ledger: Ledger, outside: Outside, store: UsageStore, books: LedgerBooks
) -> None:
    tiers = {"pro": MONTHLY, "paid": PREPAID}
    await serve(ledger, 4, MONTHLY)
    await ledger.credit("acme", 10**9, "invoice-1")
    assert (await look(ledger, books, **tiers)).findings == []
    await serve(ledger, 3, PREPAID, tier="paid")  # the organization moved to another tier
    await serve(ledger, 1, MONTHLY)  # and back
    await stored(ledger, store)
    assert (await look(ledger, books, **tiers)).findings == []
    outside.client.delete(*outside.client.keys("*:s:o:acme"))
    again = checking(ledger, books, **tiers)
    assert await again.repair((await again.check()).changes) == 2
    balance = await ledger.credit("acme", 0, "read")
    assert balance.used == 3 * 43 * PRICE // 1000
    assert outside.scopes()["o:acme"]["usdo"][2] == 5 * 43 * PRICE // 1000


async def test_a_limit_that_is_younger_than_its_window_is_no_drift(
    ledger: Ledger, store: UsageStore, books: LedgerBooks
) -> None:
    says(books, ledger, pro=MONTHLY)
    await serve(ledger, 3, MONTHLY)
    await stored(ledger, store)
    says(books, ledger, pro=DAILY_TOO)
    await serve(ledger, 2, DAILY_TOO)
    report = await look(ledger, books, pro=DAILY_TOO)
    assert report.agrees
    (note,) = report.notes
    assert (note.kind, note.ledger, note.books) == (Kind.SINCE, 2 * 43, 3 * 43)
    assert "counted since 20" in str(note)


async def test_a_limit_of_gateways_that_said_nothing_counts_since_the_ledger_has_it(
    ledger: Ledger, outside: Outside, store: UsageStore, books: LedgerBooks
) -> None:
    await serve(ledger, 3, MONTHLY)
    began = ledger.now()
    while ledger.now() <= began:
        await serve(ledger, 1, MONTHLY)
    before = len(outside.rows()) * 43
    await stored(ledger, store)
    assert (await look(ledger, books, pro=DAILY_TOO)).agrees  # nobody has asked since
    await serve(ledger, 2, DAILY_TOO)
    report = await look(ledger, books, pro=DAILY_TOO)
    assert report.agrees
    (note,) = report.notes
    assert (note.kind, note.ledger, note.books) == (Kind.SINCE, 2 * 43, before)


async def test_a_limit_that_stands_at_one_gateway_only_is_named_and_no_drift(
    ledger: Ledger, second: Ledger, store: UsageStore, books: LedgerBooks
) -> None:
    says(books, ledger, pro=DAILY_TOO)
    says(books, second, pro=MONTHLY)
    await serve(ledger, 2, DAILY_TOO)
    await serve(second, 3, MONTHLY)
    await stored(ledger, store)
    with_it = await look(ledger, books, pro=DAILY_TOO)
    assert with_it.agrees
    assert [(n.kind, n.ledger, n.books) for n in with_it.notes] == [
        (Kind.ELSEWHERE, 2 * 43, 3 * 43)
    ]
    assert "gateways without this limit" in str(with_it.notes[0])
    without = await look(ledger, books, pro=MONTHLY)
    assert without.agrees
    assert without.changes == []


async def test_a_limit_of_another_configuration_is_not_compared(
    ledger: Ledger, store: UsageStore, books: LedgerBooks
) -> None:
    await serve(ledger, 2, DAILY_TOO)
    await stored(ledger, store)
    report = await look(ledger, books, pro=MONTHLY)
    assert report.agrees
    assert [note.kind for note in report.notes] == [Kind.UNKNOWN]


async def test_what_a_late_settlement_corrects_is_in_the_books_too(
    ledger: Ledger, outside: Outside, store: UsageStore, books: LedgerBooks
) -> None:
    async with ledger.hold(reserve_request(MONTHLY), lambda: used(10, 33)) as hold:
        hold.dispatched()
        outside.end_leases()
        assert await ledger.reap() == 1
        await stored(ledger, store)
        assert (await look(ledger, books, pro=MONTHLY)).agrees
    assert await ledger.settled()
    await stored(ledger, store)
    assert books.count() == 2
    assert (await look(ledger, books, pro=MONTHLY)).agrees


async def test_a_prepaid_balance_is_spent_to_its_end_and_not_beyond(ledger: Ledger) -> None:
    with pytest.raises(LimitExceeded) as denied:
        async with ledger.hold(reserve_request(PREPAID), used):
            pass
    assert denied.value.code == "insufficient_quota"
    assert ("x-should-retry", "false") in denied.value.headers
    cost = 60 * PRICE // 1000
    assert (await ledger.credit("acme", 3 * cost, "invoice-1")).left == 3 * cost
    assert not (await ledger.credit("acme", 3 * cost, "invoice-1")).added
    for _ in range(3):
        asked = reserve_request(PREPAID, input_tokens=10, output_tokens=50)
        async with ledger.hold(asked, used) as hold:
            hold.dispatched()
        assert await ledger.settled()
    with pytest.raises(LimitExceeded):
        async with ledger.hold(reserve_request(PREPAID), used):
            pass
    balance = await ledger.credit("acme", 0, "read")
    assert (balance.used, balance.left) == (3 * cost, 0)
