"""Each fault of a backend has one outcome: the next candidate, or the right error, at once."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from modelservers import RunningSimulator
from rawserver import Script, raw_server, writes
from transports import NewTransport

from router.backends.backend import Backend, Timeouts
from router.backends.breaker import BreakerPolicy
from router.backends.dispatch import Dispatcher
from router.backends.retry import RetryPolicy
from router.backends.upstream import Upstream
from router.domain import Usage
from router.errors import (
    Overloaded,
    StreamBroken,
    UpstreamFailed,
    UpstreamRejected,
    UpstreamTimeout,
)
from router.wire.chat import ChatRequest

Chat = Callable[..., ChatRequest]
QUICK = Timeouts(connect=0.2, first_byte=0.1, between_chunks=0.15, total=5.0)
SSE_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
TEXT = b'data: {"model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'


def chunked(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def no_retries() -> RetryPolicy:
    return RetryPolicy(rounds=0, saved=0.0)


@pytest.fixture
async def dispatcher(
    new_transport: NewTransport,
) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(new_transport(), retry=no_retries())
    yield dispatcher
    await dispatcher.close()


def faulty(simulator: RunningSimulator, fault: str, **fields: object) -> Backend:
    return Backend("faulty", simulator.base_url, f"sim?fault={fault}", timeouts=QUICK, **fields)  # type: ignore[arg-type]


def sound(simulator: RunningSimulator) -> Backend:
    return Backend("sound", simulator.base_url, "sim")


async def handed_out(upstream: Upstream, received: list[bytes]) -> None:
    received.extend([block async for block in upstream.stream()])


async def put_at_once(upstream: Upstream, received: list[bytes]) -> None:
    def put(block: bytes) -> bool:
        received.append(block)
        return True

    received.extend([block async for block in upstream.stream(put)])


async def put_every_other_time(upstream: Upstream, received: list[bytes]) -> None:
    turns = itertools.cycle((False, True))

    def put(block: bytes) -> bool:
        taken = next(turns)
        if taken:
            received.append(block)
        return taken

    async for block in upstream.stream(put):
        received.append(block)  # noqa: PERF401 # among those that were put


Reader = Callable[[Upstream, list[bytes]], Awaitable[None]]
READERS = pytest.mark.parametrize("reader", [handed_out, put_at_once, put_every_other_time])


async def answer(
    dispatcher: Dispatcher, backends: list[Backend], request: ChatRequest
) -> tuple[str, bytes]:
    async with dispatcher.open(backends, request, "r1") as upstream:
        if not request.stream:
            return upstream.backend.name, upstream.body
        return upstream.backend.name, b"".join([block async for block in upstream.stream()])


BEFORE_THE_FIRST_BYTE = (
    "status",
    "status&status=503",
    "status&status=429&retry_after=1",
    "status&status=401",
    "status&status=403",
    "status&status=404",
    "status&status=408",
    "huge_error",
    "slow",
    "html",
    "error_inside",
    "base_resp",
    "redirect",
    "gzip",
)


@pytest.mark.parametrize("fault", BEFORE_THE_FIRST_BYTE)
@pytest.mark.parametrize("stream", [False, True])
async def test_the_next_candidate_answers(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat, fault: str, stream: bool
) -> None:
    backends = [faulty(simulator, fault), sound(simulator)]
    assert (await answer(dispatcher, backends, chat(stream=stream)))[0] == "sound"
    assert all(health.in_flight == 0 for health in dispatcher.view().values())


@pytest.mark.parametrize("fault", ["garbage", "endless"])
async def test_a_stream_that_never_begins_lets_the_next_candidate_answer(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat, fault: str
) -> None:
    backends = [faulty(simulator, fault), sound(simulator)]
    assert (await answer(dispatcher, backends, chat(stream=True)))[0] == "sound"


@READERS
@pytest.mark.parametrize("fault", ["stall", "reset", "error_event", "cut"])
async def test_after_the_first_byte_the_stream_breaks_with_an_error(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat, fault: str, reader: Reader
) -> None:
    backends = [faulty(simulator, f"{fault}&after=3"), sound(simulator)]
    received: list[bytes] = []
    async with dispatcher.open(backends, chat(stream=True), "r1") as upstream:
        with pytest.raises(StreamBroken):
            await reader(upstream, received)
        assert upstream.output_tokens_seen == 3
    assert dispatcher.view()["faulty"].in_flight == 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("slow", UpstreamTimeout),
        ("status&status=503", Overloaded),
        ("status&status=429&retry_after=7", Overloaded),
        ("status&status=500", UpstreamFailed),
        ("status&status=401", UpstreamFailed),
        ("error_inside", Overloaded),
    ],
)
async def test_when_all_fail_the_error_says_how(
    dispatcher: Dispatcher,
    simulator: RunningSimulator,
    chat: Chat,
    fault: str,
    error: type[Exception],
) -> None:
    with pytest.raises(error):
        await answer(dispatcher, [faulty(simulator, fault)], chat())


async def test_a_rate_limited_backend_says_when_to_come_back(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    limited = faulty(simulator, "status&status=429&retry_after=7")
    with pytest.raises(Overloaded) as caught:
        await answer(dispatcher, [limited], chat())
    assert dict(caught.value.headers)["Retry-After"] in ("7", "8")
    with pytest.raises(Overloaded):
        await answer(dispatcher, [limited], chat())
    assert simulator.app.served == 1  # it was left alone


async def test_a_request_that_is_wrong_is_not_tried_elsewhere(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    backends = [faulty(simulator, "status&status=422&code=bad_schema"), sound(simulator)]
    with pytest.raises(UpstreamRejected) as caught:
        await answer(dispatcher, backends, chat())
    assert (caught.value.status, caught.value.code) == (422, "bad_schema")
    assert simulator.app.served == 1


async def test_a_context_that_is_too_short_lets_a_longer_one_answer(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    short = faulty(simulator, "status&status=400&code=context_length_exceeded")
    assert (await answer(dispatcher, [short, sound(simulator)], chat()))[0] == "sound"
    with pytest.raises(UpstreamRejected):
        await answer(dispatcher, [short], chat())


async def test_the_provider_key_is_cut_out_of_its_own_error(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    leaking = faulty(simulator, "status&status=400&echo=sk-secret", api_key="sk-secret")
    lane = leaking.lanes()[0]
    with pytest.raises(UpstreamRejected) as caught:
        await answer(dispatcher, [leaking], chat())
    assert "sk-secret" not in caught.value.message
    assert "api_key" not in repr(leaking) + repr(lane)


@pytest.mark.parametrize("fault", ["no_usage", "bad_usage", "much_usage"])
@pytest.mark.parametrize("stream", [False, True])
async def test_usage_that_is_missing_or_a_lie_is_estimated(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat, fault: str, stream: bool
) -> None:
    request = chat(stream=stream, max_tokens=40)
    async with dispatcher.open([faulty(simulator, fault)], request, "r1") as upstream:
        async for _ in upstream.stream():
            pass
        assert isinstance(upstream.usage, Usage)
        assert upstream.usage.estimated
        assert 20 < upstream.usage.output_tokens < 200


async def test_a_missing_done_is_made_good(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    _, body = await answer(dispatcher, [faulty(simulator, "no_done")], chat(stream=True))
    assert body.endswith(b"data: [DONE]\n\n")


@READERS
async def test_however_a_stream_is_read_it_says_the_same(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat, reader: Reader
) -> None:
    request = chat("Say hello.", stream=True, max_tokens=40)
    received: list[bytes] = []
    async with dispatcher.open([sound(simulator)], request, "r1") as upstream:
        await reader(upstream, received)
        assert upstream.usage is not None
        assert not upstream.usage.estimated
        assert upstream.output_tokens_seen == upstream.usage.output_tokens == 40
        assert upstream.model == "sim"
    whole = b"".join(received)
    assert whole.endswith(b"data: [DONE]\n\n")
    assert whole.count(b"[DONE]") == 1
    assert b'"usage"' not in whole
    assert dispatcher.view()["sound"].in_flight == 0


@READERS
async def test_a_client_that_leaves_in_the_middle_closes_the_upstream(
    dispatcher: Dispatcher, chat: Chat, reader: Reader
) -> None:
    async with raw_server(writes(SSE_HEAD + chunked(TEXT * 3), then="silence")) as server:
        backend = Backend("b", server.base_url, "m")

        async def read() -> None:
            async with dispatcher.open([backend], chat(stream=True), "r1") as upstream:
                await reader(upstream, [])

        task = asyncio.create_task(read())
        await server.asked.wait()
        await asyncio.wait([task], timeout=0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.closed.wait(), 1.0)
    assert dispatcher.view()["b"].in_flight == 0


async def test_leaving_a_stream_closes_the_upstream_at_once(
    dispatcher: Dispatcher, chat: Chat
) -> None:
    async with raw_server(writes(SSE_HEAD + chunked(TEXT), then="silence")) as server:
        backend = Backend("b", server.base_url, "m")
        async with dispatcher.open([backend], chat(stream=True), "r1") as upstream:
            async for _ in upstream.stream():
                break
        await asyncio.wait_for(server.closed.wait(), 1.0)
    assert dispatcher.view()["b"].in_flight == 0


async def test_a_cancelled_client_closes_the_upstream_before_its_first_byte(
    dispatcher: Dispatcher, chat: Chat
) -> None:
    async with raw_server(writes(SSE_HEAD, then="silence")) as server:
        backend = Backend("b", server.base_url, "m")
        task = asyncio.create_task(answer(dispatcher, [backend], chat(stream=True)))
        await server.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.closed.wait(), 1.0)
    assert dispatcher.view()["b"].in_flight == 0


async def test_a_finished_stream_gives_its_connection_back(
    dispatcher: Dispatcher, chat: Chat
) -> None:
    done = TEXT + b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    whole = SSE_HEAD + chunked(done) + b"0\r\n\r\n"
    async with raw_server(writes(whole, then="stay")) as server:
        backend = Backend("b", server.base_url, "m")
        for _ in range(3):
            await answer(dispatcher, [backend], chat(stream=True))
        assert (server.requests, server.connections) == (3, 1)


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


async def test_a_breaker_that_opened_spares_the_backend(
    new_transport: NewTransport, simulator: RunningSimulator, chat: Chat
) -> None:
    dispatcher = Dispatcher(new_transport(), retry=no_retries(), breaker=BreakerPolicy(threshold=5))
    backends = [faulty(simulator, "status&status=500"), sound(simulator)]
    for _ in range(20):
        assert (await answer(dispatcher, backends, chat()))[0] == "sound"
    await dispatcher.close()
    assert simulator.app.served == 20 + 5
    assert not dispatcher.view()["faulty"].healthy


async def test_a_storm_of_failures_is_not_made_worse_by_retries(
    new_transport: NewTransport, simulator: RunningSimulator, chat: Chat
) -> None:
    async def no_wait(_seconds: float) -> None:
        return

    dispatcher = Dispatcher(
        new_transport(),
        retry=RetryPolicy(rounds=3, saved=2.0),
        breaker=BreakerPolicy(threshold=10**9),
        sleep=no_wait,
    )
    broken = faulty(simulator, "status&status=500")
    for _ in range(200):
        with pytest.raises(UpstreamFailed):
            await answer(dispatcher, [broken], chat())
    await dispatcher.close()
    assert 200 < simulator.app.served <= 200 * 1.1 + 2


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
        await asyncio.wait_for(server.closed.wait(), 1.0)


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
