"""The clock of the ledger's server jumps: nobody is admitted or counted twice, it is told."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner
from ledger_servers import answers
from ledgerkit import Outside, eventually, reserve_request, used
from patience import until
from shifted_time import ShiftedServer, shifted_server

from router.cli.ledger import ledger as ledger_commands
from router.errors import LimitExceeded
from router.ledger.codec import CLOCK_PAIR
from router.ledger.keys import shard, shard_of
from router.ledger.ledger import Ledger
from router.ledger.quotas.dimensions import quotas
from router.usage.books import LedgerBooks
from router.usage.journal import JournalConsumer
from router.usage.store import UsageStore

HOUR = 3_600_000
TEN = quotas({"key": {"requests_per_minute": 10}, "organization": {"tokens_per_day": 10**9}})
HOME = shard(shard_of("acme", 64))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShiftedServer]:
    with shifted_server(tmp_path_factory.mktemp("shifted")) as server:
        answers(server.port).close()
        yield server


@pytest.fixture
def shifted(running: ShiftedServer) -> ShiftedServer:
    """A server on whose ledger nothing was counted yet, and whose clock is right."""
    running.move_clock(0)
    with redis.Redis(port=running.port) as client:
        client.flushall()
        assert client.waitaof(1, 0, 0)[0] == 1  # a kill does not bring the test before this back
    return running


@pytest.fixture
async def ledger(shifted: ShiftedServer) -> AsyncIterator[Ledger]:
    ledger = await Ledger.connect(shifted.url, command_seconds=5)
    yield ledger
    await ledger.close()


@contextlib.contextmanager
def books(folder: Path) -> Iterator[tuple[UsageStore, LedgerBooks]]:
    stores = (
        UsageStore(f"sqlite:///{folder}/u.sqlite"),
        LedgerBooks(f"sqlite:///{folder}/u.sqlite"),
    )
    yield stores
    for store in stores:
        store.close()


async def admitted(ledger: Ledger, asked: int) -> int:
    count = 0
    for _ in range(asked):
        with contextlib.suppress(LimitExceeded):
            async with ledger.hold(reserve_request(TEN), used) as hold:
                hold.dispatched()
                count += 1
    assert await ledger.settled()
    return count


async def restarted(server: ShiftedServer, *ledgers: Ledger, clock: int) -> None:
    """The server is killed, its clock is moved, it starts on what it had written."""
    server.kill()
    server.move_clock(clock)
    server.start()
    (await asyncio.to_thread(answers, server.port)).close()
    await eventually(lambda: all(ledger.connected for ledger in ledgers))
    for ledger in ledgers:
        assert await ledger.settled()  # what it acknowledged last was sent again


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "turnout"]


def says(server: ShiftedServer, clock: int) -> bool:
    """Whether the server has noticed how its clock was moved."""
    with redis.Redis(port=server.port) as client:
        return abs(client.time()[0] - time.time() - clock / 1000) < 2


def behind(server: ShiftedServer) -> int:
    with redis.Redis(port=server.port) as client:
        last, real = CLOCK_PAIR.unpack(client.get(HOME.clock))
        return int(real - last)


@pytest.mark.parametrize("clock", [HOUR, -HOUR], ids=["ahead", "back"])
async def test_a_clock_that_jumps_over_a_restart_admits_nobody_twice_and_counts_nothing_twice(
    shifted: ShiftedServer, ledger: Ledger, tmp_path: Path, clock: int,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    with books(tmp_path) as (rows, kept):
        watch = ledger.watch(kept)
        await watch.look()
        assert await admitted(ledger, 6) == 6
        await JournalConsumer(ledger.journal(), rows).drain()
        await restarted(shifted, ledger, clock=clock)
        assert ledger.counts["recharged"] == 0
        await watch.look()
        assert watch.lost == {}  # nothing was lost, and nobody says so
        assert "clock" in str(watch.clock_trouble)
        assert watch.clock.jumps == {"ahead": int(clock > 0), "back": int(clock < 0)}
        assert any("jumped ahead by 1 h" in line or "back by 1 h" in line for line in told(caplog))
        assert await admitted(ledger, 12) == 4  # of ten a minute
        await JournalConsumer(ledger.journal(), rows).drain()
        check = ledger.check(kept, {"pro": TEN})
        report = await check.check()
        assert (report.findings, report.agrees) == ([], True)
        assert await admitted(ledger, 3) == 0


async def test_repairing_by_the_books_after_a_clock_went_back_forgets_nothing(
    shifted: ShiftedServer, ledger: Ledger, tmp_path: Path
) -> None:
    """What was stored in the clock's last second is later than the clock says."""
    with books(tmp_path) as (rows, kept):
        assert await admitted(ledger, 10) == 10
        await JournalConsumer(ledger.journal(), rows).drain()
        await restarted(shifted, ledger, clock=-HOUR)
        check = ledger.check(kept, {"pro": TEN})
        report = await check.check()
        assert [str(finding) for finding in report.findings] == []
        assert await check.repair(report.changes) == 0
        assert await admitted(ledger, 10) == 0


async def test_every_gateway_holds_the_time_back_and_once_is_enough(
    shifted: ShiftedServer, ledger: Ledger
) -> None:
    other = await Ledger.connect(shifted.url, command_seconds=5)
    assert await admitted(ledger, 10) == 10
    await restarted(shifted, ledger, other, clock=HOUR)
    assert abs(behind(shifted) - HOUR) < HOUR // 60
    assert await admitted(other, 5) + await admitted(ledger, 5) == 0
    await other.close()


async def test_a_clock_that_is_put_right_again_is_followed(
    shifted: ShiftedServer, ledger: Ledger
) -> None:
    assert await admitted(ledger, 8) == 8
    await restarted(shifted, ledger, clock=HOUR)
    await restarted(shifted, ledger, clock=0)
    assert await admitted(ledger, 8) == 2
    state = await ledger.clock().look()
    assert state.trouble is None


async def test_open_holds_outlive_the_jump_and_are_billed_once(
    shifted: ShiftedServer, ledger: Ledger
) -> None:
    async with ledger.hold(reserve_request(TEN), used) as hold:
        hold.dispatched()
        await restarted(shifted, ledger, clock=HOUR)
        assert await ledger.reap() == 0
    assert await ledger.settled()
    with redis.Redis(port=shifted.port) as client:
        assert [row["status"] for row in Outside(client).rows()] == ["completed"]


async def test_repair_lets_the_time_follow_and_leases_keep_what_is_left(
    shifted: ShiftedServer, ledger: Ledger
) -> None:
    async with ledger.hold(reserve_request(TEN), used) as hold:
        hold.dispatched()
        await restarted(shifted, ledger, clock=HOUR)
        clock = ledger.clock()
        assert (await clock.look()).is_behind
        assert await clock.follow(quiet_ms=60_000) == 0  # somebody was served just now
        assert await clock.follow() == 1
        assert not (await clock.look()).is_behind
        assert await ledger.reap() == 0
        assert not hold.lost
    assert await ledger.settled()


async def test_an_hour_in_which_the_server_was_away_is_an_hour(
    shifted: ShiftedServer, ledger: Ledger
) -> None:
    assert await admitted(ledger, 10) == 10
    clocks = ledger._nodes.clocks
    before = clocks._elapsed
    clocks._elapsed = lambda: before() + HOUR
    await restarted(shifted, ledger, clock=HOUR)
    assert clocks.jumps["ahead"] == 0
    assert await admitted(ledger, 10) == 10  # of a new minute


async def test_a_gateway_that_slept_believes_those_that_did_not(
    shifted: ShiftedServer, ledger: Ledger
) -> None:
    assert await admitted(ledger, 10) == 10
    with redis.Redis(port=shifted.port) as client:
        _, real = CLOCK_PAIR.unpack(client.get(HOME.clock))
        client.set(HOME.witness, f"epoch {real + HOUR} - 0")
    await restarted(shifted, ledger, clock=HOUR)
    assert behind(shifted) == 0
    assert await admitted(ledger, 10) == 10


async def test_a_gateway_that_starts_after_the_jump_tells_what_it_finds(
    shifted: ShiftedServer, ledger: Ledger, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert await admitted(ledger, 1) == 1
    await restarted(shifted, ledger, clock=HOUR)
    caplog.clear()
    fresh = await Ledger.connect(shifted.url, command_seconds=5)
    with books(tmp_path) as (_, kept), caplog.at_level(logging.WARNING):
        watch = fresh.watch(kept)
        await watch.look()
        await watch.look()
        (line,) = told(caplog)
        assert "1 h behind its server's clock, which jumped ahead" in line
        assert "ahead of this machine's" in line
        await restarted(shifted, ledger, fresh, clock=0)
        await watch.look()
        assert watch.clock_trouble is None
        assert told(caplog)[-1] == "The ledger's time and its server's clock are one again."
    await fresh.close()


CONFIG = """
version: 1
policy: policy.yaml
data: data
ledger: {url}
backends:
  local: {{base_url: "http://127.0.0.1:9/v1", model: m, price: {{input: 1, output: 2}}}}
"""
POLICY = """
version: 1
routes:
  auto: {candidates: [local], objective: fixed}
tiers:
  pro: {tokens_per_day: 1_000_000_000, per_key: {requests_per_minute: 10}}
"""


def run(config: Path, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(ledger_commands, [*words, "--config", str(config)])
    return result.exit_code, result.output


def test_repair_explains_the_clock_and_follows_it_only_where_two_clocks_agree(
    shifted: ShiftedServer, tmp_path: Path
) -> None:
    config = tmp_path / "turnout.yaml"
    config.write_text(CONFIG.format(url=shifted.url))
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "data").mkdir()
    shifted.move_clock(HOUR)
    until(partial(says, shifted, HOUR))
    now = time.time_ns() // 1_000_000
    with redis.Redis(port=shifted.port) as client:
        client.set(HOME.clock, CLOCK_PAIR.pack(now, now + HOUR))
    code, text = run(config, "check")
    assert (code, "The ledger's time is 1 h behind" in text) == (0, True), text
    code, text = run(config, "repair", "--yes")
    assert "stays as it is until these two clocks agree" in text
    assert behind(shifted) == HOUR
    shifted.move_clock(0)
    until(partial(says, shifted, 0))
    with redis.Redis(port=shifted.port) as client:
        client.set(HOME.clock, CLOCK_PAIR.pack(now - HOUR, now))
    code, text = run(config, "repair", "--dry-run")
    assert "the ledger's time: 1 h behind -> what its server's clock says" in text
    assert behind(shifted) == HOUR
    code, text = run(config, "repair", "--yes")
    assert (code, "follows its server's clock" in text) == (0, True)
    assert behind(shifted) == 0
    assert "clock" not in run(config, "check")[1]


async def test_a_server_that_took_over_with_another_clock_is_no_jump_unless_it_is_far_off(
    shifted: ShiftedServer, ledger: Ledger
) -> None:
    assert await admitted(ledger, 10) == 10
    clocks, connection = ledger._nodes.clocks, ledger._nodes.connections()[0]
    for clock, jumps in ((5_000, 0), (HOUR, 1)):
        clocks._seen.clear()  # a node that nobody asked before
        shifted.move_clock(clock)
        until(partial(says, shifted, clock))
        await clocks.look(connection)
        assert clocks.jumps["ahead"] == jumps
    assert await admitted(ledger, 10) == 0
