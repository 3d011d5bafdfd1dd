"""A stream that breaks, or whose client leaves: said at once, closed at once, counted once."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest
from faulty_backends import (
    SSE_HEAD,
    TEXT,
    Chat,
    answer,
    chunked,
    faulty,
    sound,
)
from modelservers import RunningSimulator
from rawserver import raw_server, writes

from router.backends.backend import Backend
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.dispatch.upstream import Upstream
from router.errors import (
    StreamBroken,
)

pytestmark = pytest.mark.virtual_time


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
        await server.closed.wait()
    assert dispatcher.view()["b"].in_flight == 0


async def test_leaving_a_stream_closes_the_upstream_at_once(
    dispatcher: Dispatcher, chat: Chat
) -> None:
    async with raw_server(writes(SSE_HEAD + chunked(TEXT), then="silence")) as server:
        backend = Backend("b", server.base_url, "m")
        async with dispatcher.open([backend], chat(stream=True), "r1") as upstream:
            async for _ in upstream.stream():
                break
        await server.closed.wait()
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
        await server.closed.wait()
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
