"""The same promises of a real llama.cpp server and of the simulator, through the dispatcher."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest
from modelservers import RunningSimulator
from transports import NewTransport

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.dispatch.dispatch import Dispatcher
from router.children.llamacpp import MODEL
from router.errors import UpstreamRejected
from router.protocols.sse import data_of, events

Chat = Callable[..., Ask]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 12}, "warm": {"type": "boolean"}},
    "required": ["city", "warm"],
    "additionalProperties": False,
}


@pytest.fixture
async def dispatcher(new_transport: NewTransport) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(new_transport())
    yield dispatcher
    await dispatcher.close()


@pytest.fixture(params=["llama.cpp", "simulator"])
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param == "llama.cpp":
        return Backend("local", request.getfixturevalue("llama_server"), MODEL)
    running: RunningSimulator = request.getfixturevalue("simulator")
    return Backend("sim", running.base_url, "simulated-moe", simulated=True)


async def reply(dispatcher: Dispatcher, backend: Backend, request: Ask) -> dict[str, Any]:
    async with dispatcher.open([backend], request, "r1") as upstream:
        assert upstream.usage is not None
        assert not upstream.usage.estimated
        body: dict[str, Any] = orjson.loads(upstream.body)
        assert body["model"] == upstream.model
        return body


async def test_a_whole_answer_names_its_model_and_its_usage(
    dispatcher: Dispatcher, backend: Backend, chat: Chat
) -> None:
    body = await reply(dispatcher, backend, chat("Say hello.", max_tokens=8, temperature=0))
    assert body["choices"][0]["message"]["content"]
    assert body["usage"]["completion_tokens"] == 8
    assert body["choices"][0]["finish_reason"] == "length"


async def test_a_stream_tells_its_usage_to_the_gateway_alone(
    dispatcher: Dispatcher, backend: Backend, chat: Chat
) -> None:
    request = chat("Say hello.", stream=True, max_tokens=8, temperature=0)
    async with dispatcher.open([backend], request, "r1") as upstream:
        received = b"".join([block async for block in upstream.stream()])
        assert upstream.usage is not None
        assert upstream.usage.output_tokens == 8
        assert upstream.output_tokens_seen == pytest.approx(8, abs=2)
        assert upstream.model == backend.model
    data = [data_of(event) for event in events(received)]
    assert data[-1] == b"[DONE]"
    assert all(orjson.loads(item)["choices"] for item in data[:-1] if item)


async def test_a_client_that_asks_for_usage_gets_its_chunk(
    dispatcher: Dispatcher, backend: Backend, chat: Chat
) -> None:
    request = chat(stream=True, max_tokens=4, stream_options={"include_usage": True})
    async with dispatcher.open([backend], request, "r1") as upstream:
        received = b"".join([block async for block in upstream.stream()])
    last = orjson.loads(data_of(events(received)[-2]) or b"")
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 4


async def test_json_fits_the_schema_asked_for(
    dispatcher: Dispatcher, backend: Backend, chat: Chat
) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "w", "strict": True, "schema": SCHEMA}}
    request = chat("Is Oslo warm?", response_format=wanted, max_tokens=80, seed=1, temperature=0)
    body = await reply(dispatcher, backend, request)
    answer = orjson.loads(body["choices"][0]["message"]["content"])
    assert isinstance(answer["city"], str)
    assert isinstance(answer["warm"], bool)


async def test_several_choices_and_logprobs_come_through(
    dispatcher: Dispatcher, backend: Backend, chat: Chat
) -> None:
    body = await reply(dispatcher, backend, chat(n=2, logprobs=True, max_tokens=3))
    assert [choice["index"] for choice in body["choices"]] == [0, 1]
    assert body["choices"][1]["logprobs"]["content"][0]["logprob"] <= 0


async def test_tools_are_accepted(dispatcher: Dispatcher, backend: Backend, chat: Chat) -> None:
    tool = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
    body = await reply(dispatcher, backend, chat("Weather in Oslo?", tools=[tool], max_tokens=24))
    message = body["choices"][0]["message"]
    for call in message.get("tool_calls") or []:
        assert call["function"]["name"] == "weather"
    assert message.get("content") or message.get("tool_calls")


async def test_a_wrong_parameter_is_rejected_in_words(
    dispatcher: Dispatcher, chat: Chat, llama_server: str
) -> None:
    backend = Backend("local", llama_server, MODEL)
    with pytest.raises(UpstreamRejected) as caught:
        await reply(dispatcher, backend, chat(temperature="hot"))
    assert caught.value.status == 400
    assert caught.value.message


async def test_a_prompt_over_the_context_window_is_rejected_as_too_long(
    dispatcher: Dispatcher, chat: Chat, llama_server: str
) -> None:
    with pytest.raises(UpstreamRejected, match="context size") as caught:
        await reply(dispatcher, Backend("local", llama_server, MODEL), chat("word " * 9000))
    assert (caught.value.status, caught.value.code) == (400, "context_length_exceeded")


async def test_an_image_that_the_server_cannot_see_keeps_no_text_from_it(
    dispatcher: Dispatcher, chat: Chat, llama_server: str
) -> None:
    backend = Backend("local", llama_server, MODEL)
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    for number in range(8):
        customer = f"customer {number}"
        request = chat(messages=[{"role": "user", "content": [image]}])
        with pytest.raises(UpstreamRejected) as caught:
            async with dispatcher.open([backend], request, "r1", customer=customer):
                pass
        assert caught.value.status == 400
        assert "image" in caught.value.message
        assert (await reply(dispatcher, backend, chat("Hi", max_tokens=1)))["usage"]
    assert all(state.blame.all_clear for state in dispatcher.view()["local"].deployments)


async def test_the_simulator_says_in_every_answer_that_it_simulates(
    dispatcher: Dispatcher, simulator: RunningSimulator, chat: Chat
) -> None:
    backend = Backend("sim", simulator.base_url, "simulated-moe", simulated=True)
    body = await reply(dispatcher, backend, chat())
    assert "simulated" in body["choices"][0]["message"]["content"]
    assert body["system_fingerprint"] == "simulated"
