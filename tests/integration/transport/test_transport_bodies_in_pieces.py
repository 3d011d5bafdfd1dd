"""Files on their way to a backend: written as fast as it reads, and never held as a whole."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from rawserver import raw_server, writes
from transport_calls import OK, PATIENT, QUICK, whole
from transports import Client

from router.backends.transport.httptools_transport import HttptoolsTransport
from router.backends.transport.transport import HttpCall, Target, TransportTimeout

Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
REFUSED = b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n"


class Pieces:
    """A body of so many pieces; `given` is how many were asked for."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.given = 0

    def __len__(self) -> int:
        return self.count * 65_536

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self.count):
            self.given += 1
            yield b"x" * 65_536


@asynccontextmanager
async def deaf_server(answer: bytes) -> AsyncIterator[str]:
    """A server that reads a head, answers this, and reads no more; yields its address."""
    over, handlers = asyncio.Event(), []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.append(asyncio.current_task())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await over.wait()
        writer.transport.abort()

    listener = await asyncio.start_server(handle, "127.0.0.1", 0, limit=65_536)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1/files"
    finally:
        over.set()
        await asyncio.gather(*handlers)
        listener.close()


async def test_a_body_in_pieces_arrives_whole_under_its_length(transport: Client) -> None:
    async with raw_server(writes(OK, then="stay")) as server:
        body = Pieces(100)
        asked = HttpCall(Target(f"{server.base_url}/files", ()), body, PATIENT)
        assert await whole(await transport.send(asked)) == b"hi"
        assert body.given == 100
        assert b"content-length: 6553600\r\n" in server.head.lower()
        assert b"transfer-encoding" not in server.head.lower()


async def test_pieces_are_asked_for_no_faster_than_the_server_reads(transport: Client) -> None:
    async with deaf_server(b"") as url:
        body = Pieces(10_000)
        with pytest.raises(TransportTimeout):
            await transport.send(HttpCall(Target(url, ()), body, QUICK))
        assert body.given < 1_000


async def test_our_client_hears_an_answer_before_its_body_was_read_and_begins_anew() -> None:
    transport = HttptoolsTransport()
    async with deaf_server(REFUSED) as url:
        for _ in range(2):
            body = Pieces(10_000)
            answer = await transport.send(HttpCall(Target(url, ()), body, PATIENT))
            assert answer.status == 413
            assert await whole(answer) == b""
            assert body.given < 1_000
    await transport.close()
