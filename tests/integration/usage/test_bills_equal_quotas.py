"""A customer's bill of a day or a month is what its quota counted, to the pico-USD: on a real
Valkey whose clock is set, and a real database.
"""

import json
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
import redis
from ledgerkit import Outside, reserve_request

from policies.policy import load
from router.domain import Charge, Outcome, Usage
from router.ledger.codec import CLOCK_PAIR, CalendarState
from router.ledger.keys import shard, shard_of
from router.ledger.ledger import Ledger
from router.ledger.server.embedded import Embedded
from router.ledger.server.startup import SHARDS
from router.usage.journal import JournalConsumer
from router.usage.report import spend
from router.usage.store import UsageStore
from router.world.books import WorldBooks
from router.world.config_load import load_config
from router.world.snapshot import Snapshot, compile_snapshot

POLICY = """\
version: 1
timezone: Europe/Berlin
routes: {{auto: {{candidates: [local], objective: fixed}}}}
tiers:
  pro: {{usd_per_day: 1000, usd_per_month: 1000, timezone: {zone}, billing_day: {billing_day}}}
"""
LOCAL = {"base_url": "http://127.0.0.1:9/v1", "model": "m", "price": {"input": 1, "output": 1}}


def world(zone: str, billing_day: int) -> Snapshot:
    """A policy whose tier has a calendar of its own."""
    config = load_config(json.dumps({"version": 1, "backends": {"local": LOCAL}}), "t.yaml", {})
    return compile_snapshot(config, load(POLICY.format(zone=zone, billing_day=billing_day), "p"))


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


def set_clock(outside: Outside, at_ms: int) -> None:
    """Let the ledger's clock go on from an instant in the future."""
    clock = shard(shard_of("acme", SHARDS)).clock
    outside.client.set(clock, CLOCK_PAIR.pack(at_ms, time.time_ns() // 1_000_000))


async def serve(ledger: Ledger, world: Snapshot, cost_pico: int) -> None:
    charge = Charge(
        *(Usage(10, 5), cost_pico, Outcome.COMPLETED), backend="local", price_version="p"
    )
    async with ledger.hold(reserve_request(world.quotas["pro"]), lambda: charge) as hold:
        hold.dispatched()
    assert await ledger.settled()


def windows(outside: Outside) -> dict[tuple[str, int], int]:
    """What the organization's quotas counted: by the start of a window, in pico-USD."""
    counted = {}
    for place, numbers in outside.scopes()["o:acme"].items():
        state = CalendarState.of(numbers)
        counted[place, state.start] = state.used * 1000 + state.remainder
        if state.before_used or state.before_remainder:
            counted[place, state.before_start] = state.before_used * 1000 + state.before_remainder
    return counted


CALENDARS = [  # instants that straddle midnight and the billing day there, and a day of 23 hours
    ("Asia/Kathmandu", 15, ["2027-06-14T18:14:00", "2027-06-14T18:16:00"]),
    ("Asia/Kathmandu", 15, ["2027-06-14T23:59:00", "2027-06-15T00:01:00"]),
    ("America/New_York", 14, ["2027-03-14T04:59:00", "2027-03-14T05:01:00", "2027-03-15T03:59:00"]),
    ("Europe/Berlin", 1, ["2027-10-31T21:59:00", "2027-10-31T22:59:00", "2027-10-31T23:01:00"]),
    ("UTC", 28, ["2027-02-27T23:59:00", "2027-02-28T00:01:00"]),
]


@pytest.mark.parametrize("calendar", CALENDARS)
async def test_the_bill_of_a_day_and_of_a_month_is_what_the_quota_of_that_window_counted(
    ledger: Ledger, outside: Outside, store: UsageStore, calendar: tuple[str, int, list[str]]
) -> None:
    zone, billing_day, instants = calendar
    there = world(zone, billing_day)
    for n, instant in enumerate(instants):
        at = datetime.fromisoformat(instant).replace(tzinfo=UTC)
        set_clock(outside, round(at.timestamp() * 1000))
        await serve(ledger, there, 10**9 + 7**n)  # with pico-USD below what the ledger counts in
    books = WorldBooks(lambda: there)
    assert await JournalConsumer(ledger.journal(), store, books=books).drain() == len(instants)
    billed = {
        (name, start_of(row[name], zone)): row["cost_pico"]
        for name in ("day", "month")
        for row in spend(store, [name]).rows
    }
    counted = windows(outside)
    assert len({place for place, _ in counted}) == 2  # a day's and a month's
    assert sorted((start, pico) for (_, start), pico in counted.items()) == sorted(
        (start, pico) for (_, start), pico in billed.items()
    )


def start_of(day: str, zone: str) -> int:
    """When a day begins there, in Unix milliseconds."""
    begins = datetime.combine(date.fromisoformat(day), datetime.min.time(), ZoneInfo(zone))
    return round(begins.timestamp() * 1000)
