"""Each fault of a backend has one outcome: the next candidate, or the right error, at once."""

import pytest
from faulty_backends import (
    Chat,
    answer,
    faulty,
    no_retries,
    sound,
)
from modelservers import RunningSimulator
from transports import NewTransport

from router.backends.dispatch.dispatch import Dispatcher
from router.backends.dispatch.retry import RetryPolicy
from router.backends.health.breaker import BreakerPolicy
from router.domain import Usage
from router.errors import (
    Overloaded,
    UpstreamFailed,
    UpstreamRejected,
    UpstreamTimeout,
)

pytestmark = pytest.mark.virtual_time

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
    assert dict(caught.value.headers)["retry-after"] in ("7", "8")
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
    deployment = leaking.deployments()[0]
    with pytest.raises(UpstreamRejected) as caught:
        await answer(dispatcher, [leaking], chat())
    assert "sk-secret" not in caught.value.message
    assert "api_key" not in repr(leaking) + repr(deployment)


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


async def test_a_breaker_that_opened_spares_the_backend(
    new_transport: NewTransport, simulator: RunningSimulator, chat: Chat
) -> None:
    dispatcher = Dispatcher(new_transport(), retry=no_retries(), breaker=BreakerPolicy(threshold=5))
    backends = [faulty(simulator, "status&status=500"), sound(simulator)]
    for number in range(20):
        served = await answer(dispatcher, backends, chat(), customer=f"customer {number}")
        assert served[0] == "sound"
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
