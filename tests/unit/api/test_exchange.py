"""One request and its reply at the edge: bodies in parts, bounds, and how an answer is framed."""

import asyncio

import pytest
from exchanging import HEAD, OLD_HEAD, Client, echo, stream
from fakes.connection import read_answer

from router.api.exchange import Exchange
from router.api.farewell import LINGER_BYTES
from router.errors import Unauthenticated


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
    assert client.socket.half_closed  # what else arrives belongs to a request that nobody reads


async def test_a_body_of_exactly_the_limit_is_taken():
    body = b"x" * 100
    sent = await Client().send(HEAD + b"Content-Length: 100\r\n\r\n" + body)
    assert read_answer(sent).body == body


async def test_a_client_that_asks_before_it_sends_is_told_to_go_on():
    head = HEAD + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    sent = await Client().send(head, b"{}")
    assert sent.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


async def test_a_client_that_asks_before_a_body_that_is_too_large_sends_none_of_it():
    sent = await Client().send(HEAD + b"Content-Length: 9999\r\nExpect: 100-continue\r\n\r\n")
    assert sent.startswith(b"HTTP/1.1 413 ")


async def test_an_old_client_gets_a_stream_that_ends_with_its_connection():
    client = Client(stream)
    sent = await client.send(HEAD.replace(b"1.1", b"1.0") + b"Content-Length: 2\r\n\r\n{}")
    head, _, body = sent.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert body == b"onetwo"
    assert client.socket.closed


async def test_an_old_client_that_would_keep_its_connection_gets_a_stream_that_ends_too():
    client = Client(stream)
    head, _, body = (await client.send(OLD_HEAD + b"{}")).partition(b"\r\n\r\n")
    assert b"connection: close" in head
    assert body == b"onetwo"
    assert client.socket.closed


async def test_an_old_client_that_would_keep_its_connection_is_told_that_it_may():
    client = Client()
    assert b"connection: keep-alive" in await client.send(OLD_HEAD + b"{}")
    assert not client.socket.closed


async def test_a_request_that_is_answered_before_it_is_all_there_is_its_connections_last():
    async def refuse(exchange: Exchange) -> None:
        raise Unauthenticated("no")

    client = Client(refuse)
    sent = await client.send(HEAD + b"Content-Length: 50\r\n\r\n", b"x" * 10)
    assert sent.startswith(b"HTTP/1.1 401 ")
    assert b"connection: close" in sent
    assert client.socket.half_closed  # so that the client sees the end of the answer, and reads it
    assert not client.socket.closed
    client.connection.data_received(b"x" * 40 + HEAD + b"Content-Length: 0\r\n\r\n")
    assert not client.connection.tasks
    assert client.socket.sent == sent


async def test_what_comes_behind_a_last_answer_is_read_up_to_a_bound():
    client = Client()
    await client.send(HEAD + b"Content-Length: 999999999\r\n\r\n")
    part = b"x" * 1_000_000
    for _ in range(LINGER_BYTES // len(part)):
        client.connection.data_received(part)
    assert not client.socket.closed
    client.connection.data_received(part)
    assert client.socket.closed


async def test_a_client_that_ends_its_half_gets_its_answer_and_then_the_end():
    go = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await go.wait()
        await echo(exchange)

    client = Client(slow)
    client.connection.data_received(HEAD + b"Content-Length: 2\r\n\r\n{}")
    assert client.connection.eof_received()
    go.set()
    await asyncio.gather(*client.connection.tasks)
    assert read_answer(client.socket.sent).body == b"{}"
    assert client.socket.closed


@pytest.mark.parametrize(
    "sent", [b"", HEAD, HEAD + b"Content-Length: 9\r\n\r\n{}"], ids=["nothing", "head", "half"]
)
async def test_a_client_that_ends_its_half_before_its_request_is_whole_has_left(sent):
    client = Client()
    client.connection.data_received(sent)
    assert not client.connection.eof_received()
    client.connection.connection_lost(None)
    await asyncio.gather(*client.connection.tasks, return_exceptions=True)
    assert client.socket.sent == b""


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
