"""A server that stands still for a moment, connections that are cut, a gateway that is busy."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from clocks import VirtualTime
from ledger_wire import Wire
from ledgerkit import Outside, eventually, reserve_request, used
from patience import LONGEST_SECONDS

from router.errors import LedgerUnavailable
from router.ledger.ledger import Ledger
from router.ledger.quotas.dimensions import quotas
from router.ledger.server.address import parse_address
from router.ledger.server.connection import PipelinedConnection
from router.ledger.server.embedded import Embedded
from router.ledger.server.errors import Disconnected, NotSent, TimedOut

LIMITS = quotas({"key": {"tokens_per_day": 10**9, "concurrency": 10_000}})
BUDGET = 0.05


async def serve_one(ledger: Ledger) -> bool:
    """Whether a request is served."""
    try:
        async with ledger.hold(reserve_request(LIMITS), lambda: used(10, 20)) as hold:
            hold.dispatched()
    except LedgerUnavailable:
        return False
    return True


def rows_served(outside: Outside) -> int:
    return sum(row["status"] == "completed" for row in outside.rows())


class Scripted:
    """A server in this loop that answers each command with OK, while it is not silent."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.silent = False

    async def connection(self) -> PipelinedConnection:
        """Our connection to it."""
        self._server = await asyncio.start_unix_server(self._answer, self._path)
        address = parse_address(f"unix://{self._path}")
        connection = PipelinedConnection(address.nodes[0], address, timeout=BUDGET)
        await connection.open()
        return connection

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            if not self.silent:
                writer.write(b"+OK\r\n")
        writer.close()

    def close(self) -> None:
        """Listen no more."""
        self._server.close()
        self._path.unlink()


def in_virtual_time(scenario: Callable[[Scripted], Coroutine[Any, Any, None]], path: Path) -> None:
    async def whole() -> None:
        await scenario(Scripted(path / "s"))
        await asyncio.sleep(1)  # of the loop's time: until the server, too, has seen the end

    with asyncio.Runner(loop_factory=VirtualTime) as runner:
        runner.run(whole())


def work(seconds: float) -> None:
    """Let this process be busy with something else, as the loop's clock sees it."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTime)
    loop.work(seconds)


def test_a_command_has_its_budget_however_busy_this_process_is_meanwhile(tmp_path: Path) -> None:
    async def scenario(server: Scripted) -> None:
        connection = await server.connection()
        for _ in range(3):
            ping = connection.call("PING")
            work(20 * BUDGET)  # before the command has even left
            assert await ping == b"OK"
        server.close()
        await connection.close()

    in_virtual_time(scenario, tmp_path)


def test_a_silent_server_is_late_however_busy_this_process_was(tmp_path: Path) -> None:
    async def scenario(server: Scripted) -> None:
        connection = await server.connection()
        server.silent = True
        ping = connection.call("PING")
        work(20 * BUDGET)
        with pytest.raises(TimedOut):
            await ping
        server.close()
        await connection.close()

    in_virtual_time(scenario, tmp_path)


def test_who_waits_for_a_lost_connection_waits_no_longer_than_for_an_answer(tmp_path: Path) -> None:
    async def scenario(server: Scripted) -> None:
        loop = asyncio.get_running_loop()
        connection = await server.connection()
        begun, ping = loop.time(), connection.call("PING")
        connection.kick()
        with pytest.raises(Disconnected) as lost:
            await ping
        assert lost.value.until == begun + BUDGET
        await connection.opened(lost.value.until)  # it opens itself again
        server.close()
        connection.kick()
        with pytest.raises(NotSent) as refused:
            await connection.call("PING")
        with pytest.raises(NotSent):
            await connection.opened(refused.value.until)
        turn = loop.call_soon(pytest.fail, "an outage that lasts is not waited for")
        with pytest.raises(NotSent):
            await connection.opened(refused.value.until)
        turn.cancel()
        await connection.close()

    in_virtual_time(scenario, tmp_path)


@pytest.mark.parametrize("lost", ["mute", "deaf"])
async def test_a_reservation_that_a_cut_connection_took_is_made_once_on_the_next(
    server: Embedded, outside: Outside, tmp_path: Path, lost: str
) -> None:
    async with Wire(server.url.removeprefix("unix://"), tmp_path / "wire.sock") as wire:
        ledger = await Ledger.connect(wire.url, command_seconds=LONGEST_SECONDS)
        setattr(wire, lost, True)
        asked = asyncio.create_task(serve_one(ledger))
        if lost == "mute":  # made, and the answer lost; else the question was
            await eventually(lambda: outside.open_leases() == 1)
        else:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        wire.hang_up()
        setattr(wire, lost, False)
        assert await asked
        assert await ledger.settled(LONGEST_SECONDS)
        await ledger.close()
    assert len(outside.rows()) == rows_served(outside) == 1
    assert outside.open_leases() == 0


async def test_a_server_that_stands_still_for_less_than_the_budget_refuses_nobody(
    server: Embedded, outside: Outside
) -> None:
    ledger = await Ledger.connect(server.url, command_seconds=LONGEST_SECONDS)
    pid = server.pid
    assert pid is not None
    for _ in range(5):
        os.kill(pid, signal.SIGSTOP)
        asked = [asyncio.create_task(serve_one(ledger)) for _ in range(20)]
        await asyncio.sleep(0)
        os.kill(pid, signal.SIGCONT)
        assert all(await asyncio.gather(*asked))
    assert await ledger.settled(LONGEST_SECONDS)
    await ledger.close()
    assert rows_served(outside) == 100


async def test_a_server_that_stands_still_for_longer_refuses_only_what_was_on_its_way(
    server: Embedded, outside: Outside
) -> None:
    ledger = await Ledger.connect(server.url, command_seconds=1.0)
    pid = server.pid
    assert pid is not None
    for _ in range(2):
        os.kill(pid, signal.SIGSTOP)
        assert not any(await asyncio.gather(*(serve_one(ledger) for _ in range(20))))
        os.kill(pid, signal.SIGCONT)
        await eventually(lambda: ledger.connected)
        assert await serve_one(ledger)  # one moment does not open the breaker
    assert await ledger.settled(LONGEST_SECONDS)
    await ledger.close()
    assert rows_served(outside) == 2
    assert outside.open_leases() == 0
