"""No client is ever given another's answer: bytes that nobody asked for end their connection.

A server that sends more than its answer, or something on the way that does, leaves bytes on a kept
connection. Whoever uses it next would read them as the answer to a request of their own.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trustme
from faulty_backends import PATIENT
from rawserver import RawServer, Script, raw_server
from transports import Client, NewTransport

from router.backends.transport.transport import HttpCall, Target

STRAYS = {
    "an answer": b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen",
    "half a head": b"HTTP/1.1 200 OK\r\ncontent-le",
    "one byte": b"x",
    "nonsense": b"}\n",
    "a second answer and more": b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen" * 3,
}
BODIES = {
    "length": b"content-length: %d\r\n\r\n%s",
    "chunks": b"transfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n",
}


def answering(server: list[RawServer], framing: bytes, then: Callable[..., None]) -> Script:
    """Each request is told its number; `then` adds what does not belong to the answer."""

    async def script(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b"answer %d" % server[0].requests
        then(writer, b"HTTP/1.1 200 OK\r\n" + framing % (len(body), body))

    return script


@asynccontextmanager
async def talkative(
    new_transport: NewTransport, *, secure: bool, framing: bytes, then: Callable[..., None]
) -> AsyncIterator[tuple[Client, RawServer]]:
    authority = trustme.CA()
    serving = trusting = None
    if secure:
        serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(serving)
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
    transport = new_transport(tls=trusting)
    known: list[RawServer] = []
    async with raw_server(answering(known, framing, then), tls=serving) as server:
        known.append(server)
        yield transport, server
        await transport.close()


async def asked(transport: Client, server: RawServer) -> bytes:
    target = Target(f"{server.base_url}/chat/completions", ())
    answer = await transport.send(HttpCall(target, b"{}", PATIENT, "r1"))
    pieces = []
    while piece := await answer.read():
        pieces.append(piece)
    answer.close()
    return b"".join(pieces)


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("framing", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("stray", STRAYS.values(), ids=STRAYS)
async def test_what_comes_with_an_answer_is_not_the_next_one(
    new_transport: NewTransport, stray: bytes, framing: bytes, secure: bool
) -> None:
    def then(writer: asyncio.StreamWriter, answer: bytes) -> None:
        writer.write(answer + stray)

    async with talkative(new_transport, secure=secure, framing=framing, then=then) as (
        transport,
        server,
    ):
        result = [await asked(transport, server) for _ in range(3)]
        assert result == [b"answer 1", b"answer 2", b"answer 3"]
        assert server.connections == 3


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("stray", STRAYS.values(), ids=STRAYS)
async def test_what_comes_right_behind_an_answer_is_not_the_next_one(
    new_transport: NewTransport, stray: bytes, secure: bool
) -> None:
    def then(writer: asyncio.StreamWriter, answer: bytes) -> None:
        writer.write(answer)
        writer.write(stray)  # a record of its own where there is TLS

    framing = BODIES["length"]
    async with talkative(new_transport, secure=secure, framing=framing, then=then) as (
        transport,
        server,
    ):
        result = [await asked(transport, server) for _ in range(3)]
        assert result == [b"answer 1", b"answer 2", b"answer 3"]
        assert server.connections == 3


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("seen", [False, True], ids=["not yet read", "read"])
@pytest.mark.parametrize("stray", STRAYS.values(), ids=STRAYS)
async def test_what_comes_while_a_connection_is_idle_is_not_the_next_answer(
    new_transport: NewTransport, stray: bytes, seen: bool, secure: bool
) -> None:
    writers: list[asyncio.StreamWriter] = []

    def then(writer: asyncio.StreamWriter, answer: bytes) -> None:
        writers.append(writer)
        writer.write(answer)

    framing = BODIES["length"]
    async with talkative(new_transport, secure=secure, framing=framing, then=then) as (
        transport,
        server,
    ):
        assert await asked(transport, server) == b"answer 1"
        writers[0].write(stray)
        for _ in range(20 if seen else 0):  # turns of the event loop, which reads meanwhile
            await asyncio.sleep(0)
        assert await asked(transport, server) == b"answer 2"
        assert server.connections == 2


async def test_many_at_once_beside_a_server_that_says_too_much_get_their_own(
    new_transport: NewTransport,
) -> None:
    def then(writer: asyncio.StreamWriter, answer: bytes) -> None:
        number = int(answer.rpartition(b" ")[2])
        writer.write(answer + (STRAYS["an answer"] if number % 3 == 0 else b""))

    framing = BODIES["length"]
    async with talkative(new_transport, secure=False, framing=framing, then=then) as (
        transport,
        server,
    ):
        result: list[bytes] = []
        for _ in range(10):
            result += await asyncio.gather(*(asked(transport, server) for _ in range(10)))
        assert sorted(result) == sorted(b"answer %d" % number for number in range(1, 101))
