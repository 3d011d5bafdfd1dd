"""While the ledger is away: refused, or served within a declared allowance and told later."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ledgerkit import Outside, eventually, reserve_request, used
from patience import LONGEST_SECONDS

from router.errors import LedgerUnavailable
from router.ledger.ledger import Ledger
from router.ledger.quotas.dimensions import quotas
from router.ledger.reserve_request import ReserveRequest
from router.ledger.server.embedded import Embedded

LIMITS = quotas({"key": {"tokens_per_day": 10_000, "requests_per_minute": 1_000}})
SERVE_THEN_WAIT = """
import asyncio, sys
from pathlib import Path
from test_ledger_outage import bounded, kill, on_disk
from ledgerkit import used
from router.ledger.ledger import Ledger

async def main(url, spool, pid):
    ledger = await Ledger.connect(url, spool=Path(spool))
    kill(int(pid))
    async with ledger.hold(bounded(), lambda: used(10, 20)) as done:
        done.dispatched()
    async with ledger.hold(bounded(), lambda: used(10, 20)) as open_:
        open_.dispatched()
        await on_disk(ledger)
        print("served", flush=True)
        await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


def bounded(share: float = 0.05) -> ReserveRequest:
    asked = reserve_request(LIMITS, output_tokens=90)
    return ReserveRequest(
        asked.request_id, asked.principal, asked.route_or_model, None, LIMITS, asked.estimate, share
    )


async def on_disk(ledger: Ledger) -> None:
    """Wait until what is on its way to the spool is there."""
    await asyncio.wrap_future(ledger._spool._thread.submit(int))


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def pid_of(server: Embedded) -> int:
    pid = server.pid
    assert pid is not None
    return pid


async def gone(ledger: Ledger) -> None:
    await eventually(lambda: not ledger.connected)


async def test_a_closed_tier_is_refused_with_a_time_to_come_back(
    server: Embedded, tmp_path: Path
) -> None:
    ledger = await Ledger.connect(server.url, spool=tmp_path / "spool")
    kill(pid_of(server))
    await gone(ledger)
    with pytest.raises(LedgerUnavailable) as refused:
        async with ledger.hold(reserve_request(LIMITS), used):
            pass
    assert refused.value.status == 503
    assert ("retry-after", "1") in refused.value.headers
    await ledger.close()


async def test_a_bounded_tier_is_served_up_to_its_allowance_and_told_later(
    server: Embedded, outside: Outside, tmp_path: Path
) -> None:
    ledger = await Ledger.connect(server.url, spool=tmp_path / "spool")
    kill(pid_of(server))
    await gone(ledger)
    for served in range(5):  # five hundred tokens: a twentieth of ten thousand
        async with ledger.hold(bounded(), lambda: used(10, 90)) as hold:
            hold.dispatched()
            headers = dict(hold.admission.headers)
            assert headers["x-ratelimit-limit-requests"] == "1000"
            assert headers["x-ratelimit-remaining-requests"] == str(49 - served)
    with pytest.raises(LedgerUnavailable):
        async with ledger.hold(bounded(), used):
            pass
    await asyncio.to_thread(server.start)
    assert await ledger.settled(LONGEST_SECONDS)
    assert outside.scopes()["k:acme/key1"]["tpd"][2:4] == (500, 0)
    assert len(outside.rows()) == 5
    await on_disk(ledger)
    assert list((tmp_path / "spool").glob("spool-*")) == []
    await ledger.close()


async def test_what_was_served_before_midnight_is_told_after_it(
    server: Embedded, outside: Outside, tmp_path: Path
) -> None:
    ledger = await Ledger.connect(server.url, spool=tmp_path / "spool")
    kill(pid_of(server))
    await gone(ledger)
    ledger._calls.set_clock(ledger.now() - 3 * 86_400_000)  # the day it was served is over
    async with ledger.hold(bounded(), lambda: used(10, 90)) as hold:
        hold.dispatched()
    await asyncio.to_thread(server.start)
    assert await ledger.settled(LONGEST_SECONDS)
    assert outside.scopes()["k:acme/key1"]["tpd"][2:4] == (100, 0)
    await ledger.close()


async def test_without_a_spool_nothing_is_served(server: Embedded) -> None:
    ledger = await Ledger.connect(server.url)
    kill(pid_of(server))
    await gone(ledger)
    with pytest.raises(LedgerUnavailable):
        async with ledger.hold(bounded(), used):
            pass
    await ledger.close()


async def test_a_full_disk_closes_the_allowance_and_gives_it_back(
    server: Embedded, outside: Outside, tmp_path: Path
) -> None:
    ledger = await Ledger.connect(server.url, spool=tmp_path / "spool")
    spool = ledger._spool._spool
    assert spool is not None
    spool.path.symlink_to("/dev/full")
    kill(pid_of(server))
    await gone(ledger)
    for _ in range(20):
        with pytest.raises(LedgerUnavailable):
            async with ledger.hold(bounded(), used):
                pass
    assert ledger.counts["served_locally"] == 0
    await asyncio.to_thread(server.start)
    await eventually(lambda: ledger.connected)
    async with ledger.hold(bounded(), lambda: used(10, 20)) as hold:
        hold.dispatched()
    assert await ledger.settled(LONGEST_SECONDS)
    assert len(outside.rows()) == 1
    await ledger.close()


async def test_a_gateway_killed_in_an_outage_is_billed_by_whoever_starts_next(
    server: Embedded, outside: Outside, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": f"{here}:{here.parents[1]}"}
    command = [sys.executable, "-c", SERVE_THEN_WAIT, server.url, str(spool), str(pid_of(server))]
    gateway = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, env=environment
    )
    assert gateway.stdout is not None
    assert await gateway.stdout.readline() == b"served\n"
    gateway.kill()
    await gateway.communicate()
    await asyncio.to_thread(server.start)
    ledger = await Ledger.connect(server.url, command_seconds=5, spool=spool)
    assert await ledger.settled(LONGEST_SECONDS)
    # One was settled (30 tokens); the other is charged for the prompt it had sent (10).
    assert outside.scopes()["k:acme/key1"]["tpd"][2:4] == (40, 0)
    assert sorted(row["status"] for row in outside.rows()) == ["completed", "expired"]
    await on_disk(ledger)
    assert list(spool.glob("spool-*")) == []
    await ledger.close()
