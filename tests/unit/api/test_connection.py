"""A client's connection: what it bounds, and what becomes of a client that leaves."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from fakes.connection import FakeLoop, bare_gateway, connect

from router.api.exchange import Exchange
from router.api.gateway import Limits
from router.api.inference import Inference
from router.api.request_id import new_request_id


class Waiting(Inference):
    """Answers nobody until it is told to."""

    def __init__(self, gateway: Any) -> None:
        super().__init__(gateway)
        self.begun = 0
        self.left = 0
        self.go = asyncio.Event()

    async def _walk(self, exchange: Exchange) -> None:
        self.begun += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.left += 1
            raise
        await exchange.send(b"{}")


@pytest.fixture
async def line():
    return _line(Waiting(bare_gateway(Limits(1000, 5.0))))


def _line(inference: Inference) -> SimpleNamespace:
    clock = FakeLoop(asyncio.get_running_loop())
    connection, client = connect(inference, _loop=clock)
    return SimpleNamespace(connection=connection, client=client, clock=clock, inference=inference)


REQUEST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


async def _all_done(line) -> None:
    await asyncio.wait(line.connection.tasks, timeout=5)


@pytest.mark.parametrize("path", [b"/v1/feedback", b"/v1/messages/count_tokens"])
async def test_a_body_that_does_not_arrive_in_time_is_a_408(path):
    known = SimpleNamespace(authenticate=lambda _: None)
    serving = SimpleNamespace(authenticator=known)
    gateway = bare_gateway(Limits(1000, 0.0), serving=serving)
    slow = _line(Inference(gateway))
    slow.connection.data_received(
        b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{" % path
    )
    await _all_done(slow)
    assert slow.client.sent.startswith(b"HTTP/1.1 408 ")
    assert b"x-request-id: " in slow.client.sent
    assert slow.client.half_closed


@pytest.mark.parametrize("sent", [b"", b"POST /v1/chat", REQUEST[:-8]], ids=["nothing", "a", "b"])
async def test_a_head_that_does_not_arrive_in_time_ends_the_connection(line, sent):
    if sent:
        line.connection.data_received(sent)
    line.clock.ring()
    assert line.client.closed


async def test_a_request_in_flight_is_not_ended_by_the_time_for_its_head(line):
    line.connection.data_received(REQUEST[:20])
    line.connection.data_received(REQUEST[20:])
    line.clock.ring()
    assert not line.client.closed


async def test_a_head_that_drips_on_a_kept_connection_is_timed_too(line):
    line.inference.go.set()
    line.connection.data_received(REQUEST)
    await _all_done(line)
    assert line.client.sent.startswith(b"HTTP/1.1 200 OK\r\n")
    line.connection.data_received(b"POST /v1")
    line.clock.ring()
    assert line.client.closed


async def test_a_kept_connection_is_closed_once_it_was_idle_long_enough(line):
    line.inference.go.set()
    line.connection.data_received(REQUEST)
    await _all_done(line)
    line.clock.ahead += line.connection._limits.idle / 2
    line.clock.ring()
    assert not line.client.closed
    line.connection.data_received(REQUEST)
    await _all_done(line)
    line.clock.ahead += line.connection._limits.idle * 0.9
    line.clock.ring()
    assert not line.client.closed  # idle since the second answer, not the first
    line.clock.ahead += line.connection._limits.idle * 0.2
    line.clock.ring()
    assert line.client.closed


async def test_a_request_that_takes_long_is_not_ended_as_idle_and_its_end_begins_the_wait(line):
    line.inference.go.set()
    line.connection.data_received(REQUEST)
    await _all_done(line)
    line.inference.go.clear()
    line.connection.data_received(REQUEST)
    line.clock.ahead += line.connection._limits.idle * 3
    line.clock.ring()
    assert not line.client.closed
    line.inference.go.set()
    await _all_done(line)
    assert not line.client.closed
    line.clock.ahead += line.connection._limits.idle * 1.1
    line.clock.ring()
    assert line.client.closed


async def test_a_connection_that_is_lost_leaves_no_timer_behind(line):
    line.inference.go.set()
    line.connection.data_received(REQUEST)
    await _all_done(line)
    line.connection.connection_lost(ConnectionResetError())
    assert all(timer.cancelled for timer in line.clock.timers)


async def test_a_client_that_leaves_ends_what_runs_for_it(line):
    line.connection.data_received(REQUEST)
    await asyncio.sleep(0)
    assert line.inference.begun == 1
    line.connection.connection_lost(None)
    await _all_done(line)
    assert line.inference.left == 1
    assert line.client.sent == b""


async def test_a_client_that_leaves_at_once_leaves_nothing_in_flight(line):
    line.connection.data_received(REQUEST)
    line.connection.connection_lost(None)
    await _all_done(line)
    assert line.inference.begun == 0
    assert line.inference._gateway.metrics.in_flight == 0


async def test_what_waits_behind_a_request_of_a_client_that_left_is_never_begun(line):
    line.connection.data_received(REQUEST + REQUEST)
    await asyncio.sleep(0)
    line.connection.connection_lost(None)
    await _all_done(line)
    assert line.inference.begun == 1
    assert not line.connection.pipeline


async def test_a_stop_tells_the_client_and_closes(line):
    line.connection.data_received(REQUEST)
    await asyncio.sleep(0)
    line.connection.shutdown()
    await line.inference.abandon()
    assert line.client.sent.startswith(b"HTTP/1.1 503 ")
    assert b"connection: close" in line.client.sent
    assert line.client.closed


async def test_a_header_that_would_split_the_answer_is_never_sent(line):
    line.inference.go.set()

    async def walk(exchange: Exchange) -> None:
        exchange.headers.append(("x-turnout-reason", "a\r\nset-cookie: b"))
        await exchange.send(b"{}")

    line.inference._walk = walk
    line.connection.data_received(REQUEST)
    await _all_done(line)
    assert line.client.sent.startswith(b"HTTP/1.1 500 ")
    assert b"set-cookie" not in line.client.sent


def test_request_ids_are_unique_and_rise_with_time():
    ids = [new_request_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all(len(made) == 32 for made in ids)
    assert [made[:12] for made in ids] == sorted(made[:12] for made in ids)


async def test_of_a_list_that_is_sent_in_several_lines_all_of_it_counts(line):
    head = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
    lines = b"Anthropic-Beta: a,b\r\nX-Request-Id: 1\r\nanthropic-beta: c\r\nX-Request-Id: 2\r\n"
    line.connection.data_received(head + lines + b"\r\n{}")
    fields = line.connection.cycle.fields
    line.inference.go.set()
    await _all_done(line)
    assert fields[b"anthropic-beta"] == b"a,b,c"
    assert fields[b"x-request-id"] == b"1"
