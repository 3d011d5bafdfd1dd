"""One request and its reply at the edge: bodies in parts, bounds, and how an answer is framed."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from fakes.connection import FakeSocket, connect, read_answer

from router.api.connection import Connection
from router.api.exchange import Exchange
from router.api.gateway import Limits
from router.api.inference import Inference
from router.telemetry.metrics import Metrics

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\n"
Use = Callable[[Exchange], Awaitable[None]]


async def echo(exchange: Exchange) -> None:
    """Answer with the body that came."""
    await exchange.send(await exchange.body())


async def stream(exchange: Exchange) -> None:
    """Answer with a stream of two parts."""
    await exchange.body()
    await exchange.start()
    await exchange.write(b"one")
    await exchange.write(b"two")
    await exchange.end()


class Client:
    """Sends bytes to the edge, part by part, and keeps what comes back."""

    def __init__(self, use: Use = echo, *, limit: int = 100) -> None:
        gateway: Any = SimpleNamespace(limits=Limits(limit, 5.0), metrics=Metrics())

        class Handing(Inference):
            async def _walk(self, exchange: Exchange) -> None:
                await use(exchange)

        self.connection: Connection
        self.socket: FakeSocket
        self.connection, self.socket = connect(Handing(gateway))

    async def send(self, *parts: bytes) -> bytes:
        """Send these parts, each once the one before was taken; return what came back."""
        for part in parts:
            self.connection.data_received(part)
            await asyncio.sleep(0)
        await asyncio.gather(*self.connection.tasks)
        return self.socket.sent


async def test_a_body_may_come_in_any_number_of_parts():
    body = b"abcdefgh"
    parts = [body[at : at + 1] for at in range(len(body))]
    sent = await Client().send(HEAD + b"Content-Length: 8\r\n\r\n", *parts)
    assert read_answer(sent).body == body


async def test_a_chunked_body_is_put_together():
    chunks = b"3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n"
    sent = await Client().send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *chunks)
    assert read_answer(sent).body == b"abcde"


@pytest.mark.parametrize(
    "parts",
    [
        (b"Content-Length: 101\r\n\r\n", b"x"),
        (b"Content-Length: 99999999999999999999\r\n\r\n",),
        (b"Transfer-Encoding: chunked\r\n\r\n", *[b"40\r\n" + b"x" * 64 + b"\r\n"] * 3),
    ],
    ids=["announced", "absurd", "chunked"],
)
async def test_a_body_over_the_limit_is_refused_before_it_is_all_there(parts):
    client = Client()
    sent = await client.send(HEAD + parts[0], *parts[1:])
    assert sent.startswith((b"HTTP/1.1 413 ", b"HTTP/1.1 400 "))
    assert client.socket.closed  # what else arrives belongs to a request that nobody reads


async def test_a_body_of_exactly_the_limit_is_taken():
    body = b"x" * 100
    sent = await Client().send(HEAD + b"Content-Length: 100\r\n\r\n" + body)
    assert read_answer(sent).body == body


async def test_a_client_that_asks_before_it_sends_is_told_to_go_on():
    client = Client()
    head = HEAD + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    sent = await client.send(head, b"{}")
    assert sent.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


async def test_a_client_that_asks_before_a_body_that_is_too_large_sends_none_of_it():
    head = HEAD + b"Content-Length: 9999\r\nExpect: 100-continue\r\n\r\n"
    sent = await Client().send(head)
    assert sent.startswith(b"HTTP/1.1 413 ")


async def test_an_old_client_gets_a_stream_that_ends_with_its_connection():
    client = Client(stream)
    sent = await client.send(HEAD.replace(b"1.1", b"1.0") + b"Content-Length: 2\r\n\r\n{}")
    head, _, body = sent.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert body == b"onetwo"
    assert client.socket.closed


async def test_a_client_that_wants_no_other_answer_gets_its_connection_closed():
    client = Client()
    sent = await client.send(HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}")
    assert b"connection: close" in sent
    assert client.socket.closed


async def test_two_requests_on_one_connection_are_answered_in_order():
    client = Client()
    each = [HEAD + b"Content-Length: 1\r\n\r\n" + body for body in (b"1", b"2")]
    client.connection.data_received(b"".join(each))
    assert client.socket.paused  # what stands behind a request is not read yet
    while client.connection.tasks:
        await asyncio.gather(*client.connection.tasks)
    assert not client.socket.paused
    assert client.socket.sent.count(b"HTTP/1.1 200 OK") == 2
    assert client.socket.sent.index(b"\r\n\r\n1") < client.socket.sent.index(b"\r\n\r\n2")


@pytest.mark.parametrize("name", [b"a b", b"x" * 65, b"a;b"])
async def test_an_unusable_request_id_is_replaced_by_our_own(name):
    sent = await Client().send(HEAD + b"Content-Length: 2\r\nX-Request-Id: " + name + b"\r\n\r\n{}")
    assert len(read_answer(sent).headers["x-request-id"]) == 32


async def test_the_first_header_of_a_name_counts():
    result = []

    async def look(exchange: Exchange) -> None:
        result.append(exchange.authorization)
        await echo(exchange)

    head = HEAD + b"Authorization: Bearer one\r\nAuthorization: Bearer two\r\n"
    await Client(look).send(head + b"Content-Length: 2\r\n\r\n{}")
    assert result == [b"Bearer one"]
