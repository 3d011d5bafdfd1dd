"""What every client of backends promises: its pool, its timeouts, how it reads HTTP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from rawserver import RawServer, raw_server, writes
from transports import Client, NewTransport

from router.backends.backend import Timeouts
from router.backends.transport.httptools_connection import READ_BUFFER
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.backends.transport.transport import (
    ConnectFailed,
    HttpAnswer,
    HttpCall,
    Target,
    TransportError,
    TransportTimeout,
)

QUICK = Timeouts(connect=0.5, first_byte=0.2, between_chunks=0.2, total=0.5)
PATIENT = Timeouts(connect=5.0, first_byte=5.0, between_chunks=5.0, total=10.0)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
MANY = b"".join(b"a%d: b\r\n" % number for number in range(300))
FIVE = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcde"
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def transport(new_transport: NewTransport) -> AsyncIterator[Client]:
    transport = new_transport()
    yield transport
    await transport.close()


def call(
    server: RawServer, *, timeouts: Timeouts = PATIENT, body: bytes = b"{}", **more: str
) -> HttpCall:
    headers = tuple((name.replace("_", "-"), value) for name, value in more.items())
    return HttpCall(Target(f"{server.base_url}/chat/completions", headers), body, timeouts)


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


async def whole(answer: HttpAnswer) -> bytes:
    pieces = []
    while piece := await answer.read():
        pieces.append(piece)
    answer.close()
    return b"".join(pieces)


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


@pytest.mark.virtual_time
async def test_a_switch_of_protocols_is_no_answer(transport: Client) -> None:
    switch = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"
    async with raw_server(writes(switch, then="silence")) as server:
        with pytest.raises(TransportError):
            await transport.send(call(server, timeouts=QUICK))


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


async def test_an_answer_that_breaks_off_ends_the_flow(transport: Client) -> None:
    half = b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\nhalf"
    async with raw_server(writes(half)) as server:
        answer = await transport.send(call(server))
        with pytest.raises(TransportError, match="broke off"):
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


async def test_a_credential_with_a_line_break_adds_no_header(
    transport: Client,
) -> None:
    async with raw_server(writes(OK)) as server:
        with pytest.raises(TransportError, match="line break"):
            await transport.send(call(server, authorization="Bearer a\r\nx-evil: 1"))
        assert server.requests == 0


async def test_a_large_body_arrives_whole(transport: Client) -> None:
    async with raw_server(writes(OK, then="stay")) as server:
        asked = call(server, body=b"x" * 3_000_000)
        assert await whole(await transport.send(asked)) == b"hi"


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/v1", "http://", "http://127.0.0.1:99999/v1"])
async def test_an_address_that_is_none_is_said_so(transport: Client, url: str) -> None:
    with pytest.raises(TransportError):
        await transport.send(HttpCall(Target(url, ()), b"", QUICK))


async def test_an_unknown_host_and_a_closed_port_are_told_apart(
    transport: Client,
) -> None:
    async with raw_server(writes(b"")) as server:
        gone = call(server)
    with pytest.raises(ConnectFailed, match="refused"):
        await transport.send(gone)
    with pytest.raises(ConnectFailed, match="unknown host"):
        await transport.send(HttpCall(Target("http://turnout.invalid/v1", ()), b"", PATIENT))


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


async def test_a_length_that_is_too_short_leaves_nothing_for_the_next(transport: Client) -> None:
    wrong = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi and more"
    async with raw_server(writes(wrong, then="stay")) as server:
        for _ in range(2):
            assert await whole(await transport.send(call(server))) == b"hi"
        assert server.connections == 2


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


async def test_a_client_alone_does_not_read_the_environment(
    new_transport: NewTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    transport = new_transport()
    async with raw_server(writes(OK, then="stay")) as server:
        assert await whole(await transport.send(call(server))) == b"hi"
    await transport.close()


async def test_nothing_is_sent_but_what_the_call_says(transport: Client) -> None:
    async with raw_server(writes(OK, then="stay")) as server:
        asked = HttpCall(
            Target(f"{server.base_url}/chat", (("Accept-Encoding", "identity"),)),
            b"{}",
            PATIENT,
            "r1",
            (("X-Beta", "on"),),
        )
        await whole(await transport.send(asked))
        lines = server.head.decode().lower().split("\r\n")
        host = server.base_url.removeprefix("http://").removesuffix("/v1")
        assert lines[0] == "post /v1/chat http/1.1"
        assert sorted(filter(None, lines[1:])) == [
            "accept-encoding: identity",
            "content-length: 2",
            f"host: {host}",
            "x-beta: on",
            "x-request-id: r1",
        ]


@pytest.mark.parametrize("header", ["a\r\nx-evil: 1", "a\nb", "a\rb"])
async def test_a_header_of_one_call_adds_no_line_either(transport: Client, header: str) -> None:
    async with raw_server(writes(OK)) as server:
        asked = HttpCall(Target(server.base_url, ()), b"{}", PATIENT, "r1", (("X-A", header),))
        with pytest.raises(TransportError, match="line break"):
            await transport.send(asked)
        assert server.requests == 0
