"""What a request held is free when it is over, not when Python next looks for circles.

A circle keeps the body, what was read of it and what was sent until the collector comes by, which
is after some ten thousand objects: hundreds of large bodies of one customer.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress

import pytest
from modelservers import RunningSimulator
from rawserver import raw_server

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.dispatch.retry import RetryPolicy
from router.backends.dispatch.trace import Trace
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.errors import TurnoutError
from router.operations.table import OPERATIONS

Chat = Callable[..., Ask]
FAULTS = ["", "?fault=status&status=400", "?fault=status&status=500", "?fault=reset&after=0"]


@pytest.fixture
async def dispatcher() -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(HttptoolsTransport(), retry=RetryPolicy(rounds=0))
    yield dispatcher
    await dispatcher.close()


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Nobody looks for circles."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def asks() -> int:
    return sum(type(one) is Ask for one in gc.get_objects())


async def ask(
    dispatcher: Dispatcher, backend: Backend, request: Ask, trace: Trace | None = None
) -> None:
    with suppress(TurnoutError):
        async with dispatcher.open([backend], request, "r1", trace=trace) as upstream:
            async for _ in upstream.stream():
                pass


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
async def test_what_a_request_held_is_free_when_it_is_over(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat, fault: str, stream: bool
) -> None:
    backend, before = Backend("b", simulator.base_url, f"m{fault}"), asks()
    for _ in range(5):
        await ask(dispatcher, backend, chat(stream=stream))
    assert asks() == before


@pytest.mark.usefixtures("uncollected")
async def test_what_a_request_held_is_free_when_its_client_left(
    dispatcher: Dispatcher, chat: Chat
) -> None:
    before, came = asks(), asyncio.Semaphore(0)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.release()
        await reader.read()

    async with raw_server(silent) as server:
        backend = Backend("b", server.base_url, "m")
        for _ in range(5):
            task = asyncio.create_task(ask(dispatcher, backend, chat()))
            await came.acquire()
            task.cancel()
            await asyncio.wait([task])
            del task
        await server.closed.wait()
    assert asks() - before <= 1  # of the last one, until the loop has closed its connection


@pytest.mark.usefixtures("uncollected")
async def test_what_a_traced_request_held_is_free_when_its_spans_were_made(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    backend, before = Backend("b", simulator.base_url, "m"), asks()
    for _ in range(5):
        trace = Trace(OPERATIONS[0], 1, 0, None, lambda bits: bits)
        await ask(dispatcher, backend, chat(stream=True), trace)
        assert trace.attempts[0].answer is not None  # what its spans are made of
        trace.over()
        del trace
    assert asks() == before
