"""The dispatcher with replicas, hedges and scarce slots, over real connections."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable

import pytest
from modelservers import RunningSimulator
from rawserver import raw_server, writes

from router.ask import Ask
from router.backends.backend import Backend, Capacity
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.dispatch.retry import RetryPolicy
from router.backends.health.load import LoadWatch
from router.backends.health.slots import SlotQueue
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.errors import Overloaded

Chat = Callable[..., Ask]
BODY = b'{"model":"m","choices":[]}'
REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)


@pytest.fixture
async def dispatcher() -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(HttptoolsTransport(), retry=RetryPolicy(rounds=0))
    yield dispatcher
    await dispatcher.close()


async def served_by(
    dispatcher: Dispatcher, backend: Backend, request: Ask, customer: str = ""
) -> str:
    async with dispatcher.open([backend], request, "r1", customer=customer) as upstream:
        return upstream._state.deployment.id


async def test_a_conversation_stays_on_one_replica_and_others_elsewhere(
    dispatcher: Dispatcher, chat: Chat
) -> None:
    async with (
        raw_server(writes(REPLY, then="stay")) as one,
        raw_server(writes(REPLY, then="stay")) as two,
    ):
        backend = Backend("b", one.base_url, "m", replicas=(two.base_url,))
        for _ in range(5):
            await served_by(dispatcher, backend, chat("the same beginning"))
        assert sorted((one.requests, two.requests)) == [0, 5]
        for n in range(20):
            await served_by(dispatcher, backend, chat(f"conversation {n}"))
        assert min(one.requests, two.requests) > 2


async def test_a_dead_replica_costs_nobody_an_answer(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    dead = "http://127.0.0.1:9/v1"
    backend = Backend("b", dead, "m", replicas=(simulator.base_url,))
    for n in range(10):
        assert await served_by(dispatcher, backend, chat(f"conversation {n}")) == "b/1.0"


async def test_a_key_that_is_out_of_quota_leaves_the_other_keys(
    dispatcher: Dispatcher, chat: Chat
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(REPLY if script.spent else LIMITED)  # type: ignore[attr-defined]
        script.spent = True  # type: ignore[attr-defined]

    script.spent = False  # type: ignore[attr-defined]
    async with raw_server(script) as server:
        backend = Backend("b", server.base_url, "m", api_key="k1", api_keys=("k2",))
        first = await served_by(dispatcher, backend, chat())
        again = await served_by(dispatcher, backend, chat())
        assert first == again  # the deployment that was refused rests
        assert server.requests == 3


LIMITED = b"HTTP/1.1 429 Slow down\r\nretry-after: 60\r\ncontent-length: 2\r\n\r\n{}"


async def test_a_slow_first_byte_is_hedged_and_the_loser_is_closed(
    dispatcher: Dispatcher, chat: Chat
) -> None:
    async with (
        raw_server(writes(b"", then="silence")) as slow,
        raw_server(writes(REPLY, then="stay")) as quick,
    ):
        address = (quick.base_url,)
        backend = Backend("b", slow.base_url, "m", replicas=address, hedge_after=0.02)
        conversations = itertools.count()
        while not slow.requests:  # it is the first choice of half of them
            text = f"conversation {next(conversations)}"
            assert await served_by(dispatcher, backend, chat(text)) == "b/1.0"
        await slow.closed.wait()
    assert dispatcher.view()["b"].in_flight == 0


async def test_a_slot_is_held_until_the_answer_is_over(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    capacity = Capacity(concurrency=1, queue=0)
    scarce = Backend("scarce", simulator.base_url, "m", capacity=capacity)
    other = Backend("other", simulator.base_url, "m")
    async with dispatcher.open([scarce], chat(stream=True), "r1") as upstream:
        assert dispatcher.view()["scarce"].load == 1.0
        with pytest.raises(Overloaded, match="no free slot"):
            await served_by(dispatcher, scarce, chat())
        async with dispatcher.open([scarce, other], chat(), "r2") as elsewhere:
            assert elsewhere.backend is other
        assert upstream.slot is not None
        assert upstream.slot.position == 0
    assert dispatcher.view()["scarce"].load == 0.0
    assert await served_by(dispatcher, scarce, chat()) == "scarce/0.0"


async def test_a_waiting_request_gets_the_slot_that_falls_free(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    capacity = Capacity(concurrency=1, queue=3, max_wait=60)
    scarce = Backend("scarce", simulator.base_url, "m", capacity=capacity)
    async with dispatcher.open([scarce], chat(stream=True), "r1"):
        asked = [served_by(dispatcher, scarce, chat()) for _ in range(3)]
        waiting = [asyncio.ensure_future(one) for one in asked]
        await asyncio.sleep(0)
        assert dispatcher.view()["scarce"].queued == 3
    assert await asyncio.gather(*waiting) == ["scarce/0.0"] * 3
    assert dispatcher.view()["scarce"].load == 0.0


async def test_a_reload_keeps_breakers_of_deployments_that_did_not_change(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    broken = Backend("b", simulator.base_url, "m?fault=status&status=429&retry_after=60")
    for customer in ("acme", "zenith"):
        with pytest.raises(Overloaded):
            await served_by(dispatcher, broken, chat(), customer)
    dispatcher.adopt([Backend("b", simulator.base_url, "another-model")])
    assert not dispatcher.view()["b"].healthy
    dispatcher.adopt([Backend("b", simulator.base_url + "/elsewhere", "m")])
    assert dispatcher.view()["b"].healthy
    dispatcher.adopt([])
    assert dispatcher.view() == {}
    assert dispatcher.view()["b"].in_flight == 0  # requests of the old world may still ask


async def test_a_server_that_others_use_too_is_not_taken_for_idle(
    llama_server: str, chat: Chat
) -> None:
    metrics = llama_server.removesuffix("/v1") + "/metrics"
    capacity = Capacity(concurrency=4, load_url=metrics)
    local = Backend("local", llama_server, "m", capacity=capacity)
    queue = SlotQueue(capacity)
    transport = HttptoolsTransport()
    watch = LoadWatch(transport)
    elsewhere = Dispatcher(HttptoolsTransport())
    try:
        await watch.ask(local, queue)
        assert queue.reported == 0
        stranger = Backend("stranger", llama_server, "m")
        async with elsewhere.open([stranger], chat("Count.", stream=True), "r2"):
            await watch.ask(local, queue)
            assert queue.reported == 1
            assert queue.load == 0.25
    finally:
        await elsewhere.close()
        await transport.close()


async def test_a_server_that_stops_telling_its_load_is_judged_by_our_own_count(
    simulator: RunningSimulator,
) -> None:
    capacity = Capacity(concurrency=4, load_url="http://127.0.0.1:9/metrics")
    backend = Backend("b", simulator.base_url, "m", capacity=capacity)
    queue = SlotQueue(capacity)
    queue.reported = 3
    transport = HttptoolsTransport()
    await LoadWatch(transport).ask(backend, queue)
    await transport.close()
    assert queue.reported is None
    assert queue.load == 0.0


async def test_a_dispatcher_watches_the_load_of_what_it_adopts(
    dispatcher: Dispatcher, chat: Chat
) -> None:
    page = b"vllm:num_requests_running 3\n"
    result = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(page), page)
    async with raw_server(writes(result, then="stay")) as server:
        capacity = Capacity(concurrency=4, load_url=server.base_url)
        dispatcher.adopt([Backend("b", server.base_url, "m", capacity=capacity)])
        await server.asked.wait()
        await dispatcher.close()
