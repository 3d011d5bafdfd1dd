"""A running gateway notices that its ledger lost what it held, and tells it once."""

import asyncio
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import redis
from ledger_servers import answers, server
from ledgerkit import Outside, eventually, reserve_request, used
from patience import until
from ports import free_port

from router.ledger.keys import shard_of
from router.ledger.ledger import Ledger
from router.ledger.loss import Cause
from router.ledger.quotas.dimensions import quotas
from router.ledger.watch import LedgerWatch
from router.usage.books import LedgerBooks
from router.usage.journal import JournalConsumer
from router.usage.store import UsageStore

LIMITS = quotas({"organization": {"usd_per_month": 10**15}})
TIERS = {"pro": LIMITS}
HOME = shard_of("acme", 64)
ALL = 64


class Kept(NamedTuple):
    """What is stored in SQL."""

    rows: UsageStore
    books: LedgerBooks


@pytest.fixture
def kept(database: str) -> Iterator[Kept]:
    kept = Kept(UsageStore(database), LedgerBooks(database))
    yield kept
    for store in kept:
        store.close()


@pytest.fixture
async def two(ledger: Ledger, kept: Kept) -> tuple[LedgerWatch, LedgerWatch]:
    """Two gateways that have seen their ledger whole."""
    watches = (ledger.watch(kept.books), ledger.watch(kept.books))
    for watch in watches:
        await watch.look()
    return watches


async def serve(ledger: Ledger, kept: Kept, times: int = 1) -> None:
    for _ in range(times):
        async with ledger.hold(reserve_request(LIMITS), used) as hold:
            hold.dispatched()
    assert await ledger.settled(20)
    await JournalConsumer(ledger.journal(), kept.rows).drain()


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "turnout"]


async def mend(ledger: Ledger, kept: Kept) -> None:
    """What `turnout ledger repair` does."""
    checking = ledger.check(kept.books, TIERS)
    await checking.repair((await checking.check()).changes)
    await checking.declare_whole()


async def test_a_ledger_that_is_whole_is_told_nothing_of(
    ledger: Ledger, kept: Kept, two: tuple[LedgerWatch, LedgerWatch],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    await serve(ledger, kept)
    for watch in (*two, *two):
        await watch.look()
        assert (watch.lost, watch.trouble) == ({}, None)
    assert told(caplog) == []


async def test_two_gateways_notice_a_flush_once_each_and_that_it_was_repaired(
    ledger: Ledger,
    outside: Outside,
    kept: Kept,
    two: tuple[LedgerWatch, LedgerWatch],
    caplog: pytest.LogCaptureFixture,
) -> None:
    await serve(ledger, kept, 3)
    outside.client.flushall()
    await serve(ledger, kept, 1)  # traffic goes on, and makes new windows
    for watch in (*two, *two):
        await watch.look()
    for watch in two:
        assert {loss.cause for loss in watch.lost.values()} == {Cause.EMPTY}
        assert len(watch.lost) == ALL
        assert watch.losses[Cause.EMPTY] == 1
        assert watch.trouble is not None
    assert len(told(caplog)) == len(two)
    assert "turnout ledger repair" in told(caplog)[0]
    report = await ledger.check(kept.books, TIERS).check()
    assert not report.agrees
    assert [finding.what for finding in report.drifts] == ["used"]
    await mend(ledger, kept)
    for watch in two:
        await watch.look()
        assert watch.trouble is None
    assert told(caplog)[len(two) :] == [
        "The ledger is whole again: what it had lost is repaired."
    ] * len(two)
    assert (await ledger.check(kept.books, TIERS).check()).agrees


async def test_a_loss_is_looked_for_at_the_start_and_within_a_minute(
    ledger: Ledger, outside: Outside, kept: Kept
) -> None:
    waited: list[float] = []
    looked = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 1:
            outside.client.flushall()
            return
        looked.set()
        await asyncio.Event().wait()

    watch = LedgerWatch(
        ledger._nodes, ledger._shards, kept.books, epoch=ledger._epoch, now=ledger.now, sleep=sleep
    )
    await watch.start()
    assert watch.lost == {}
    await looked.wait()
    assert len(watch.lost) == ALL
    assert max(waited) < 60
    await watch.close()


async def test_a_flush_gives_the_ledger_back_the_key_of_its_pseudonyms(
    ledger: Ledger, outside: Outside, two: tuple[LedgerWatch, LedgerWatch]
) -> None:
    secret = outside.client.hget("lg:meta", "secret")
    outside.client.flushall()
    await two[0].look()
    assert outside.client.hget("lg:meta", "secret") == secret


async def test_a_gateway_that_was_restarted_notices_what_happened_meanwhile(
    ledger: Ledger, outside: Outside, kept: Kept,
    two: tuple[LedgerWatch, LedgerWatch],
) -> None:  # fmt: skip
    await serve(ledger, kept)
    outside.client.flushall()
    await serve(ledger, kept)  # before anybody looked
    fresh = ledger.watch(kept.books)
    await fresh.look()
    assert len(fresh.lost) == ALL
    newest = ledger.watch(kept.books)
    await newest.look()  # by what the first one wrote down
    assert newest.lost == fresh.lost


async def test_books_alone_tell_a_first_gateway_that_the_ledger_is_empty(
    ledger: Ledger, outside: Outside, kept: Kept
) -> None:
    await serve(ledger, kept)
    outside.client.flushall()
    watch = ledger.watch(kept.books)
    await watch.look()
    assert set(watch.lost) == {HOME}  # of the others nobody ever heard


async def test_a_ledger_of_a_version_before_is_taken_as_it_is(ledger: Ledger, kept: Kept) -> None:
    await serve(ledger, kept)
    watch = ledger.watch(kept.books)
    await watch.look()
    assert watch.lost == {}


async def test_another_ledger_than_the_books_are_of_is_noticed_and_left_alone(
    ledger: Ledger, outside: Outside, two: tuple[LedgerWatch, LedgerWatch]
) -> None:
    keys = outside.client.keys("lg:{*}:w")
    theirs = f"0123456789abcdef {int(time.time() * 1000)} - 0".encode()
    for key in keys:
        outside.client.set(key, theirs)
    await two[0].look()
    assert {loss.cause for loss in two[0].lost.values()} == {Cause.FOREIGN}
    assert {outside.client.get(key) for key in keys} == {theirs}


async def test_a_server_that_is_away_is_no_loss(
    ledger: Ledger, outside: Outside, two: tuple[LedgerWatch, LedgerWatch],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    lent = outside.client.client_list()
    await ledger._nodes.close()
    await two[0].start()
    await two[0].close()
    assert lent
    assert (two[0].lost, told(caplog)) == ({}, [])


async def test_an_old_snapshot_that_is_restored_is_noticed_by_gateways_old_and_new(
    tmp_path: Path, kept: Kept
) -> None:
    port, folder, old = free_port(), tmp_path / "now", tmp_path / "old"
    url = f"redis://127.0.0.1:{port}/0"
    appended = ("--appendonly", "yes", "--appendfsync", "always")
    with server(folder, *appended, port=port):
        (await asyncio.to_thread(answers, port)).close()
        ledger = await Ledger.connect(url, command_seconds=5)
        watch = ledger.watch(kept.books)
        await watch.look()
        await serve(ledger, kept)
        shutil.copytree(folder, old)  # what a backup would hold
        snapshot = watch._known
        assert snapshot is not None
        later = [0]
        passing = LedgerWatch(
            ledger._nodes, ledger._shards, kept.books, epoch=ledger._epoch,
            now=lambda: ledger.now() + later[0],
        )  # fmt: skip
        await passing.look()
        later[0] = 60_000  # a minute goes by
        await passing.look()
        await serve(ledger, kept, 2)
    with server(old, *appended, port=port):
        (await asyncio.to_thread(answers, port)).close()
        await eventually(lambda: ledger.connected)
        await serve(ledger, kept)
        await passing.look()
        assert {loss.cause for loss in passing.lost.values()} == {Cause.OLDER}
        assert len(passing.lost) == ALL
        assert "is gone" in str(passing.trouble)
        await watch.look()  # one that had not seen that minute reads it too
        assert watch.lost == passing.lost
        await mend(ledger, kept)
        await passing.look()
        assert passing.lost == {}
        await ledger.close()


async def test_a_replica_that_is_promoted_empty_is_noticed(tmp_path: Path, kept: Kept) -> None:
    master_port, replica_port = free_port(), free_port()
    with (
        server(tmp_path / "master", port=master_port),
        server(tmp_path / "replica", port=replica_port),
    ):
        for port in (master_port, replica_port):
            (await asyncio.to_thread(answers, port)).close()
        ledger = await Ledger.connect(f"redis://127.0.0.1:{master_port}/0", command_seconds=5)
        watch = ledger.watch(kept.books)
        await watch.look()
        await serve(ledger, kept)
        with redis.Redis(port=master_port) as master:
            master.replicaof("127.0.0.1", replica_port)  # it becomes what the other one is
            until(lambda: master.info("replication")["master_link_status"] == "up")
            master.replicaof("NO", "ONE")
        await serve(ledger, kept)
        await watch.look()
        assert {loss.cause for loss in watch.lost.values()} == {Cause.EMPTY}
        await ledger.close()
