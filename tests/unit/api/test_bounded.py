"""The bounds of a connection: who is turned away, what is too large, and when it is closed."""

import asyncio
import json
import re
from types import SimpleNamespace

import pytest
from fakes.connection import FakeLoop, bare_gateway, connect, read_answer

from router.admin.listener import Administered
from router.api.door import Door, DoorLimits
from router.api.gateway import Limits
from router.api.inference import Inference

PATH = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
WHOLE = PATH + b"Content-Length: 2\r\n\r\n{}"


class Answering(Inference):
    """Answers each request at once; `begun` counts them, `fields` are the last one's headers."""

    begun = 0

    async def _walk(self, exchange) -> None:
        self.begun += 1
        self.fields = exchange.fields
        await exchange.body()
        await exchange.send(b"{}")


def _line(**limits):
    gateway = bare_gateway(Limits(1_000_000, 5.0))
    gateway.door = Door(DoorLimits(**limits))
    inference = Answering(gateway)
    clock = FakeLoop(asyncio.get_running_loop())
    connection, client = connect(inference, _loop=clock)
    return SimpleNamespace(connection=connection, client=client, clock=clock, inference=inference)


async def _done(line) -> None:
    if line.connection.tasks:
        await asyncio.wait(line.connection.tasks, timeout=5)


async def test_a_connection_over_the_bound_reads_why_and_is_closed():
    line = _line(most=1)
    line.client.sent = b""
    _, other = connect(line.inference)
    answer = read_answer(other.sent)
    assert (answer.status, other.closed) == (503, True)
    assert json.loads(answer.body)["error"]["message"]
    line.connection.connection_lost(None)
    _, third = connect(line.inference)
    assert not third.closed


async def test_what_a_client_sends_that_was_turned_away_is_not_parsed():
    line = _line(most=1)
    refused, other = connect(line.inference)
    told = other.sent
    refused.data_received(WHOLE)
    refused.connection_lost(None)
    assert (other.sent, line.inference.begun) == (told, 0)
    assert line.inference.door.inside == 1


@pytest.mark.parametrize("step", [10, 1_000, 300_000])
async def test_a_head_has_its_bytes_and_no_more_however_it_is_cut(step):
    for size, status in ((3_000, b"200"), (4_200, b"400")):
        line = _line(head=4_096)
        sent = PATH + b"A: " + b"a" * size + b"\r\nContent-Length: 2\r\n\r\n{}"
        for start in range(0, len(sent), step):
            line.connection.data_received(sent[start : start + step])
        await _done(line)
        assert line.client.sent[9:12] == status


async def test_a_head_behind_a_large_body_is_counted_by_itself():
    line = _line(head=4_096)
    large = PATH + b"Content-Length: 20000\r\n\r\n" + b"x" * 20_000
    line.connection.data_received(large + WHOLE[:40])
    line.connection.data_received(WHOLE[40:])
    await _done(line)
    await _done(line)
    assert line.client.sent.count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize("trailer", [b"a: b\r\n", b"a" * 1_000, b""], ids=["many", "one", "size"])
async def test_trailers_have_the_bytes_of_a_head_and_none_is_kept(trailer):
    line = _line(head=4_096)
    chunks = b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"
    line.connection.data_received(PATH + chunks + (b"0\r\n" if trailer else b""))
    before = list(line.connection.headers)
    for _ in range(5):
        line.connection.data_received((trailer or b"0") * (1_000 // len(trailer or b"0")))
    assert list(line.connection.headers) == before == []
    await _done(line)
    assert line.client.sent.startswith(b"HTTP/1.1 400 ")
    assert line.client.half_closed


async def test_trailers_that_all_come_in_one_read_are_bounded_too():
    line = _line(head=4_096)
    chunks = b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    behind = PATH + b"Content-Length: 2\r\n\r\n{}"
    line.connection.data_received(PATH + chunks + b"a: b\r\n" * 1_000 + b"\r\n" + behind)
    await _done(line)
    assert re.findall(rb"HTTP/1.1 (\d+)", line.client.sent) == [b"400"]


async def test_a_trailer_is_no_header():
    line = _line()
    chunks = b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nAuthorization: x\r\n\r\n"
    line.connection.data_received(PATH + chunks)
    await _done(line)
    assert line.client.sent.startswith(b"HTTP/1.1 200 ")
    assert b"authorization" not in line.inference.fields


async def test_a_head_that_drips_is_told_so_and_the_connection_ends():
    line = _line()
    line.connection.data_received(PATH)
    line.clock.ring()
    assert line.client.sent.startswith(b"HTTP/1.1 408 ")
    assert line.client.closed


async def test_line_ends_between_requests_keep_no_connection_open():
    line = _line()
    line.connection.data_received(WHOLE)
    await _done(line)
    for _ in range(4):
        line.clock.ahead += 20.0
        line.connection.data_received(b"\r\n")
        line.clock.ring()
    assert line.client.closed


async def test_a_request_whose_head_began_before_the_last_answer_is_not_ended_as_idle():
    line = _line()
    line.connection.data_received(WHOLE + PATH)
    await _done(line)
    line.connection.data_received(WHOLE[len(PATH) : -1])
    line.clock.ahead += 80.0
    line.connection._end_if_idle()
    assert not line.client.closed
    line.connection.data_received(b"}")
    await _done(line)
    assert line.client.sent.count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize("forwarded", [b"X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n"])
async def test_what_several_proxies_say_is_read_as_one_list(forwarded):
    line = _line()
    line.connection.data_received(PATH + forwarded + b"Content-Length: 2\r\n\r\n{}")
    await _done(line)
    assert line.inference.fields[b"x-forwarded-for"] == b"1.1.1.1,2.2.2.2"


async def test_the_administrators_listener_has_the_same_bounds_and_a_door_of_its_own():
    gateway = bare_gateway(Limits(1_000, 5.0))
    gateway.door = Door(DoorLimits(most=1, head=4_096))
    connect(Answering(gateway))
    administered = Administered(gateway)
    connection, client = connect(administered)
    assert client.sent == b""
    connection.data_received(PATH + b"A: " + b"a" * 5_000)
    assert client.sent.startswith(b"HTTP/1.1 400 ")
    _, second = connect(administered)
    assert second.sent.startswith(b"HTTP/1.1 503 ")
    assert administered.row(b"/v1/chat/completions") is None
