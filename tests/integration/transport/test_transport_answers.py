"""How every client of backends reads answers: heads, bodies, pieces, timeouts."""

import asyncio

import pytest
from rawserver import Script, raw_server, writes
from transport_calls import OK, QUICK, call, whole
from transports import Client

from router.backends.transport.httptools_connection import READ_BUFFER
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.backends.transport.transport import TransportTimeout

FIVE = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcde"


def drips(text: bytes) -> Script:
    """One byte each 20 ms, then silence."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        left = asyncio.ensure_future(reader.read(1))
        for at in range(len(text)):
            writer.write(text[at : at + 1])
            await asyncio.wait([left], timeout=0.02)
            if left.done():
                return
        await left

    return drip


@pytest.mark.parametrize(
    "interim",
    [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"],
    ids=["continue", "early hints"],
)
async def test_interim_answers_are_skipped(transport: Client, interim: bytes) -> None:
    async with raw_server(writes(interim + OK, then="stay")) as server:
        answer = await transport.send(call(server))
        assert (answer.status, "link" in answer.headers) == (200, False)
        assert await whole(answer) == b"hi"


async def test_a_body_without_a_length_ends_with_its_connection(
    transport: Client,
) -> None:
    async with raw_server(writes(b"HTTP/1.1 200 OK\r\n\r\nall of it")) as server:
        assert await whole(await transport.send(call(server))) == b"all of it"


async def test_of_a_header_that_stands_twice_the_last_counts(transport: Client) -> None:
    twice = OK.replace(b"\r\n\r\n", b"\r\nX-A: one\r\nx-a: two\r\n\r\n")
    async with raw_server(writes(twice, then="stay")) as server:
        answer = await transport.send(call(server))
        assert answer.headers["x-a"] == answer.header("x-a") == "two"
        assert answer.header("x-b") == ""
        answer.close()


async def test_what_one_read_brought_is_one_piece() -> None:
    transport = HttptoolsTransport()  # the others hand out chunk by chunk
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    async with raw_server(writes(head + b"2\r\nab\r\n" * 50 + b"0\r\n\r\n", then="stay")) as server:
        answer = await transport.send(call(server))
        assert await answer.read() == b"ab" * 50
        assert await answer.read() == b""
        answer.close()
    await transport.close()


async def test_a_reader_that_is_slow_stops_the_upstream(transport: Client) -> None:
    size = 64 * READ_BUFFER
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size
    async with raw_server(writes(head + b"x" * size, then="stay")) as server:
        answer = await transport.send(call(server))
        first = await answer.read()
        assert 0 < len(first) <= 8 * READ_BUFFER
        assert len(first) + len(await whole(answer)) == size


@pytest.mark.virtual_time
async def test_a_head_that_never_comes_is_late(transport: Client) -> None:
    async with raw_server(writes(b"HTTP/1.1 200", then="silence")) as server:
        with pytest.raises(TransportTimeout, match="first byte"):
            await transport.send(call(server, timeouts=QUICK))
        await server.closed.wait()


async def test_what_flows_is_taken_as_it_comes(transport: Client) -> None:
    async with raw_server(writes(OK, then="stay")) as server:
        answer = await transport.send(call(server))
        taken: list[bytes] = []
        assert await answer.flow(lambda piece: taken.append(piece) is None)
        assert taken == [b"hi"]
        assert answer.rest() == b""
        answer.close()
        assert await whole(await transport.send(call(server))) == b"hi"
        assert server.connections == 1


async def test_a_taker_that_has_enough_leaves_the_rest(transport: Client) -> None:
    async with raw_server(writes(FIVE, then="stay")) as server:
        answer = await transport.send(call(server))
        assert not await answer.flow(lambda _piece: False)
        await answer.read()
        answer.close()


async def test_what_a_taker_raises_is_raised_where_it_waits(transport: Client) -> None:
    def take(piece: bytes) -> bool:
        if b"e" in piece:
            raise ValueError("enough")
        return True

    async with raw_server(drips(b"abcdef")) as server:
        answer = await transport.send(call(server))
        with pytest.raises(ValueError, match="enough"):
            await answer.flow(take)
        answer.close()


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("text", "error"), [(b"abc", "stalled"), (b"x" * 1000, "longer than the total")]
)
async def test_a_flow_keeps_the_timeouts(transport: Client, text: bytes, error: str) -> None:
    async with raw_server(drips(text)) as server:
        answer = await transport.send(call(server, timeouts=QUICK))
        with pytest.raises(TransportTimeout, match=error):
            await answer.flow(lambda _piece: True)
        answer.close()


@pytest.mark.virtual_time
async def test_pieces_that_keep_coming_meet_the_total_timeout(
    transport: Client,
) -> None:
    async with raw_server(drips(b"x" * 1000)) as server:
        answer = await transport.send(call(server, timeouts=QUICK))
        with pytest.raises(TransportTimeout):
            await whole(answer)
        answer.close()
