"""Fake backends keep the promises of the dispatcher before a simulated model."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from fakes.backends import DONE, FakeBackends, FakeUpstream, chunk, whole
from fakes.caller import FakeCaller
from fakes.corridor import CHAT, planned
from fakes.world import new_world
from modelservers import RunningSimulator

from router.backends.cascade.cascade import Cascades
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.dispatch.upstream import Event
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.domain import Usage
from router.errors import TurnoutError, UpstreamFailed
from router.pipeline.send import Sender
from router.pipeline.serving import Sends
from router.world.snapshot import Snapshot


@asynccontextmanager
async def _fake_backends(world: Snapshot) -> AsyncIterator[Sends]:
    script = (
        FakeUpstream(body=whole("Four."), usage=Usage(3, 2))
        if world.backends["local"].api_key is None
        else FakeUpstream(blocks=(chunk("a"), chunk("b"), chunk("c"), DONE), usage=Usage(3, 4))
    )
    yield FakeBackends(script)


@asynccontextmanager
async def _real_backends(_world: Snapshot) -> AsyncIterator[Sends]:
    async def at_once(_seconds: float) -> None:
        return

    dispatcher = Dispatcher(HttptoolsTransport(), sleep=at_once)
    yield Sender(dispatcher, Cascades(dispatcher))
    await dispatcher.close()


@pytest.fixture(params=[_fake_backends, _real_backends], ids=["fake", "real"])
def opened(request: pytest.FixtureRequest, simulator: RunningSimulator) -> Any:
    """Opens the answer of a chat request, over either kind of backends."""

    @asynccontextmanager
    async def opening(fault: str = "", **fields: Any) -> AsyncIterator[Any]:
        streams = {"api_key": "k"} if fields.get("stream") else {}
        model = {"model": f"local-model?fault={fault}"} if fault else {}
        each = {"local": {"base_url": simulator.base_url} | streams | model}
        world = new_world(each=each)
        caller = FakeCaller.asking(**fields)
        plan = await planned(caller, world)
        async with request.param(world) as backends:
            backends.adopt(list(world.backends.values()))
            events: list[Event] = []
            async with backends.open(
                plan, CHAT.parse(caller.raw, caller.fields), events
            ) as upstream:
                yield upstream

    return opening


async def test_a_whole_answer_is_there_with_its_usage(opened) -> None:
    async with opened() as upstream:
        assert upstream.backend.name == "local"
        assert orjson.loads(upstream.body)["choices"]
        assert upstream.usage is not None
        assert upstream.output_tokens_seen == upstream.usage.output_tokens
        assert (upstream.billed, upstream.passed, upstream.slot) == ((), False, None)
        assert upstream.model
        assert upstream.first_byte_seconds >= 0


async def test_a_streams_usage_is_known_at_its_end(opened) -> None:
    async with opened(stream=True) as upstream:
        blocks = [block async for block in upstream.stream()]
        assert upstream.body == b""
        assert b"".join(blocks).endswith(DONE)
        assert upstream.usage is not None
        assert upstream.output_tokens_seen > 0


async def test_a_stream_that_is_ended_early_can_be_ended_well(opened) -> None:
    async with opened(stream=True, fault="stall&after=3") as upstream:
        async for _block in upstream.stream():
            last = upstream.cut("r1", "why")
            break
    assert b'"finish_reason":"length"' in last
    assert last.endswith(DONE)


async def test_blocks_that_are_taken_on_the_way_are_not_handed_out_and_none_is_lost(opened) -> None:
    taken: list[bytes] = []
    everything: list[bytes] = []

    def put(block: bytes) -> bool:
        taken.append(block)
        everything.append(block)
        return True

    async with opened(stream=True) as upstream:
        async for block in upstream.stream(put):
            assert block not in taken
            everything.append(block)
    received = b"".join(everything)
    assert received.startswith(b"data: ")
    assert received.endswith(DONE)
    assert received.count(DONE) == 1


@pytest.mark.parametrize("open_backends", [_fake_backends, _real_backends], ids=["fake", "real"])
async def test_backends_that_all_fail_are_an_error_before_any_answer(open_backends) -> None:
    world, caller = new_world(), FakeCaller.asking()
    plan = await planned(caller, world)
    async with open_backends(world) as backends:
        backends.adopt(list(world.backends.values()))
        if isinstance(backends, FakeBackends):
            backends.script = [UpstreamFailed("none")]
        with pytest.raises(TurnoutError):
            async with backends.open(plan, CHAT.parse(caller.raw, caller.fields), []):
                raise AssertionError("nobody answers there")


@pytest.mark.parametrize("open_backends", [_fake_backends, _real_backends], ids=["fake", "real"])
async def test_the_health_of_known_backends_is_told_by_name(open_backends) -> None:
    world = new_world()
    async with open_backends(world) as backends:
        backends.adopt(list(world.backends.values()))
        view = backends.view()
        assert set(view) == set(world.backends)
        assert all(health.healthy and not health.in_flight for health in view.values())
        backends.adopt([world.backends["moe"]])
        assert set(view) == {"moe"}
