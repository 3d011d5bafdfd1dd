"""From a settled request to a row of SQL, on a real Valkey and a real database."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis
from ledgerkit import PRICE, Outside, reserve_request, used

from policies.money import usd
from router.database import DatabaseError
from router.domain import Cascaded
from router.ledger.ledger import Ledger
from router.ledger.server.embedded import Embedded
from router.usage.journal import JournalConsumer
from router.usage.report import spend
from router.usage.report_formats import as_csv, as_json
from router.usage.rows import NAMES
from router.usage.store import UsageStore

LIMITS = {"key": {"requests_per_minute": 10_000}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with Embedded(tmp_path_factory.mktemp("valkey")) as embedded:
        yield embedded


@pytest.fixture
def outside(server: Embedded) -> Iterator[Outside]:
    with redis.Redis(unix_socket_path=server.url.removeprefix("unix://")) as client:
        client.flushall()
        yield Outside(client)


@pytest.fixture
async def ledger(server: Embedded, outside: Outside) -> AsyncIterator[Ledger]:
    ledger = await Ledger.connect(server.url, command_seconds=5)
    yield ledger
    await ledger.close()


@pytest.fixture
def store(database: str) -> Iterator[UsageStore]:
    store = UsageStore(database)
    yield store
    store.close()


async def serve(ledger: Ledger, organization: str, times: int) -> None:
    for n in range(times):
        asked = reserve_request(LIMITS, organization=organization, request=f"{organization}-{n}")
        async with ledger.hold(asked, used) as hold:
            hold.dispatched()
    assert await ledger.settled()


async def test_every_settled_request_becomes_one_row_and_leaves_the_journal(
    ledger: Ledger, outside: Outside, store: UsageStore
) -> None:
    await serve(ledger, "acme", 7)
    await serve(ledger, "bolt", 3)
    assert await JournalConsumer(ledger.journal(), store).drain() == 10
    assert await ledger.journal().backlog() == 0
    report = spend(store, ["organization", "backend"])
    assert [(r["organization"], r["backend"], r["requests"]) for r in report.rows] == [
        ("acme", "local", 7),
        ("bolt", "local", 3),
    ]
    assert report.total["cost_pico"] == 10 * 60 * PRICE


async def test_what_a_cascade_did_is_in_the_row_of_its_request(
    ledger: Ledger, outside: Outside, store: UsageStore
) -> None:
    await serve(ledger, "acme", 2)
    outcomes = [(), ("not_empty",), ("not_empty", "judge")]
    for n, fired in enumerate(outcomes):
        charge = used()._replace(cascade=Cascaded(fired, 7 * len(fired), 3, 10**12))
        asked = reserve_request(LIMITS, organization="acme", request=f"checked-{n}")
        async with ledger.hold(asked, lambda charge=charge: charge) as hold:
            hold.dispatched()
    assert await ledger.settled()
    await JournalConsumer(ledger.journal(), store).drain()
    by_verifier = {row.pop("verifier"): row for row in store.cascades(None, None)}
    assert list(by_verifier) == ["not_empty", "not_empty, judge", "passed"]
    assert by_verifier["not_empty, judge"] == {
        "requests": 1,
        "rejected_pico": 14,
        "judge_pico": 3,
        "cost_pico": 60 * PRICE,
        "direct_pico": 10**12,
    }
    assert store.cascades("2999-01-01", None) == []


async def test_a_crash_between_storing_and_deleting_doubles_nothing(
    ledger: Ledger, outside: Outside, store: UsageStore
) -> None:
    await serve(ledger, "acme", 5)
    journal = ledger.journal()
    dying = JournalConsumer(Forgetful(journal), store)
    with pytest.raises(ConnectionError):
        await dying.drain()
    assert store.count() == 5
    assert await journal.backlog() == 5
    assert await JournalConsumer(journal, store).drain() == 0
    assert store.count() == 5
    assert await journal.backlog() == 0


async def test_a_server_that_refuses_to_delete_costs_neither_rows_nor_the_reader(
    ledger: Ledger, outside: Outside, store: UsageStore
) -> None:
    await serve(ledger, "acme", 3)
    journal = ledger.journal()
    entries = await journal.read(10)
    server = outside.client
    name = server.keys("lg:*:j")[0]
    server.rename(name, "aside")
    server.set(name, "no stream")
    for refused in (journal.forget(entries), journal.backlog(), journal.read(10)):
        with pytest.raises(ConnectionError):
            await refused
    server.rename("aside", name)
    assert await JournalConsumer(journal, store).drain() == 3


class Forgetful:
    """A journal whose reader dies before it can delete what was stored."""

    def __init__(self, journal: object) -> None:
        self._journal = journal

    def __getattr__(self, name: str) -> object:
        return getattr(self._journal, name)

    async def forget(self, entries: object) -> None:
        raise ConnectionError


async def test_while_sql_is_away_the_journal_keeps_everything(
    ledger: Ledger, outside: Outside, tmp_path: Path, store: UsageStore
) -> None:
    away = UsageStore(f"sqlite:///{tmp_path}/not/there/usage.sqlite")
    await serve(ledger, "acme", 4)
    consumer = JournalConsumer(ledger.journal(), away)
    with pytest.raises(DatabaseError):
        await consumer.drain()
    away.close()
    assert await ledger.journal().backlog() == 4
    assert await JournalConsumer(ledger.journal(), store).drain() == 4


async def test_one_gateway_at_a_time_holds_the_reader_lease(
    server: Embedded, ledger: Ledger, outside: Outside
) -> None:
    other = await Ledger.connect(server.url, command_seconds=5)
    assert await ledger.journal().take_reader_lease()
    assert await ledger.journal().take_reader_lease()
    assert not await other.journal().take_reader_lease()
    await other.close()


class Seconds:
    """Pauses that last until the test lets them end."""

    def __init__(self) -> None:
        self._go, self._asleep = asyncio.Event(), asyncio.Event()

    async def sleep(self, _seconds: float) -> None:
        self._asleep.set()
        await self._go.wait()
        self._go.clear()

    async def pass_by(self, count: int = 1) -> None:
        """Let the consumer do what it does in so many seconds."""
        for _ in range(count):
            await self._asleep.wait()
            self._asleep.clear()
            self._go.set()
        await self._asleep.wait()


class Counted:
    """A journal that counts what is asked of it."""

    def __init__(self, journal: object) -> None:
        self._journal = journal
        self.asked: Counter[str] = Counter()

    def __getattr__(self, name: str) -> object:
        self.asked[name] += 1
        return getattr(self._journal, name)


@asynccontextmanager
async def consuming(ledger: Ledger, store: UsageStore) -> AsyncIterator[tuple[Counted, Seconds]]:
    """A consumer in its task, as a gateway runs it."""
    journal, seconds = Counted(ledger.journal()), Seconds()
    consumer = JournalConsumer(journal, store, lambda: ledger.counts["settled"], seconds.sleep)
    consumer.start()
    yield journal, seconds
    await consumer.close()


async def test_what_a_gateway_served_is_stored_within_a_second_after_any_rest(
    ledger: Ledger, outside: Outside, store: UsageStore
) -> None:
    async with consuming(ledger, store) as (_, seconds):
        for stored in (1, 2, 3):
            await serve(ledger, f"acme-{stored}", 1)
            await seconds.pass_by(1)
            assert store.count() == stored
            await seconds.pass_by(25)


async def test_a_gateway_at_rest_asks_its_journal_once_in_ten_seconds(
    ledger: Ledger, outside: Outside, store: UsageStore
) -> None:
    async with consuming(ledger, store) as (journal, seconds):
        await seconds.pass_by(1)
        journal.asked.clear()
        await seconds.pass_by(20)
        assert journal.asked == {"backlog": 2}


async def test_rows_of_a_gateway_that_died_are_stored_by_another_within_ten_seconds(
    server: Embedded, ledger: Ledger, outside: Outside, store: UsageStore
) -> None:
    async with consuming(ledger, store) as (_, seconds):
        await seconds.pass_by(1)
        other = await Ledger.connect(server.url, command_seconds=5)
        await serve(other, "acme", 3)
        await other.close()
        await seconds.pass_by(10)
        assert store.count() == 3


async def test_whoever_found_the_journal_empty_lets_another_one_read(
    server: Embedded, ledger: Ledger, outside: Outside, store: UsageStore
) -> None:
    async with consuming(ledger, store) as (_, seconds):
        await serve(ledger, "acme", 1)
        await seconds.pass_by(2)
        other = await Ledger.connect(server.url, command_seconds=5)
        assert await other.journal().take_reader_lease()
        await other.close()


async def test_an_entry_that_cannot_be_read_stays_and_blocks_nobody(
    ledger: Ledger, outside: Outside, store: UsageStore
) -> None:
    outside.client.xadd("lg:{v62}:j", {"id": "?", "meta": "no json", "used": "1"})
    await serve(ledger, "acme", 2)
    consumer = JournalConsumer(ledger.journal(), store)
    assert await consumer.drain() == 2
    assert consumer.foreign > 0
    assert await ledger.journal().backlog() == 1


async def test_a_report_reads_the_same_as_json_and_csv(
    ledger: Ledger, outside: Outside, store: UsageStore
) -> None:
    await serve(ledger, "acme", 2)
    await JournalConsumer(ledger.journal(), store).drain()
    report = spend(store, ["organization"], since="2020-01-01", until="2100-01-01")
    assert '"cost_usd": "0.0012"' in as_json(report)
    assert as_csv(report).splitlines()[1] == (
        "acme,2,20,100,0,0,0,0,0,0,0,0,0.001200000000,0.001200000000,0.00,USD"
    )
    assert spend(store, ["day"], until="2020-01-01").rows == ()


def test_dollars_are_exact() -> None:
    assert usd(1, least=2) == "0.000000000001"
    assert usd(20 * 10**12, least=2) == "20.00"
    assert usd(-1_500_000_000_000, least=2) == "-1.50"


def test_sums_do_not_overflow_where_one_column_would(store: UsageStore) -> None:
    row = {
        "status": "completed", "admitted_at": 1, "closed_at": 2, "day": "2026-01-01",
        "organization": "o",
        "requests": 1, "tokens": 0, "input_tokens": 0, "output_tokens": 0, "cached_tokens": 0,
        "cache_write_tokens": 0, "reasoning_tokens": 0, "images": 0, "seconds": 0,
        "characters": 0, "searches": 0, "bytes": 0, "cost_pico": 9 * 10**18,
        "estimated": False, "busy_ms": 0,
    }  # fmt: skip
    rows = [{**row, "hold_id": str(n), "seq": 0} for n in range(3)]
    store.add([tuple(row.get(name) for name in NAMES) for row in rows])
    assert spend(store, ["organization"]).total["cost_pico"] == 27 * 10**18
