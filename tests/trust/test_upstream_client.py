"""What a server sends beyond or below its answer, and where its name leads, is nobody's harm."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from faulty_backends import SSE_HEAD, Chat, answer, chunked, no_retries
from rawserver import RawServer, Script, raw_server, writes
from transports import NewTransport

from router.backends.backend import Backend, Timeouts
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.transport.reach import Resolver, is_private_name
from router.backends.transport.transport import (
    ConnectFailed,
    HttpCall,
    Target,
    Transport,
    TransportError,
    TransportTimeout,
)
from router.errors import TurnoutError

PLAIN = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
PATIENT = Timeouts(connect=10.0, first_byte=10.0, between_chunks=60.0, total=1800.0)
METADATA, OFFICE, WORLD = "169.254.169.254", "10.1.2.3", "8.8.8.8"
NOBODYS = "0.0.0.0"  # noqa: S104 # no address to listen at


async def body_of(transport: Transport, url: str, timeouts: Timeouts = PATIENT) -> bytes:
    answer = await transport.send(HttpCall(Target(url, ()), b"{}", timeouts, "r1"))
    try:
        pieces = []
        while piece := await answer.read():
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        answer.close()


@asynccontextmanager
async def speaks_first(said: bytes) -> AsyncIterator[str]:
    """A server that answers each connection before it was asked anything, and when it was asked."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(PLAIN)
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    finally:
        listener.close()


@pytest.mark.parametrize("said", [PLAIN.replace(b"ok", b"no"), PLAIN[:20], b"x"])
async def test_an_answer_before_its_request_is_nobodys(
    new_transport: NewTransport, said: bytes
) -> None:
    transport = new_transport()
    async with speaks_first(said) as url:
        connections = [asyncio.ensure_future(body_of(transport, url)) for _ in range(8)]
        for result in await asyncio.gather(*connections, return_exceptions=True):
            assert result != b"no"
    await transport.close()


@pytest.mark.parametrize("interim", [b"100 Continue\r\n", b"103 Early Hints\r\nlink: </a>\r\n"])
async def test_interim_answers_without_end_are_ended(
    new_transport: NewTransport, interim: bytes
) -> None:
    written, interim = 0, b"HTTP/1.1 " + interim + b"\r\n"

    async def floods(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        while not writer.is_closing():
            writer.write(interim * 100)
            written += len(interim) * 100
            await writer.drain()

    transport = new_transport()
    async with raw_server(floods) as server:
        with pytest.raises(TransportError):
            await body_of(transport, f"{server.base_url}/x")
        await server.all_closed()
    assert written < 16_000_000  # what stood in the sockets' buffers, and 64 KB
    await transport.close()


def drips(piece: bytes, every: float, head: bytes = SSE_HEAD) -> Script:
    async def script(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(every)

    return script


LONG_BODY = b"HTTP/1.1 200 OK\r\ncontent-length: 90000\r\n\r\n"


@pytest.mark.virtual_time
@pytest.mark.parametrize(("piece", "head"), [(b"x", LONG_BODY), (chunked(b"y"), SSE_HEAD)])
async def test_a_byte_a_second_is_no_answer(
    new_transport: NewTransport, piece: bytes, head: bytes
) -> None:
    transport, loop = new_transport(), asyncio.get_running_loop()
    async with raw_server(drips(piece, 1.0, head)) as server:
        began = loop.time()
        with pytest.raises(TransportTimeout, match="next to nothing"):
            await body_of(transport, f"{server.base_url}/x")
        assert 60.0 <= loop.time() - began <= 260.0  # of thirty minutes
        await server.all_closed()
    await transport.close()


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    "sign", [b": thinking\n\n", b"\n", b'{"done":false}\r\n'], ids=["comment", "line", "event"]
)
async def test_a_model_that_thinks_for_long_and_shows_life_is_waited_for(
    new_transport: NewTransport, sign: bytes
) -> None:
    transport, loop, signs = new_transport(), asyncio.get_running_loop(), 100

    async def thinks(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE_HEAD)
        for _ in range(signs):
            writer.write(chunked(sign))
            await writer.drain()
            await asyncio.sleep(15.0)
        writer.write(chunked(b"done") + b"0\r\n\r\n")

    async with raw_server(thinks) as server:
        began = loop.time()
        body = await body_of(transport, f"{server.base_url}/x")
        assert body == sign * signs + b"done"
        assert loop.time() - began >= 1400.0
    await transport.close()


@pytest.mark.virtual_time
async def test_a_stream_that_begins_to_drip_while_it_is_relayed_is_cut(
    new_transport: NewTransport, chat: Chat
) -> None:
    event = b'data: {"model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'

    async def script(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE_HEAD + chunked(event))
        while not writer.is_closing():
            writer.write(chunked(b"y"))
            await writer.drain()
            await asyncio.sleep(1.0)

    dispatcher = Dispatcher(new_transport(), retry=no_retries())
    async with raw_server(script) as server:
        backend = Backend("drip", server.base_url, "m", timeouts=PATIENT)
        async with dispatcher.open([backend], chat(stream=True), "r1") as upstream:
            with pytest.raises(TurnoutError, match="next to nothing"):
                async for _ in upstream.stream(lambda _block: True):
                    pass
    await dispatcher.close()


def test_nothing_is_counted_of_an_answer_that_takes_no_longer_than_a_silence() -> None:
    assert Timeouts().bytes_per_second == 100
    assert Timeouts().between_chunks == 60.0


@pytest.mark.parametrize(
    ("reach", "host", "leads_to", "allowed"),
    [
        ("auto", "api.example.com", [WORLD], [WORLD]),
        ("auto", "api.example.com", [WORLD, OFFICE], [WORLD]),
        ("auto", "api.example.com", [METADATA, WORLD], [WORLD]),
        ("auto", "models.example.com", [OFFICE], [OFFICE]),
        ("auto", "vllm", [OFFICE], [OFFICE]),
        ("auto", "vllm.models.svc.cluster.local", [OFFICE, WORLD], [OFFICE, WORLD]),
        ("auto", "vllm", [METADATA], []),
        ("public", "vllm", [OFFICE], []),
        ("public", "vllm", ["127.0.0.1", "::1", "fd12::1", "100.64.0.1"], []),
        ("any", "api.example.com", [OFFICE, WORLD], [OFFICE, WORLD]),
        ("any", "api.example.com", [METADATA], []),
        ("any", "x.example", ["fe80::1", "fd00:ec2::254", NOBODYS, "::", "224.0.0.1"], []),
        ("any", "x.example", ["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"], []),
        ("any", "x.example", ["100.100.100.200", "168.63.129.16"], []),
    ],
)
def test_a_name_leads_where_it_may(
    reach: Any, host: str, leads_to: list[str], allowed: list[str]
) -> None:
    assert Resolver(reach).allowed(host, leads_to) == allowed


def test_a_name_of_the_internet_never_leads_inside_all_at_once() -> None:
    resolver = Resolver("auto")
    assert resolver.allowed("api.example.com", [WORLD]) == [WORLD]
    assert resolver.allowed("api.example.com", [OFFICE]) == []
    assert resolver.allowed("api.example.com", [WORLD, OFFICE]) == [WORLD]
    assert resolver.allowed("other.example.com", [OFFICE]) == [OFFICE]


def test_private_names_are_those_that_nobody_registers() -> None:
    assert all(map(is_private_name, ["ollama", "a.internal", "gpu.lan", "localhost", "x.local."]))
    assert not any(map(is_private_name, ["api.openai.com", "local.example.com", "internal.io"]))


class Rebound:
    """A name server whose answer changes; the loop's own is kept for nobody."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int, **_more: Any) -> list[Any]:
        self.asked += 1
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [(2, 1, 6, "", (address, port)) for address in addresses]


@pytest.mark.parametrize("leads_to", [[METADATA], [NOBODYS], ["::ffff:169.254.169.254"]])
async def test_no_byte_goes_where_a_name_must_not_lead(
    new_transport: NewTransport, leads_to: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    transport, names = new_transport(), Rebound(leads_to)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names)
    async with raw_server(writes(PLAIN)) as server:
        port = server.base_url.rpartition(":")[2].removesuffix("/v1")
        with pytest.raises(ConnectFailed, match="leads where it must not"):
            await body_of(transport, f"http://rebound.example.com:{port}/x")
        assert server.connections == 0
    assert names.asked == 1
    await transport.close()


async def test_a_name_is_resolved_once_for_each_connection_and_connected_to_as_looked_at(
    new_transport: NewTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport, names = new_transport(), Rebound(["127.0.0.1"], [METADATA])
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names)

    async with raw_server(keeps) as server:
        url = server.base_url.replace("127.0.0.1", "gpu.internal") + "/x"
        assert [await body_of(transport, url) for _ in range(3)] == [b"ok"] * 3
        assert (names.asked, server.connections) == (1, 1)
        assert_host_is(server, b"gpu.internal")
    await transport.close()


async def keeps(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(PLAIN)


def assert_host_is(server: RawServer, host: bytes) -> None:
    assert b"host: " + host in server.head.lower()


async def test_the_client_of_a_backend_whose_name_leads_astray_is_answered_by_another(
    new_transport: NewTransport, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    dispatcher = Dispatcher(new_transport(), retry=no_retries())
    async with raw_server(writes(head % len(reply) + reply)) as server:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", Rebound([METADATA]))
        astray = Backend("astray", "http://rebound.example.com/v1", "m")
        backends = [astray, Backend("sound", server.base_url, "m")]
        assert (await answer(dispatcher, backends, chat()))[0] == "sound"
    await dispatcher.close()
