"""What the ledger survives. Each test ends with the same promises: every admitted request has
exactly one journal row (and one correction at most), nothing is held, the pool adds up.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from ledger_wire import Wire
from ledgerkit import Outside, beat, eventually, reserve_request, used
from patience import LONGEST_SECONDS

from router.errors import LedgerUnavailable, LimitExceeded
from router.ledger.ledger import Ledger
from router.ledger.quotas.dimensions import quotas
from router.ledger.server.embedded import Embedded

LIMITS = quotas({"key": {"tokens_per_day": 10**9, "concurrency": 10_000}})
GATEWAY = Path(__file__).with_name("ledger_gateway.py")


def promises_hold(outside: Outside, admitted: int) -> None:
    rows = outside.rows()
    originals = Counter(row["hold_id"] for row in rows if row["seq"] == "0")
    served = [r for r in rows if r["seq"] == "0" and r["status"] != "cancelled"]
    assert max(originals.values(), default=0) <= 1
    assert len(served) == admitted
    assert outside.open_leases() == 0
    for fields in outside.scopes().values():
        assert fields.get("conc", (0,)) == (0,)
        assert fields["tpd"][3] == 0
    pool = sum(fields["tpd"][2] for fields in outside.scopes().values())
    assert pool == sum(int(row["used"].split(",")[1]) for row in rows)


class Crowd:
    """Clients that ask again and again, and count how they fared."""

    def __init__(self, ledger: Ledger, clients: int = 8) -> None:
        self.admitted = 0
        self.refused = 0
        self.refused_at_once = 0  # without having asked anybody
        self._ledger = ledger
        self._stop = False
        self._moved = asyncio.Condition()
        self._tasks = [asyncio.create_task(self._client()) for _ in range(clients)]

    async def _client(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._stop:
            waited: list[bool] = []
            next_turn = loop.call_soon(waited.append, True)
            try:
                async with self._ledger.hold(reserve_request(LIMITS), lambda: used(10, 20)) as hold:
                    hold.dispatched()
                    self.admitted += 1
                    await asyncio.sleep(0)
            except LedgerUnavailable:
                self.refused += 1
                self.refused_at_once += not waited
                await asyncio.sleep(0.01)
            next_turn.cancel()
            async with self._moved:
                self._moved.notify_all()

    async def admits(self, more: int) -> None:
        goal = self.admitted + more
        async with self._moved:
            await self._moved.wait_for(lambda: self.admitted >= goal)

    async def is_refused(self, more: int) -> None:
        goal = self.refused + more
        async with self._moved:
            await self._moved.wait_for(lambda: self.refused >= goal)

    async def is_refused_at_once(self, more: int) -> None:
        goal = self.refused_at_once + more
        async with self._moved:
            await self._moved.wait_for(lambda: self.refused_at_once >= goal)

    async def leave(self) -> int:
        self._stop = True
        await asyncio.gather(*self._tasks)
        return self.admitted


async def test_a_gateway_killed_with_200_open_streams_leaves_no_hold_and_the_right_charge(
    server: Embedded, outside: Outside
) -> None:
    gateway = await asyncio.create_subprocess_exec(
        sys.executable, str(GATEWAY), server.url, "200", "150", stdout=subprocess.PIPE
    )
    assert gateway.stdout is not None
    assert await gateway.stdout.readline() == b"open\n"
    assert outside.open_leases() == 200
    gateway.kill()
    await gateway.communicate()
    outside.end_leases()
    survivor = await Ledger.connect(server.url, command_seconds=5, lease_ms=1000)
    await eventually(lambda: outside.open_leases() == 0)
    await survivor.close()
    promises_hold(outside, 200)
    charged = Counter(row["used"].split(",")[1] for row in outside.rows())
    assert charged == {"17": 150, "0": 50}


async def test_a_ledger_killed_and_restarted_under_load_loses_and_doubles_nothing(
    server: Embedded, outside: Outside
) -> None:
    ledger = await Ledger.connect(server.url, command_seconds=1)
    crowd = Crowd(ledger)
    await crowd.admits(300)
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await crowd.is_refused(5)
    await asyncio.to_thread(server.start)
    await crowd.admits(300)
    admitted = await crowd.leave()
    assert await ledger.settled(LONGEST_SECONDS)
    await ledger.close()
    promises_hold(outside, admitted)


async def test_a_ledger_that_lost_everything_is_told_again(
    server: Embedded, outside: Outside, tmp_path: Path
) -> None:
    """Power loss, or a failover to an empty replica: the last seconds and what runs come back."""
    ledger = await Ledger.connect(server.url, command_seconds=1)
    for _ in range(20):
        async with ledger.hold(reserve_request(LIMITS), lambda: used(10, 20)) as hold:
            hold.dispatched()
    async with ledger.hold(reserve_request(LIMITS), lambda: used(10, 20)) as hold:
        hold.dispatched()
        assert await ledger.settled()
        pid = server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        shutil.rmtree(tmp_path / "valkey" / "appendonlydir")
        await asyncio.to_thread(server.start)
        await eventually(lambda: outside.open_leases() == 1 and len(outside.rows()) == 20)
        assert not hold.lost
    assert await ledger.settled(LONGEST_SECONDS)
    await ledger.close()
    promises_hold(outside, 21)


async def test_a_ledger_that_stands_still_is_asked_no_more_and_settles_everything_after(
    server: Embedded, outside: Outside
) -> None:
    ledger = await Ledger.connect(server.url, command_seconds=0.5)
    crowd = Crowd(ledger)
    await crowd.admits(100)
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    await crowd.is_refused_at_once(50)  # by the breaker, without asking
    os.kill(pid, signal.SIGCONT)
    await crowd.admits(100)
    admitted = await crowd.leave()
    assert await ledger.settled(LONGEST_SECONDS)
    await ledger.close()
    promises_hold(outside, admitted)


async def test_a_partition_under_load_loses_and_doubles_nothing(
    server: Embedded, outside: Outside, tmp_path: Path
) -> None:
    async with Wire(server.url.removeprefix("unix://"), tmp_path / "wire.sock") as wire:
        ledger = await Ledger.connect(wire.url, command_seconds=0.5)
        crowd = Crowd(ledger)
        for fault in ("deaf", "mute"):
            await crowd.admits(50)
            setattr(wire, fault, True)
            await crowd.is_refused(10)
            wire.hang_up()
            setattr(wire, fault, False)
        await crowd.admits(50)
        admitted = await crowd.leave()
        assert await ledger.settled(LONGEST_SECONDS)
        await ledger.close()
    promises_hold(outside, admitted)


async def test_a_settlement_whose_reply_is_lost_is_charged_once(
    server: Embedded, outside: Outside, tmp_path: Path
) -> None:
    async with Wire(server.url.removeprefix("unix://"), tmp_path / "wire.sock") as wire:
        ledger = await Ledger.connect(wire.url, command_seconds=0.5)
        async with ledger.hold(reserve_request(LIMITS), lambda: used(10, 20)) as hold:
            hold.dispatched()
            wire.mute = True
        await eventually(lambda: bool(outside.rows()))
        wire.hang_up()
        wire.mute = False
        assert await ledger.settled(LONGEST_SECONDS)
        await ledger.close()
    promises_hold(outside, 1)


async def test_a_reservation_whose_reply_is_lost_is_undone(
    server: Embedded, outside: Outside, tmp_path: Path
) -> None:
    async with Wire(server.url.removeprefix("unix://"), tmp_path / "wire.sock") as wire:
        ledger = await Ledger.connect(wire.url, command_seconds=0.5)
        wire.mute = True
        with pytest.raises(LedgerUnavailable) as refused:
            async with ledger.hold(reserve_request(LIMITS), used):
                pass
        assert ("retry-after", "1") in refused.value.headers
        wire.hang_up()
        wire.mute = False
        assert await ledger.settled(LONGEST_SECONDS)
        await ledger.close()
    assert [row["used"] for row in outside.rows()] == ["0,0,0,0,0"]
    promises_hold(outside, 0)


async def test_a_hold_that_was_reaped_is_corrected_when_its_settlement_comes_late(
    server: Embedded, outside: Outside
) -> None:
    ledger = await Ledger.connect(server.url, command_seconds=5)
    async with ledger.hold(reserve_request(LIMITS), lambda: used(10, 33)) as hold:
        hold.dispatched()
        await beat(ledger)
        hold.due = float("inf")  # the gateway stands still: no heartbeat any more
        outside.end_leases()
        await ledger.reap()
        assert outside.open_leases() == 0
        outside_pool = outside.scopes()["k:acme/key1"]["tpd"]
        assert outside_pool[2:4] == (43, 0)
        hold._charge = lambda: used(10, 50)
    assert await ledger.settled()
    await ledger.close()
    assert [row["used"].split(",")[1] for row in outside.rows()] == ["43", "17"]
    promises_hold(outside, 1)


async def test_the_same_request_id_twice_is_two_requests_and_both_are_charged(
    server: Embedded, outside: Outside
) -> None:
    ledger = await Ledger.connect(server.url, command_seconds=5)
    for _ in range(2):
        async with ledger.hold(
            reserve_request(LIMITS, request="same"), lambda: used(10, 20)
        ) as hold:
            hold.dispatched()
    assert await ledger.settled()
    await ledger.close()
    promises_hold(outside, 2)
    assert outside.scopes()["k:acme/key1"]["tpd"][2] == 60


async def test_a_flushed_ledger_still_gets_every_bill(server: Embedded, outside: Outside) -> None:
    ledger = await Ledger.connect(server.url, command_seconds=5)
    async with ledger.hold(reserve_request(LIMITS), lambda: used(10, 20)) as hold:
        hold.dispatched()
        outside.client.flushall()
    assert await ledger.settled()
    assert ledger.counts["recharged"] == 1
    await ledger.close()
    promises_hold(outside, 1)


async def test_a_full_server_is_unavailable_and_nothing_is_lost(
    server: Embedded, outside: Outside
) -> None:
    ledger = await Ledger.connect(server.url, command_seconds=5)
    async with ledger.hold(reserve_request(LIMITS), lambda: used(10, 20)) as hold:
        hold.dispatched()
        outside.client.config_set("maxmemory", "1mb")
        with pytest.raises(LedgerUnavailable):
            async with ledger.hold(reserve_request(LIMITS), used):
                pass
    assert not await ledger.settled(0.2)
    outside.client.config_set("maxmemory", "0")
    assert await ledger.settled(LONGEST_SECONDS)
    await ledger.close()
    promises_hold(outside, 1)


async def test_a_denial_is_a_denial_under_load_too(server: Embedded, outside: Outside) -> None:
    ledger = await Ledger.connect(server.url, command_seconds=5)
    few = quotas({"key": {"requests_per_minute": 10, "tokens_per_day": 10**9}})
    outcomes: Counter[str] = Counter()

    async def ask() -> None:
        try:
            async with ledger.hold(reserve_request(few), lambda: used(10, 20)) as hold:
                hold.dispatched()
                outcomes["admitted"] += 1
        except LimitExceeded:
            outcomes["denied"] += 1

    await asyncio.gather(*(ask() for _ in range(200)))
    assert await ledger.settled()
    await ledger.close()
    assert outcomes == {"admitted": 10, "denied": 190}
    promises_hold(outside, 10)
