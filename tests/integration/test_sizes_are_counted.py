"""Sizes asked of servers on real connections: what they say, and when they are left alone."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest
from rawserver import RawServer, Script, raw_server, writes

from router.backends.backend import Backend
from router.backends.counting.counter import Counted, Counter
from router.backends.health.breaker import BreakerPolicy
from router.backends.health.health import HealthBoard
from router.backends.health.voice import Voice, kind_of
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.operations.message import parse_message_count
from router.operations.response_count import parse_response_count

HELLO = [{"role": "user", "content": "Hello"}]
ASK = parse_message_count(orjson.dumps({"model": "m", "messages": HELLO}))
OTHER = parse_response_count(orjson.dumps({"input": "Hello"}))
COUNTED = b'{"input_tokens": 21, "more": 1.50}'
REST = 30.0


def says(body: bytes, status: int = 200) -> Script:
    head = b"HTTP/1.1 %d X\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
    return writes(head % (status, len(body)) + body)


class Asker:
    """A counter on a clock that a test moves, and the server that it asks."""

    def __init__(self, server: RawServer, per_minute: int = 100, **backend: str) -> None:
        usual = {"dialect": "anthropic", "counts": "messages"}
        self.server = server
        self.now = 1_000.0
        self.transport = HttptoolsTransport()
        self.board = HealthBoard(BreakerPolicy(), lambda: self.now, self.transport)
        self.backend = Backend("b", server.base_url, "served", **(usual | backend))  # type: ignore[arg-type]
        self.board.adopt([self.backend])
        self.counter = Counter(self.board.of, per_minute=per_minute, clock=lambda: self.now)

    async def count(self, ask=ASK, customer: str = "acme") -> Counted | None:
        return await self.counter.count(self.backend, ask, "r1", customer)


@asynccontextmanager
async def asking(script: Script, **more) -> AsyncIterator[Asker]:
    async with raw_server(script) as server:
        asker = Asker(server, **more)
        try:
            yield asker
        finally:
            await asker.transport.close()


async def test_a_server_tells_the_size_in_its_own_bytes() -> None:
    async with asking(says(COUNTED)) as asker:
        assert await asker.count() == Counted(21, COUNTED)
        assert asker.server.head.startswith(b"POST /v1/messages/count_tokens HTTP/1.1\r\n")


async def test_a_size_that_comes_compressed_is_read() -> None:
    told = gzip.compress(COUNTED)
    head = (
        b"HTTP/1.1 200 X\r\nconnection: close\r\ncontent-encoding: gzip\r\n"
        b"content-length: %d\r\n\r\n"
    )
    async with asking(writes(head % len(told) + told)) as asker:
        assert await asker.count() == Counted(21, COUNTED)


async def test_a_client_of_another_protocol_gets_the_number() -> None:
    async with asking(says(COUNTED)) as asker:
        assert await asker.count(OTHER) == Counted(21, None)


@pytest.mark.parametrize(
    "script",
    [
        says(b"{}", 404),
        says(b"{}", 429),
        says(b"{}", 500),
        says(b"{}"),
        says(b"[]"),
        says(b"no JSON"),
        says(b'{"input_tokens": "21"}'),
        says(b'{"input_tokens": -1}'),
        says(b'{"input_tokens": true}'),
        writes(b"HTTP/1.1 200 X\r\ncontent-length: 99\r\n\r\n{"),
        writes(b"", then="reset"),
    ],
    ids=["404", "429", "500", "empty", "list", "text", "word", "negative", "bool", "cut", "reset"],
)
async def test_a_server_that_does_not_count_is_left_alone_for_a_while(script: Script) -> None:
    async with asking(script) as asker:
        assert await asker.count() is None
        asked = asker.server.requests
        assert await asker.count() is None
        assert asker.server.requests == asked
        asker.now += REST
        assert await asker.count() is None
        assert asker.server.requests > asked


async def test_a_request_that_a_server_refuses_is_no_reason_to_leave_it_alone() -> None:
    async with asking(says(b"{}", 400)) as asker:
        assert await asker.count() is None
        assert await asker.count() is None
        assert asker.server.requests == 2


async def test_what_becomes_of_a_count_is_held_against_no_deployment() -> None:
    async with asking(says(b"{}", 500)) as asker:
        for _ in range(20):
            asker.now += REST
            await asker.count()
        (state,) = asker.board.of(asker.backend).deployments
        assert state.blame.all_clear
        assert not state.failures


async def test_a_backend_that_rests_is_not_asked() -> None:
    async with asking(says(COUNTED)) as asker:
        (state,) = asker.board.of(asker.backend).deployments
        state.blame.rest_for(60.0, asker.now, Voice("acme", kind_of(ASK)))
        assert await asker.count() is None
        assert asker.server.requests == 0


async def test_a_customer_that_asks_too_often_is_not_passed_on_and_others_are() -> None:
    async with asking(says(COUNTED), per_minute=2) as asker:
        told = [await asker.count() for _ in range(3)]
        assert [one is not None for one in told] == [True, True, False]
        assert await asker.count(customer="other") is not None
        assert asker.server.requests == 3


async def test_a_server_that_has_no_such_endpoint_is_never_asked() -> None:
    async with asking(says(COUNTED), counts="none") as asker:
        assert await asker.count() is None
        assert asker.server.requests == 0


async def test_what_cannot_be_said_to_a_server_is_not_asked() -> None:
    tools = [{"type": "web_search_20250305", "name": "web_search"}]
    hosted = parse_message_count(orjson.dumps({"model": "m", "messages": HELLO, "tools": tools}))
    async with asking(says(COUNTED), dialect="openai", counts="tokenize") as asker:
        assert await asker.count(hosted) is None
        assert asker.server.requests == 0


@pytest.mark.virtual_time
async def test_a_server_that_does_not_answer_keeps_nobody_waiting_for_long() -> None:
    async with asking(writes(b"", then="silence")) as asker:
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await asker.count() is None
        assert loop.time() - began <= 5.0
        assert await asker.count() is None
        assert asker.server.requests == 1
