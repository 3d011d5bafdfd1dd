"""What only the transport of our own has to prove: its pool, its timers, its reading of HTTP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from rawserver import RawServer, raw_server, writes

from router.backends.backend import Timeouts
from router.backends.transport import httptools_transport
from router.backends.transport.httptools_connection import READ_BUFFER
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.backends.transport.transport import (
    Answer,
    Call,
    ConnectFailed,
    Target,
    TransportError,
    TransportTimeout,
)

QUICK = Timeouts(connect=0.5, first_byte=0.2, between_chunks=0.2, total=0.5)
PATIENT = Timeouts(connect=5.0, first_byte=5.0, between_chunks=5.0, total=10.0)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
FIVE = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcde"
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def transport() -> AsyncIterator[HttptoolsTransport]:
    transport = HttptoolsTransport()
    yield transport
    await transport.close()


def call(
    server: RawServer, *, timeouts: Timeouts = PATIENT, body: bytes = b"{}", **more: str
) -> Call:
    headers = tuple((name.replace("_", "-"), value) for name, value in more.items())
    return Call(Target(f"{server.base_url}/chat/completions", headers), body, timeouts)


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


async def whole(answer: Answer) -> bytes:
    pieces = []
    while piece := await answer.read():
        pieces.append(piece)
    answer.close()
    return b"".join(pieces)


async def test_a_finished_exchange_leaves_its_connection_for_the_next(
    transport: HttptoolsTransport,
) -> None:
    async with raw_server(writes(OK, then="stay")) as server:
        for _ in range(5):
            assert await whole(await transport.send(call(server))) == b"hi"
        assert (server.requests, server.connections) == (5, 1)


async def test_two_at_once_take_two_connections(transport: HttptoolsTransport) -> None:
    async with raw_server(writes(OK, then="stay")) as server:
        first, second = await asyncio.gather(
            transport.send(call(server)), transport.send(call(server))
        )
        assert await whole(first) == await whole(second) == b"hi"
        assert server.connections == 2


async def test_a_kept_connection_that_the_server_let_go_is_replaced(
    transport: HttptoolsTransport,
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
    transport: HttptoolsTransport,
) -> None:
    async with raw_server(writes(b"")) as server:
        with pytest.raises(TransportError, match="without an answer"):
            await transport.send(call(server))
        assert server.requests == 1


async def test_an_answer_that_says_close_is_not_kept(transport: HttptoolsTransport) -> None:
    said = OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    async with raw_server(writes(said, then="stay")) as server:
        for _ in range(2):
            assert await whole(await transport.send(call(server))) == b"hi"
        assert server.connections == 2


async def test_bytes_after_the_answer_end_the_connection(transport: HttptoolsTransport) -> None:
    async with raw_server(writes(OK + b"HTTP/1.1 200 OK\r\n", then="stay")) as server:
        for _ in range(2):
            assert await whole(await transport.send(call(server))) == b"hi"
        assert server.connections == 2


async def test_an_answer_half_read_closes_its_connection(transport: HttptoolsTransport) -> None:
    half = b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\nhalf"
    async with raw_server(writes(half, then="silence")) as server:
        answer = await transport.send(call(server))
        assert await answer.read() == b"half"
        answer.close()
        await asyncio.wait_for(server.closed.wait(), 1.0)
        assert await answer.read() == b""


async def test_idle_connections_are_closed_after_a_while(
    transport: HttptoolsTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httptools_transport, "KEEP_ALIVE", 0.05)
    async with raw_server(writes(OK, then="stay")) as server:
        await whole(await transport.send(call(server)))
        await asyncio.wait_for(server.closed.wait(), 2.0)


async def test_closing_the_transport_closes_what_is_idle() -> None:
    transport = HttptoolsTransport()
    async with raw_server(writes(OK, then="stay")) as server:
        await whole(await transport.send(call(server)))
        await transport.close()
        await asyncio.wait_for(server.closed.wait(), 1.0)


@pytest.mark.parametrize(
    "interim",
    [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"],
    ids=["continue", "early hints"],
)
async def test_interim_answers_are_skipped(transport: HttptoolsTransport, interim: bytes) -> None:
    async with raw_server(writes(interim + OK, then="stay")) as server:
        answer = await transport.send(call(server))
        assert (answer.status, "link" in answer.headers) == (200, False)
        assert await whole(answer) == b"hi"


async def test_a_body_without_a_length_ends_with_its_connection(
    transport: HttptoolsTransport,
) -> None:
    async with raw_server(writes(b"HTTP/1.1 200 OK\r\n\r\nall of it")) as server:
        assert await whole(await transport.send(call(server))) == b"all of it"


async def test_a_switch_of_protocols_is_no_answer(transport: HttptoolsTransport) -> None:
    switch = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"
    async with raw_server(writes(switch, then="silence")) as server:
        with pytest.raises(TransportError):
            await transport.send(call(server, timeouts=QUICK))


async def test_of_a_header_that_stands_twice_the_last_counts(transport: HttptoolsTransport) -> None:
    twice = OK.replace(b"\r\n\r\n", b"\r\nX-A: one\r\nx-a: two\r\n\r\n")
    async with raw_server(writes(twice, then="stay")) as server:
        answer = await transport.send(call(server))
        assert answer.headers["x-a"] == answer.header("x-a") == "two"
        assert answer.header("x-b") == ""
        answer.close()


async def test_what_one_read_brought_is_one_piece(transport: HttptoolsTransport) -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    async with raw_server(writes(head + b"2\r\nab\r\n" * 50 + b"0\r\n\r\n", then="stay")) as server:
        answer = await transport.send(call(server))
        assert await answer.read() == b"ab" * 50
        assert await answer.read() == b""
        answer.close()


async def test_a_reader_that_is_slow_stops_the_upstream(transport: HttptoolsTransport) -> None:
    size = 64 * READ_BUFFER
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size
    async with raw_server(writes(head + b"x" * size, then="stay")) as server:
        answer = await transport.send(call(server))
        first = await answer.read()
        assert 0 < len(first) <= 8 * READ_BUFFER
        assert len(first) + len(await whole(answer)) == size


async def test_a_head_that_never_comes_is_late(transport: HttptoolsTransport) -> None:
    async with raw_server(writes(b"HTTP/1.1 200", then="silence")) as server:
        with pytest.raises(TransportTimeout, match="first byte"):
            await transport.send(call(server, timeouts=QUICK))
        await asyncio.wait_for(server.closed.wait(), 1.0)


async def test_what_flows_is_taken_as_it_comes(transport: HttptoolsTransport) -> None:
    async with raw_server(writes(OK, then="stay")) as server:
        answer = await transport.send(call(server))
        taken: list[bytes] = []
        assert await answer.flow(lambda piece: taken.append(piece) is None)
        assert taken == [b"hi"]
        assert answer.rest() == b""
        answer.close()
        assert await whole(await transport.send(call(server))) == b"hi"
        assert server.connections == 1


async def test_a_taker_that_has_enough_leaves_the_rest(transport: HttptoolsTransport) -> None:
    async with raw_server(writes(FIVE, then="stay")) as server:
        answer = await transport.send(call(server))
        assert not await answer.flow(lambda _piece: False)
        await answer.read()
        answer.close()


async def test_what_a_taker_raises_is_raised_where_it_waits(transport: HttptoolsTransport) -> None:
    def take(piece: bytes) -> bool:
        if b"e" in piece:
            raise ValueError("enough")
        return True

    async with raw_server(drips(b"abcdef")) as server:
        answer = await transport.send(call(server))
        with pytest.raises(ValueError, match="enough"):
            await answer.flow(take)
        answer.close()


@pytest.mark.parametrize(
    ("text", "error"), [(b"abc", "stalled"), (b"x" * 1000, "longer than the total")]
)
async def test_a_flow_keeps_the_timeouts(
    transport: HttptoolsTransport, text: bytes, error: str
) -> None:
    async with raw_server(drips(text)) as server:
        answer = await transport.send(call(server, timeouts=QUICK))
        with pytest.raises(TransportTimeout, match=error):
            await answer.flow(lambda _piece: True)
        answer.close()


async def test_an_answer_that_breaks_off_ends_the_flow(transport: HttptoolsTransport) -> None:
    half = b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\nhalf"
    async with raw_server(writes(half)) as server:
        answer = await transport.send(call(server))
        with pytest.raises(TransportError, match="broke off"):
            await answer.flow(lambda _piece: True)
        answer.close()


async def test_pieces_that_keep_coming_meet_the_total_timeout(
    transport: HttptoolsTransport,
) -> None:
    async with raw_server(drips(b"x" * 1000)) as server:
        answer = await transport.send(call(server, timeouts=QUICK))
        with pytest.raises(TransportTimeout):
            await whole(answer)
        answer.close()


async def test_a_credential_with_a_line_break_adds_no_header(
    transport: HttptoolsTransport,
) -> None:
    async with raw_server(writes(OK)) as server:
        with pytest.raises(TransportError, match="line break"):
            await transport.send(call(server, authorization="Bearer a\r\nx-evil: 1"))
        assert server.requests == 0


async def test_a_large_body_arrives_whole(transport: HttptoolsTransport) -> None:
    async with raw_server(writes(OK, then="stay")) as server:
        asked = call(server, body=b"x" * 3_000_000)
        assert await whole(await transport.send(asked)) == b"hi"


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/v1", "http://", "http://127.0.0.1:99999/v1"])
async def test_an_address_that_is_none_is_said_so(transport: HttptoolsTransport, url: str) -> None:
    with pytest.raises(TransportError):
        await transport.send(Call(Target(url, ()), b"", QUICK))


async def test_an_unknown_host_and_a_closed_port_are_told_apart(
    transport: HttptoolsTransport,
) -> None:
    async with raw_server(writes(b"")) as server:
        gone = call(server)
    with pytest.raises(ConnectFailed, match="refused"):
        await transport.send(gone)
    with pytest.raises(ConnectFailed, match="unknown host"):
        await transport.send(Call(Target("http://turnout.invalid/v1", ()), b"", PATIENT))
