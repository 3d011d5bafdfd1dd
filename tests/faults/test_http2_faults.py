"""HTTP/2: agreed on where it can be, and every way in which it breaks is one failed exchange."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from faulty_backends import PATIENT, QUICK
from h2.errors import ErrorCodes
from http2server import Stream, certificates, http2_server
from rawserver import raw_server, writes
from transports import Client, NewTransport, over_http2

from router.backends.backend import Timeouts
from router.backends.transport.transport import (
    HttpAnswer,
    HttpCall,
    Target,
    TransportError,
    TransportTimeout,
)

STALLING = Timeouts(connect=10.0, first_byte=10.0, between_chunks=0.1, total=20.0)
Commit = Callable[[Stream], Awaitable[None]]


@pytest.fixture(scope="module")
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return certificates()


@pytest.fixture
def serving(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> ssl.SSLContext:
    return contexts[0]


@pytest.fixture
def new_client(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> NewTransport:
    return over_http2(contexts[1])


@pytest.fixture
async def client(new_client: NewTransport) -> AsyncIterator[Client]:
    client = new_client()
    yield client
    await client.close()


def app(commit: Commit) -> Callable[..., Awaitable[None]]:
    """An application that reads its request and then does what the test wants."""

    async def application(scope: dict[str, Any], receive: Any, _send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await commit(scope["stream"])

    return application


async def head(stream: Stream, *headers: tuple[bytes, bytes]) -> None:
    await stream.send({"type": "http.response.start", "status": 200, "headers": headers})


async def body(stream: Stream, data: bytes, *, more: bool = False) -> None:
    await stream.send({"type": "http.response.body", "body": data, "more_body": more})


async def numbered(stream: Stream) -> None:
    await head(stream, (b"content-type", b"text/plain"))
    await body(stream, b"answer on stream %d" % stream.id)


def call(server: Any, text: bytes = b"{}", timeouts: Timeouts = PATIENT) -> HttpCall:
    target = Target(f"{server.base_url}/chat/completions", (("X-A", "b"),))
    return HttpCall(target, text, timeouts, "r1")


async def whole(answer: HttpAnswer) -> bytes:
    pieces = []
    while piece := await answer.read():
        pieces.append(piece)
    answer.close()
    return b"".join(pieces)


async def test_a_connection_serves_one_exchange_after_the_other(
    client: Client, serving: ssl.SSLContext
) -> None:
    async with http2_server(app(numbered), serving) as server:
        for number in (1, 3, 5):
            result = await whole(await client.send(call(server)))
            assert result == b"answer on stream %d" % number
        assert (server.requests, server.connections) == (3, 1)


async def test_two_at_once_take_two_connections(client: Client, serving: ssl.SSLContext) -> None:
    async with http2_server(app(numbered), serving) as server:
        answers = await asyncio.gather(client.send(call(server)), client.send(call(server)))
        assert [await whole(answer) for answer in answers] == [b"answer on stream 1"] * 2
        assert server.connections == 2


async def test_a_server_without_http2_is_spoken_to_in_http1(
    new_client: NewTransport, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    old, _ = contexts
    old.set_alpn_protocols(["http/1.1"])
    client = new_client()
    try:
        reply = writes(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", then="stay")
        async with raw_server(reply, tls=old) as server:
            for _ in range(2):
                assert await whole(await client.send(call(server))) == b"hi"
            assert (server.requests, server.connections) == (2, 1)
    finally:
        await client.close()
        old.set_alpn_protocols(["h2"])


async def test_a_large_body_and_a_large_answer_arrive_whole(
    client: Client, serving: ssl.SSLContext
) -> None:
    async def large(stream: Stream) -> None:
        await head(stream)
        await body(stream, b"x" * 3_000_000)

    async with http2_server(app(large), serving) as server:
        answer = await client.send(call(server, b"y" * 3_000_000))
        assert len(await whole(answer)) == 3_000_000


async def reset(stream: Stream) -> None:
    stream.connection.state.reset_stream(stream.id, ErrorCodes.INTERNAL_ERROR)
    stream.connection.flush()


async def go_away(stream: Stream) -> None:
    stream.connection.state.close_connection(ErrorCodes.ENHANCE_YOUR_CALM, last_stream_id=stream.id)
    stream.connection.flush()
    stream.connection.writer.close()


async def cut(stream: Stream) -> None:
    stream.connection.writer.transport.abort()


async def nonsense(stream: Stream) -> None:
    stream.connection.writer.write(b"\x00" * 64 + b"HTTP/1.1 200 OK\r\n\r\n")


async def another_stream(stream: Stream) -> None:
    """DATA for a stream that nobody opened."""
    stream.connection.writer.write(b"\x00\x00\x06\x00\x01\x00\x00\x00\x63stolen")


async def endless_headers(stream: Stream) -> None:
    for number in range(2_000):
        stream.connection.writer.write(b"\x00\x40\x00\x01\x00\x00\x00\x00\x01" + b"\x82" * 16_384)
        if number % 50 == 0:
            await stream.connection.writer.drain()


FAULTS: dict[str, Commit] = {
    "stream reset": reset,
    "go away": go_away,
    "cut": cut,
    "nonsense": nonsense,
    "another stream": another_stream,
    "endless headers": endless_headers,
}


@pytest.mark.parametrize("commit", FAULTS.values(), ids=FAULTS)
async def test_a_fault_before_the_head_is_no_answer(
    client: Client, serving: ssl.SSLContext, commit: Commit
) -> None:
    async with http2_server(app(commit), serving) as server:
        with pytest.raises(TransportError):
            await client.send(call(server))
        assert server.requests == 1


@pytest.mark.parametrize("commit", [reset, go_away, cut, nonsense, another_stream])
async def test_a_fault_in_the_body_breaks_it_off(
    client: Client, serving: ssl.SSLContext, commit: Commit
) -> None:
    async def begins_well(stream: Stream) -> None:
        await head(stream)
        await body(stream, b"first", more=True)
        await commit(stream)

    async with http2_server(app(begins_well), serving) as server:
        answer = await client.send(call(server))
        with pytest.raises(TransportError, match="broke off"):
            await answer.flow(lambda _piece: True)
        answer.close()
        if commit is not cut:
            await server.closed.wait()


async def test_an_answer_that_is_left_takes_its_connection_along(
    client: Client, serving: ssl.SSLContext
) -> None:
    async def goes_on(stream: Stream) -> None:
        await head(stream)
        await body(stream, b"first", more=True)

    async with http2_server(app(goes_on), serving) as server:
        answer = await client.send(call(server))
        assert await answer.read() == b"first"
        answer.close()
        await server.closed.wait()


async def test_a_cancelled_client_closes_the_connection(
    client: Client, serving: ssl.SSLContext
) -> None:
    async def never(_stream: Stream) -> None:
        await asyncio.Event().wait()

    async with http2_server(app(never), serving) as server:
        task = asyncio.create_task(client.send(call(server)))
        await server.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.closed.wait()


@pytest.mark.virtual_time
async def test_a_head_that_never_comes_is_late(client: Client, serving: ssl.SSLContext) -> None:
    async def never(_stream: Stream) -> None:
        await asyncio.Event().wait()

    async with http2_server(app(never), serving) as server:
        with pytest.raises(TransportTimeout, match="first byte"):
            await client.send(call(server, timeouts=QUICK))
        await server.closed.wait()


@pytest.mark.virtual_time
async def test_a_body_that_stalls_is_given_up(client: Client, serving: ssl.SSLContext) -> None:
    async def stalls(stream: Stream) -> None:
        await head(stream)
        await body(stream, b"first", more=True)
        await asyncio.Event().wait()

    async with http2_server(app(stalls), serving) as server:
        answer = await client.send(call(server, timeouts=STALLING))
        assert await answer.read() == b"first"
        with pytest.raises(TransportTimeout, match="stalled"):
            await answer.read()
        answer.close()
        await server.closed.wait()


@pytest.mark.parametrize("seen", [False, True], ids=["not yet read", "read"])
async def test_a_kept_connection_that_the_server_let_go_is_replaced(
    client: Client, serving: ssl.SSLContext, seen: bool
) -> None:
    streams: list[Stream] = []

    async def once(stream: Stream) -> None:
        streams.append(stream)
        await numbered(stream)

    async with http2_server(app(once), serving) as server:
        assert await whole(await client.send(call(server))) == b"answer on stream 1"
        streams[0].connection.writer.close()
        for _ in range(20 if seen else 0):  # turns of the event loop, which reads meanwhile
            await asyncio.sleep(0)
        assert await whole(await client.send(call(server))) == b"answer on stream 1"
        assert (server.requests, server.connections) == (2, 2)


async def test_frames_that_nobody_asked_for_are_nobodys_answer(
    client: Client, serving: ssl.SSLContext
) -> None:
    async def adds(stream: Stream) -> None:
        await numbered(stream)
        await another_stream(stream)

    async with http2_server(app(adds), serving) as server:
        result = [await whole(await client.send(call(server))) for _ in range(3)]
        assert all(text.startswith(b"answer on stream") for text in result)
        assert server.requests == 3


@pytest.mark.virtual_time
async def test_idle_connections_are_closed_after_a_while(
    new_client: NewTransport, serving: ssl.SSLContext
) -> None:
    client = new_client(keep_alive=0.05)
    async with http2_server(app(numbered), serving) as server:
        await whole(await client.send(call(server)))
        await server.closed.wait()
    await client.close()
