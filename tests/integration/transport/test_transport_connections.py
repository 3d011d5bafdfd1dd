"""Which connections every client of backends keeps, for whom and how long."""

import asyncio

import pytest
from rawserver import raw_server, writes
from transport_calls import OK, PATIENT, call, whole
from transports import Client, NewTransport

from router.backends.backend import Timeouts
from router.backends.transport.transport import HttpCall, Target, TransportError, TransportTimeout


async def test_a_finished_exchange_leaves_its_connection_for_the_next(
    transport: Client,
) -> None:
    async with raw_server(writes(OK, then="stay")) as server:
        for _ in range(5):
            assert await whole(await transport.send(call(server))) == b"hi"
        assert (server.requests, server.connections) == (5, 1)


async def test_two_at_once_take_two_connections(transport: Client) -> None:
    async with raw_server(writes(OK, then="stay")) as server:
        first, second = await asyncio.gather(
            transport.send(call(server)), transport.send(call(server))
        )
        assert await whole(first) == await whole(second) == b"hi"
        assert server.connections == 2


async def test_a_kept_connection_that_the_server_let_go_is_replaced(
    transport: Client,
) -> None:
    async def once_each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if server.requests == 2:  # the second request meets a server that closes, unheard
            writer.transport.abort()
            return
        writer.write(OK)

    async with raw_server(once_each) as server:
        assert await whole(await transport.send(call(server))) == b"hi"
        assert await whole(await transport.send(call(server))) == b"hi"
        assert server.connections == 2


async def test_a_new_connection_that_closes_is_not_tried_again(
    transport: Client,
) -> None:
    async with raw_server(writes(b"")) as server:
        with pytest.raises(TransportError, match="without an answer"):
            await transport.send(call(server))
        assert server.requests == 1


async def test_an_answer_that_says_close_is_not_kept(transport: Client) -> None:
    text = OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    async with raw_server(writes(text, then="stay")) as server:
        for _ in range(2):
            assert await whole(await transport.send(call(server))) == b"hi"
        assert server.connections == 2


async def test_bytes_after_the_answer_end_the_connection(transport: Client) -> None:
    async with raw_server(writes(OK + b"HTTP/1.1 200 OK\r\n", then="stay")) as server:
        for _ in range(2):
            assert await whole(await transport.send(call(server))) == b"hi"
        assert server.connections == 2


async def test_an_answer_half_read_closes_its_connection(transport: Client) -> None:
    half = b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\nhalf"
    async with raw_server(writes(half, then="silence")) as server:
        answer = await transport.send(call(server))
        assert await answer.read() == b"half"
        answer.close()
        await server.closed.wait()
        assert await answer.read() == b""


@pytest.mark.virtual_time
async def test_idle_connections_are_closed_after_a_while(
    new_transport: NewTransport,
) -> None:
    transport = new_transport(keep_alive=0.05)
    async with raw_server(writes(OK, then="stay")) as server:
        await whole(await transport.send(call(server)))
        await server.closed.wait()
    await transport.close()


async def test_closing_the_transport_closes_what_is_idle(new_transport: NewTransport) -> None:
    transport = new_transport()
    async with raw_server(writes(OK, then="stay")) as server:
        await whole(await transport.send(call(server)))
        await transport.close()
        await server.closed.wait()


async def test_a_length_that_is_too_short_leaves_nothing_for_the_next(transport: Client) -> None:
    wrong = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi and more"
    async with raw_server(writes(wrong, then="stay")) as server:
        for _ in range(2):
            assert await whole(await transport.send(call(server))) == b"hi"
        assert server.connections == 2


@pytest.mark.virtual_time
async def test_a_tls_handshake_that_never_ends_is_no_connection(transport: Client) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            pass
        writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    target = Target(f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1", ())
    limits = Timeouts(connect=0.1, first_byte=5.0, between_chunks=5.0, total=10.0)
    with pytest.raises(TransportTimeout, match="did not accept"):
        await transport.send(HttpCall(target, b"{}", limits))
    listener.close()


async def test_a_client_that_leaves_during_the_tls_handshake_leaves_no_connection(
    transport: Client,
) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def handshake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            asked.set()
        gone.set()
        writer.close()

    listener = await asyncio.start_server(handshake, "127.0.0.1", 0)
    target = Target(f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1", ())
    task = asyncio.ensure_future(transport.send(HttpCall(target, b"{}", PATIENT)))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone.wait()
    listener.close()


async def test_a_cookie_is_not_kept_for_the_next_tenant(transport: Client) -> None:
    baked = OK.replace(b"\r\n\r\n", b"\r\nset-cookie: tenant=a; path=/\r\n\r\n")
    async with raw_server(writes(baked, then="stay")) as server:
        for _ in range(2):
            assert await whole(await transport.send(call(server))) == b"hi"
        assert b"cookie" not in server.head.lower()
