"""A server that fails for one kind of request, or one customer's, goes on serving the others."""

import asyncio

import orjson
import pytest
from fakes.clock import FakeClock
from faulty_backends import Chat, answer, faulty, no_retries, sound
from modelservers import RunningSimulator
from rawserver import raw_server, writes
from transports import NewTransport

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.dispatch.failures import Kind
from router.errors import Overloaded, UpstreamFailed, UpstreamRejected

pytestmark = pytest.mark.virtual_time

DIES_OF_IMAGES = "status&status=500&only=image_url"
FLAGS = "status&status=403&only=bad&says=Content violates usage guidelines."
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def image(chat: Chat) -> Ask:
    return chat(messages=[{"role": "user", "content": [PICTURE]}])


async def test_images_that_kill_a_server_keep_no_text_away_from_it(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    local = faulty(simulator, DIES_OF_IMAGES)
    for number in range(40):
        served = await answer(
            dispatcher, [local, sound(simulator)], image(chat), customer=f"c{number % 7}"
        )
        assert served[0] == "sound"
        text = await answer(dispatcher, [local], chat("innocent"), customer=f"c{number}")
        assert text[0] == "faulty"
    assert dispatcher.view()["faulty"].healthy
    asked_in_vain = dispatcher.view()["faulty"].failures[Kind.SERVER.name]
    assert asked_in_vain < 10  # the kind rests there


async def test_one_customers_images_rest_the_server_for_no_other_customer(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    local, other = faulty(simulator, "status&status=500&only=bad"), sound(simulator)
    for _ in range(30):
        await answer(dispatcher, [local, other], chat("bad"), customer="one")
        served = await answer(dispatcher, [local, other], chat("good"), customer="two")
        assert served[0] == "faulty"


async def test_a_flagged_prompt_rests_nobody(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    local = faulty(simulator, FLAGS)
    for number in range(20):
        with pytest.raises(UpstreamRejected) as caught:
            await answer(dispatcher, [local], chat("bad"), customer=f"c{number}")
        assert (caught.value.status, caught.value.code) == (400, "content_policy_violation")
        assert "violates usage guidelines" in caught.value.message
        assert (await answer(dispatcher, [local], chat("good")))[0] == "faulty"


async def test_what_fails_alike_everywhere_is_counted_against_nobody(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    one = faulty(simulator, "status&status=500&only=bad")
    two = Backend("other", simulator.base_url, one.model)
    for number in range(20):
        with pytest.raises(UpstreamFailed):
            await answer(dispatcher, [one, two], chat("bad"), customer=f"c{number}")
    for backend in (one, two):
        assert dispatcher.view()[backend.name].healthy
        served = await answer(dispatcher, [backend], chat("good"), customer="c1")
        assert served[0] == backend.name
        assert all(state.blame.all_clear for state in dispatcher.view()[backend.name].deployments)


async def test_one_customers_many_requests_that_fail_everywhere_are_counted_against_nobody(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    one = faulty(simulator, "status&status=500&only=bad")
    two = Backend("other", simulator.base_url, one.model)
    for number in range(20):
        with pytest.raises(UpstreamFailed):
            await answer(dispatcher, [one, two], chat(f"bad {number}"), customer="one")
        assert dispatcher.view()["faulty"].healthy
    assert (await answer(dispatcher, [one, two], chat("good"), customer="two"))[0] == "faulty"


async def test_what_fails_everywhere_while_others_are_answered_is_counted_against_nobody(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    one = faulty(simulator, "status&status=500&only=bad")
    two = Backend("other", simulator.base_url, one.model)
    for number in range(20):
        with pytest.raises(UpstreamFailed):
            await answer(dispatcher, [one, two], chat(f"bad {number}"), customer=f"c{number}")
        for backend in (one, two):
            await answer(dispatcher, [backend], chat("good"), customer=f"c{number}")
    assert all(dispatcher.view()[name].healthy for name in ("faulty", "other"))


async def test_an_outage_of_all_rests_them_and_says_when_to_come_back(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    one = faulty(simulator, "status&status=500")
    two = Backend("other", simulator.base_url, one.model)
    for number in range(40):
        with pytest.raises((UpstreamFailed, Overloaded)):
            await answer(dispatcher, [one, two], chat(f"say {number}"), customer=f"c{number % 4}")
    asked = simulator.app.served
    assert asked < 40  # of 80: they rest
    assert not any(dispatcher.view()[name].healthy for name in ("faulty", "other"))
    with pytest.raises(Overloaded) as caught:
        await answer(dispatcher, [one, two], chat("say more"), customer="c1")
    assert "retry-after" in dict(caught.value.headers)
    assert simulator.app.served == asked


async def test_an_outage_of_all_that_is_over_is_forgotten_at_the_first_answer(
    new_transport: NewTransport, simulator: RunningSimulator, chat: Chat
) -> None:
    clock = FakeClock()
    dispatcher = Dispatcher(new_transport(), retry=no_retries(), clock=clock)
    one = faulty(simulator, "status&status=500&only=say")
    two = Backend("other", simulator.base_url, one.model)
    for number in range(12):
        with pytest.raises((UpstreamFailed, Overloaded)):
            await answer(dispatcher, [one, two], chat(f"say {number}"), customer=f"c{number % 4}")
    assert not dispatcher.view()["faulty"].healthy
    clock.pass_by(10.0)  # a rest
    served = await answer(dispatcher, [one, two], chat("well"), customer="new")
    assert served[0] == "faulty"
    assert dispatcher.view()["faulty"].healthy
    await dispatcher.close()


async def test_a_request_that_somebody_finds_wrong_is_counted_against_nobody(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    one = faulty(simulator, "status&status=500")
    two = Backend("strict", simulator.base_url, "sim?fault=status&status=422")
    for number in range(20):
        with pytest.raises(UpstreamRejected):
            await answer(dispatcher, [one, two], chat("bad"), customer=f"c{number}")
    assert dispatcher.view()["faulty"].healthy


async def test_a_client_that_leaves_in_doubt_is_counted_against_nobody(
    new_transport: NewTransport, simulator: RunningSimulator, chat: Chat
) -> None:
    dispatcher = Dispatcher(new_transport(), retry=no_retries())
    async with raw_server(writes(b"", then="silence")) as server:
        slow = Backend("slow", server.base_url, "m")
        asked = asyncio.ensure_future(
            answer(dispatcher, [faulty(simulator, "status&status=500"), slow], chat())
        )
        await server.asked.wait()
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
    health = dispatcher.view()["faulty"]
    assert [state.blame.all_clear for state in health.deployments] == [True]
    assert health.in_flight == 0
    await dispatcher.close()


async def test_a_window_that_is_too_short_lets_only_larger_ones_be_asked(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    says = "status&status=400&says=This model's maximum context length is 4096 tokens."
    short = faulty(simulator, says, context_window=4096)
    shorter = Backend("shorter", simulator.base_url, "sim", context_window=2048)
    served = await answer(dispatcher, [short, shorter, sound(simulator)], chat())
    assert served[0] == "sound"
    assert simulator.app.served == 2
    with pytest.raises(UpstreamRejected) as caught:
        await answer(dispatcher, [short, shorter], chat())
    assert (caught.value.status, caught.value.code) == (400, "context_length_exceeded")
    assert "4096 tokens" in caught.value.message


async def test_the_client_learns_what_each_backend_said(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    broken = faulty(simulator, "status&status=500&says=CUDA error: out of memory.")
    spent = Backend("spent", simulator.base_url, "sim?fault=status&status=402&says=Pay up")
    with pytest.raises(UpstreamFailed) as caught:
        await answer(dispatcher, [broken, spent], chat())
    assert "faulty answered 500 (server error): CUDA error: out of memory" in caught.value.message
    assert "spent answered 402 (out of credit)" in caught.value.message
    assert "Pay up" not in caught.value.message  # the operator's affair


async def test_a_stream_that_reports_an_error_says_which(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    backends = [faulty(simulator, "error_event&after=2")]
    async with dispatcher.open(backends, chat(stream=True), "r1") as upstream:
        with pytest.raises(UpstreamFailed, match="simulated failure in the middle"):
            async for _ in upstream.stream():
                pass
    assert orjson.dumps(dict(dispatcher.view()["faulty"].failures))
    assert dispatcher.view()["faulty"].in_flight == 0
