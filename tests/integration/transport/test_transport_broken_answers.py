"""What is no answer, or not a whole one, is said so by every client of backends."""

import asyncio

import pytest
from rawserver import raw_server, writes
from transport_calls import PATIENT, QUICK, call, whole
from transports import Client

from router.backends.transport.transport import HttpCall, Target, TransportError

MANY = b"".join(b"a%d: b\r\n" % number for number in range(300))


@pytest.mark.virtual_time
async def test_a_switch_of_protocols_is_no_answer(transport: Client) -> None:
    switch = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"
    async with raw_server(writes(switch, then="silence")) as server:
        with pytest.raises(TransportError):
            await transport.send(call(server, timeouts=QUICK))


async def test_an_answer_that_breaks_off_ends_the_flow(transport: Client) -> None:
    half = b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\nhalf"
    async with raw_server(writes(half)) as server:
        answer = await transport.send(call(server))
        with pytest.raises(TransportError, match="broke off"):
            await answer.flow(lambda _piece: True)
        answer.close()


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 20",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\n" + MANY + b"content-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: " + b"b" * 200_000 + b"\r\ncontent-length: 0\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello",
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
    ],
    ids=["nothing", "half a line", "half a head", "two lengths", "no number", "below zero",
         "300 headers", "long header", "tls", "only hints"],
)  # fmt: skip
async def test_a_head_that_is_none_is_no_answer(transport: Client, data: bytes, then: str) -> None:
    async with raw_server(writes(data, then=then)) as server:
        with pytest.raises(TransportError):
            await transport.send(call(server))
        assert server.requests == 1


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize(
    "data",
    [
        b"content-length: 9\r\n\r\nshort",
        b"transfer-encoding: chunked\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\n5\r\nab",
        b"transfer-encoding: chunked\r\n\r\n2\r\nabc\r\n",
        b"transfer-encoding: chunked\r\n\r\nnonsense\r\n",
        b"transfer-encoding: chunked\r\n\r\n2\r\nab\r\n-1\r\n\r\n",
    ],
    ids=["short", "no chunk", "half a chunk", "long chunk", "no size", "below zero"],
)
async def test_a_body_that_is_not_whole_is_said_so(
    transport: Client, data: bytes, then: str
) -> None:
    async with raw_server(writes(b"HTTP/1.1 200 OK\r\n" + data, then=then)) as server:
        with pytest.raises(TransportError):  # from where it goes wrong, the head's read included
            await whole(await transport.send(call(server)))


async def test_a_server_that_refuses_before_it_has_read_is_an_answer_or_an_error(
    transport: Client,
) -> None:
    refusal = b"HTTP/1.1 413 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(refusal)
        writer.close()

    listener = await asyncio.start_server(early, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    target = Target(f"http://127.0.0.1:{port}/v1", ())
    try:
        answer = await transport.send(HttpCall(target, b"x" * 8_000_000, PATIENT))
        assert answer.status == 413
        answer.close()
    except TransportError:
        pass
    listener.close()
