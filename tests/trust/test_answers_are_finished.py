"""`on_disconnect: finish`: an answer whose client left is read on, so that its bill is exact."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import orjson
import pytest
from fakes.backends import FakeBackends, whole
from fakes.caller import FakeCaller
from fakes.corridor import CHAT, FakeCorridor
from fakes.world import new_world
from rawserver import RawServer, raw_server

from router.backends.cascade.cascade import Cascades
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.domain import Charge, Outcome, Usage
from router.pipeline.send import Sender
from router.pipeline.serve import serve

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
USED = {"prompt_tokens": 9, "completion_tokens": 2_003, "total_tokens": 2_012}
THOUGHT = {"completion_tokens_details": {"reasoning_tokens": 2_000}}


def event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: %b\n\n" % orjson.dumps({"id": "c", "model": "m", "choices": [choice]})


REST = (
    event({"content": "two"})
    + event({"content": "three"})
    + event({}, "stop")
    + b"data: %b\n\n" % orjson.dumps({"id": "c", "choices": [], "usage": USED | THOUGHT})
    + b"data: [DONE]\n\n"
)


class Leaving(FakeCaller):
    """Tells when its first piece came."""

    came: asyncio.Event

    async def write(self, data: bytes) -> None:
        """Take a part of a stream."""
        await super().write(data)
        self.came.set()


@dataclass
class Story:
    """A server in the middle of its answer, whose client is about to leave."""

    server: RawServer
    client_left: asyncio.Event
    walk: asyncio.Task[None]
    corridor: FakeCorridor

    async def charge(self) -> Charge:
        """Leave, and see what it costs."""
        self.walk.cancel()
        self.client_left.set()
        with pytest.raises(asyncio.CancelledError):
            await self.walk
        charge = self.corridor.finished_records[-1].charge
        assert charge is not None
        return charge


@asynccontextmanager
async def answering(rest: bytes | None = REST, **backend: object) -> AsyncIterator[Story]:
    """The server sends one piece, and the rest (None: never) once the client has left."""
    left = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + event({"content": "one"}))
        await writer.drain()
        await left.wait()
        if rest is None:
            await reader.read(1)
        else:
            writer.write(rest)
        writer.close()

    async with raw_server(script) as server:
        settings = {"base_url": server.base_url, **backend}
        corridor = FakeCorridor(FakeBackends(), world=new_world(each={"local": settings}))
        dispatcher = Dispatcher(HttptoolsTransport())
        serving = replace(corridor.serving(), backends=Sender(dispatcher, Cascades(dispatcher)))
        serving.adopt(corridor.world)
        caller = Leaving.asking(stream=True)
        caller.came, caller.room = asyncio.Event(), 0
        walk = asyncio.ensure_future(serve(serving, CHAT, caller))
        await caller.came.wait()
        yield Story(server, left, walk, corridor)
        await dispatcher.close()


async def test_an_answer_whose_client_left_is_read_to_its_end_and_charged_to_the_token():
    async with answering(on_disconnect="finish") as story:
        charge = await story.charge()
    assert charge.outcome is Outcome.DISCONNECTED
    assert charge.usage == Usage(9, 2_003, reasoning_tokens=2_000)


async def test_without_it_the_backend_is_closed_at_once():
    async with answering() as story:
        charge = await story.charge()
        await story.server.all_closed()
    assert charge.usage.estimated
    assert charge.usage.output_tokens == 1


async def test_an_answer_that_goes_on_for_ever_is_not_waited_for_for_ever():
    bound = {"after_disconnect": "1ms"}
    async with answering(None, on_disconnect="finish", timeouts=bound) as story:
        charge = await story.charge()
        await story.server.all_closed()
    assert charge.usage.estimated


async def test_an_answer_that_breaks_off_meanwhile_costs_what_came():
    broken = event({"content": "two"})
    async with answering(broken, on_disconnect="finish") as story:
        charge = await story.charge()
    assert charge.usage.estimated
    assert charge.usage.output_tokens == 2


async def test_a_gateway_that_stops_waits_for_none_of_it():
    async with answering(None, on_disconnect="finish") as story:
        story.walk.cancel()
        for _ in range(10):  # until it has begun to read on
            await asyncio.sleep(0)
        story.walk.cancel()
        story.client_left.set()
        with pytest.raises(asyncio.CancelledError):
            await story.walk
        await story.server.all_closed()
        charge = story.corridor.finished_records[-1].charge
    assert charge is not None
    assert charge.usage.estimated


WHOLE = whole("two", usage=USED | THOUGHT)
JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
UNSTREAMED = JSON % len(WHOLE) + WHOLE
STREAMED = HEAD + event({"content": "one"}) + REST


@asynccontextmanager
async def thinking(
    answer: bytes | None, *, stream: bool, **backend: object
) -> AsyncIterator[Story]:
    """The server has the request, and answers (None: never) once its client has left."""
    left = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await left.wait()
        if answer is None:
            await reader.read(1)
        else:
            writer.write(answer)
        writer.close()

    async with raw_server(script) as server:
        settings = {"base_url": server.base_url, **backend}
        corridor = FakeCorridor(FakeBackends(), world=new_world(each={"local": settings}))
        dispatcher = Dispatcher(HttptoolsTransport())
        serving = replace(corridor.serving(), backends=Sender(dispatcher, Cascades(dispatcher)))
        serving.adopt(corridor.world)
        walk = asyncio.ensure_future(serve(serving, CHAT, FakeCaller.asking(stream=stream)))
        await server.asked.wait()
        yield Story(server, left, walk, corridor)
        assert dispatcher.view()["local"].in_flight == 0
        await dispatcher.close()


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_has_not_begun_when_its_client_leaves_is_charged_to_the_token(
    stream: bool,
):
    answer = STREAMED if stream else UNSTREAMED
    async with thinking(answer, stream=stream, on_disconnect="finish") as story:
        charge = await story.charge()
    assert charge.outcome is Outcome.DISCONNECTED
    assert charge.usage == Usage(9, 2_003, reasoning_tokens=2_000)


@pytest.mark.parametrize("stream", [False, True])
async def test_without_it_a_backend_that_has_not_begun_is_closed_at_once(stream: bool):
    async with thinking(None, stream=stream) as story:
        charge = await story.charge()
        await story.server.all_closed()
    assert charge.usage.estimated


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_never_begins_is_not_waited_for_for_ever(stream: bool):
    finish = {"on_disconnect": "finish", "timeouts": {"after_disconnect": "1ms"}}
    async with thinking(None, stream=stream, **finish) as story:
        charge = await story.charge()
        await story.server.all_closed()
    assert charge.usage.estimated


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 500 X\r\ncontent-length: 2\r\n\r\n{}", b"oops\r\n\r\n"]
)
async def test_nobody_else_is_asked_for_a_client_that_left(answer: bytes):
    async with thinking(answer, stream=False, on_disconnect="finish") as story:
        charge = await story.charge()
        assert story.server.requests == 1
    assert charge.outcome is Outcome.DISCONNECTED
    assert charge.usage.estimated


async def test_a_gateway_that_stops_waits_for_no_answer_that_has_not_begun():
    async with thinking(None, stream=False, on_disconnect="finish") as story:
        story.walk.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not story.walk.done()
        await story.charge()
        await story.server.all_closed()
