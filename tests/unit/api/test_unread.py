"""A client that stops to read: cut off once it takes nothing for long, and never while it reads."""

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import pytest
from fakes.connection import FakeLoop, connect

from router.api.door import Door
from router.api.exchange import Exchange
from router.api.gateway import Limits
from router.api.inference import Inference
from router.api.unread import Unread, waiting_bytes
from router.telemetry.metrics import Metrics

PATIENCE = 60.0
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}"


class Clock:
    """A clock and its one timer."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timer: Any = None

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, ring: Any) -> Any:
        self.timer = SimpleNamespace(at=self.now + seconds, ring=ring, cancel=self._cancel)
        return self.timer

    def _cancel(self) -> None:
        self.timer = None

    def ring(self) -> None:
        timer, self.timer = self.timer, None
        self.now = timer.at
        timer.ring()


class Behind:
    """A connection with bytes that wait for its client."""

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def get_extra_info(self, _name: str) -> None:
        return None


def test_a_client_that_takes_nothing_is_given_its_time_and_no_more_than_a_quarter_beyond():
    clock, stalled = Clock(), []
    Unread(Behind(100_000), clock, PATIENCE, lambda: stalled.append(clock.now))  # type: ignore[arg-type]
    while not stalled:
        clock.ring()
    assert PATIENCE <= stalled[0] <= PATIENCE * 1.25
    assert clock.timer is None


def test_a_client_that_reads_a_byte_now_and_then_is_not_cut():
    clock, stalled, line = Clock(), [], Behind(100_000)
    Unread(line, clock, PATIENCE, lambda: stalled.append(clock.now))  # type: ignore[arg-type]
    for number in range(400):
        line.waiting -= number % 3 == 0
        clock.ring()
    assert stalled == []
    while not stalled:  # and then it stops
        clock.ring()


def test_who_caught_up_is_looked_at_no_more():
    clock = Clock()
    Unread(Behind(100_000), clock, PATIENCE, lambda: None).stop()  # type: ignore[arg-type]
    assert clock.timer is None


def test_bytes_that_the_clients_machine_has_not_taken_count_too():
    here, there = socket.socketpair(socket.AF_UNIX)
    with here, there, socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(listener.getsockname())
        served, _ = listener.accept()
        served.setblocking(False)
        with client, served:
            line = SimpleNamespace(
                get_write_buffer_size=lambda: 7, get_extra_info=lambda _name: served
            )
            written = 0
            try:
                while True:
                    written += served.send(b"x" * 65536)
            except BlockingIOError:
                pass
            waiting = waiting_bytes(line)  # type: ignore[arg-type]
            assert 7 < waiting <= written + 7
        assert waiting_bytes(line) == 7  # type: ignore[arg-type] # closed: ours alone count


def _edge(use: Any) -> tuple[Any, Any, Metrics]:
    metrics = Metrics()

    class Handing(Inference):
        async def _walk(self, exchange: Any) -> None:
            await use(exchange)

    limits = Limits(1000, 5.0, unread=0.05)
    gateway: Any = SimpleNamespace(limits=limits, cors=None, metrics=metrics, door=Door())
    connection, line = connect(Handing(gateway))
    return connection, line, metrics


async def test_what_runs_for_a_client_that_is_cut_off_ends_as_if_it_had_left():
    ended: list[bool] = []

    async def streams(exchange: Exchange) -> None:
        await exchange.body()
        await exchange.start()
        exchange._connection.pause_writing()
        try:
            await exchange.write(b"more than it reads")
        finally:
            ended.append(exchange.disconnected)

    connection, line, metrics = _edge(streams)
    line.unread = 100_000
    connection.loop = loop = FakeLoop(asyncio.get_running_loop())
    connection.data_received(HEAD)
    await asyncio.sleep(0)
    for _ in range(2):
        loop.ahead += 0.05
        loop.ring()
    assert (line.closed, metrics.stalled_clients) == (True, 1)
    tasks = list(connection.tasks)
    connection.connection_lost(ConnectionResetError())
    await asyncio.gather(*tasks)
    assert ended == [True]
    loop.ring()
    assert metrics.stalled_clients == 1


@pytest.mark.parametrize("caught_up", [False, True])
async def test_a_closed_connection_with_bytes_that_nobody_reads_is_cut_off(caught_up):
    async def answers(exchange: Exchange) -> None:
        exchange.keep_alive = False
        await exchange.send(await exchange.body())

    connection, line, metrics = _edge(answers)
    line.unread = 0 if caught_up else 1_000
    connection.loop = loop = FakeLoop(asyncio.get_running_loop())
    connection.data_received(HEAD)
    await asyncio.gather(*connection.tasks)
    for _ in range(3):
        loop.ahead += 0.05
        loop.ring()
    assert metrics.stalled_clients == (0 if caught_up else 1)
    connection.connection_lost(None)


async def test_a_whole_answer_waits_for_a_client_that_is_behind_for_a_bounded_time():
    async def answers(exchange: Exchange) -> None:
        exchange._connection.pause_writing()
        await exchange.send(await exchange.body())

    connection, line, _ = _edge(answers)
    line.unread = 100_000
    connection.data_received(HEAD)
    await asyncio.gather(*connection.tasks)
    assert line.closed
    connection.connection_lost(None)
