"""What is no HTTP, or stops in the middle, is not the client's concern."""

import asyncio

import pytest
from faulty_backends import (
    QUICK,
    SSE_HEAD,
    TEXT,
    Chat,
    answer,
    chunked,
    sound,
)
from modelservers import RunningSimulator
from rawserver import Script, raw_server, writes

from router.backends.backend import Backend, Timeouts
from router.backends.dispatch.dispatch import Dispatcher

pytestmark = pytest.mark.virtual_time


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x-flood: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 5000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}",
        SSE_HEAD + b"zz\r\n",
        SSE_HEAD,
    ],
    ids=["closed", "cut head", "no http", "long header", "many headers", "short body",
         "two lengths", "bad chunk", "no body"],
)  # fmt: skip
@pytest.mark.parametrize("then", ["close", "reset"])
async def test_broken_http_lets_the_next_candidate_answer(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat, data: bytes, then: str
) -> None:
    async with raw_server(writes(data, then=then)) as server:
        backends = [Backend("broken", server.base_url, "m", timeouts=QUICK), sound(simulator)]
        assert (await answer(dispatcher, backends, chat(stream=True)))[0] == "sound"


async def test_a_refused_connection_lets_the_next_candidate_answer(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    async with raw_server(writes(b"")) as server:
        gone = Backend("gone", server.base_url, "m")
    nowhere = Backend("nowhere", "http://turnout.invalid/v1", "m")
    assert (await answer(dispatcher, [gone, nowhere, sound(simulator)], chat()))[0] == "sound"


def drips(data: bytes) -> Script:
    """A server that sends one byte after the other, each in good time, and never ends."""

    async def script(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for at in range(len(data)):
            writer.write(data[at : at + 1])
            await writer.drain()
            await asyncio.sleep(0.005)
        await asyncio.Event().wait()

    return script


async def test_a_drip_is_ended_by_the_total_timeout(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    limits = Timeouts(connect=1.0, first_byte=1.0, between_chunks=1.0, total=0.2)
    body = b"HTTP/1.1 200 OK\r\ncontent-length: 90000\r\n\r\n" + b"x" * 500
    async with raw_server(drips(body)) as server:
        backends = [Backend("drip", server.base_url, "m", timeouts=limits), sound(simulator)]
        assert (await answer(dispatcher, backends, chat()))[0] == "sound"
        await server.closed.wait()


WHOLE = TEXT + b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


@pytest.mark.parametrize(
    ("data", "then"),
    [
        (SSE_HEAD + chunked(WHOLE), "reset"),
        (SSE_HEAD + chunked(WHOLE), "silence"),
        (SSE_HEAD + chunked(WHOLE) + b"0\r\nx-trailer: 1\r\n\r\n", "stay"),
        (SSE_HEAD.replace(b"transfer-encoding: chunked\r\n", b"") + WHOLE, "close"),
        (b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + SSE_HEAD + chunked(WHOLE), "close"),
    ],
    ids=["reset after the end", "no close", "trailers", "until close", "early hints"],
)
async def test_an_answer_that_came_whole_counts_whatever_follows(
    dispatcher: Dispatcher, chat: Chat, data: bytes, then: str
) -> None:
    async with raw_server(writes(data, then=then)) as server:
        backend = Backend("b", server.base_url, "m", timeouts=Timeouts(total=2.0))
        _, received = await answer(dispatcher, [backend], chat(stream=True))
        assert received.endswith(b"data: [DONE]\n\n")
