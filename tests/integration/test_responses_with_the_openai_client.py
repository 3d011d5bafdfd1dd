"""The official openai client, through the row of responses, to backends of every protocol."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import openai
import pytest
from edge import edge
from modelservers import RunningSimulator, in_thread
from openai.types.responses import Response
from pydantic import BaseModel, TypeAdapter
from responses_stories import ANSWERS, CALL, PATCH, PATCHED, TEXT, WEATHER
from scripted import Scripted

from router.backends.backend import Backend
from router.operations.table import OPERATIONS
from router.protocols.quirks import Quirks

OPERATION = next(row for row in OPERATIONS if row.name == "response")
PIXEL = "data:image/png;base64,iVBORw0KGgo="
KINDS = ["native", "chat", "messages", "gemini"]
SIMULATED = ["native", "chat"]
DIALECTS = {"messages": "anthropic", "gemini": "gemini", "chat": "openai"}
Client = openai.OpenAI


EVENT: TypeAdapter[Any] = TypeAdapter(openai.types.responses.ResponseStreamEvent)


@contextmanager
def serving(*backends: Backend) -> Iterator[Client]:
    with (
        in_thread(edge(OPERATION, *backends)) as url,
        Client(base_url=url, api_key="k", max_retries=0) as client,
    ):
        yield client


@contextmanager
def scripted(kind: str, *stories: str) -> Iterator[tuple[Client, Scripted]]:
    """A client of a backend that tells these stories."""
    server = Scripted(*(ANSWERS[kind][story] for story in stories))
    quirks = Quirks(custom_tools=False)
    with in_thread(server) as url:
        backend = Backend("b", url, "real", dialect=DIALECTS[kind], quirks=quirks)
        with serving(backend) as client:
            yield client, server


@pytest.fixture
def simulated(simulator: RunningSimulator) -> Iterator[Callable[[str], Client]]:
    """Clients of the simulator, natively or through chat."""
    with ExitStack() as open_:

        def client(kind: str, model: str = "simulated-moe") -> Client:
            speaks = frozenset({"responses"} if kind == "native" else ())
            backend = Backend("sim", simulator.base_url, model, speaks=speaks)
            return open_.enter_context(serving(backend))

        yield client


def checked(response: Response) -> Response:
    """The response, which must be of the shape that the official package describes."""
    Response.model_validate(json.loads(response.to_json()), strict=False)
    return response


def streamed(client: Client, **asked: Any) -> tuple[list[Any], Response]:
    """All events of a stream, each of the official shape and in order; and the final response."""
    events = list(client.responses.create(stream=True, **asked))
    for number, event in enumerate(events):
        EVENT.validate_python(json.loads(event.to_json()))
        assert event.sequence_number == number
    assert [events[0].type, events[1].type] == ["response.created", "response.in_progress"]
    assert events[-1].type in ("response.completed", "response.incomplete")
    return events, checked(events[-1].response)


class TestEveryBackend:
    """One story after the other, told by servers of each protocol."""

    @pytest.mark.parametrize("kind", SIMULATED)
    def test_says(self, simulated: Callable[[str], Client], kind: str) -> None:
        response = checked(simulated(kind).responses.create(model="auto", input="Hello"))
        assert "simulated" in response.output_text
        assert response.status == "completed"
        assert response.usage is not None
        assert response.usage.output_tokens > 0

    @pytest.mark.parametrize("kind", SIMULATED)
    def test_streams(self, simulated: Callable[[str], Client], kind: str) -> None:
        events, response = streamed(simulated(kind), model="auto", input="Hello")
        said = "".join(e.delta for e in events if e.type == "response.output_text.delta")
        assert said == response.output_text
        assert response.status == "completed"

    @pytest.mark.parametrize("kind", SIMULATED)
    def test_the_stream_helper_assembles_the_response(
        self, simulated: Callable[[str], Client], kind: str
    ) -> None:
        with simulated(kind).responses.stream(model="auto", input="Hello") as stream:
            final = stream.get_final_response()
        assert "simulated" in final.output_text

    @pytest.mark.parametrize("kind", SIMULATED)
    @pytest.mark.parametrize("stream", [False, True])
    def test_a_limit_leaves_it_incomplete(
        self, simulated: Callable[[str], Client], kind: str, stream: bool
    ) -> None:
        asked: Any = {"model": "auto", "input": "Hello", "max_output_tokens": 3}
        client = simulated(kind)
        response = streamed(client, **asked)[1] if stream else client.responses.create(**asked)
        assert response.status == "incomplete"
        assert response.incomplete_details is not None
        assert response.incomplete_details.reason == "max_output_tokens"

    @pytest.mark.parametrize("kind", ["chat", "messages", "gemini"])
    @pytest.mark.parametrize("stream", [False, True])
    def test_a_text_is_told(self, kind: str, stream: bool) -> None:
        with scripted(kind, "text") as (client, _):
            asked: Any = {"model": "auto", "input": "Hello", "instructions": "Be brief."}
            response = (
                streamed(client, **asked)[1]
                if stream
                else checked(client.responses.create(**asked))
            )
        assert response.output_text == TEXT
        assert response.instructions == "Be brief."
        assert response.usage is not None
        assert (response.usage.input_tokens, response.usage.output_tokens) == (10, 5)
        assert response.to_dict()["store"] is False

    @pytest.mark.parametrize("kind", ["chat", "messages", "gemini"])
    @pytest.mark.parametrize("stream", [False, True])
    def test_a_tool_is_called_and_its_result_goes_back_with_the_thought(
        self, kind: str, stream: bool
    ) -> None:
        with scripted(kind, "call", "text") as (client, server):
            asked: Any = {"model": "auto", "tools": [WEATHER]}
            first: Any = {"role": "user", "content": "Weather?"}
            response = (
                streamed(client, input=[first], **asked)[1]
                if stream
                else checked(client.responses.create(input=[first], **asked))
            )
            call = next(item for item in response.output if item.type == "function_call")
            assert (call.name, json.loads(call.arguments)) == ("get_weather", CALL)
            thought = next(item for item in response.output if item.type == "reasoning")
            assert thought.summary[0].text == "A city."
            history = [first, *(item.to_dict() for item in response.output)]
            history.append(
                {"type": "function_call_output", "call_id": call.call_id, "output": "3 degrees"}
            )
            after = client.responses.create(input=history, **asked)
        assert after.output_text == TEXT
        sent = json.dumps(server.heard[1])
        assert "3 degrees" in sent
        assert ("c2lnbmVk" in sent) == (kind != "chat")
        assert "turnout:" not in sent

    @pytest.mark.parametrize("kind", ["chat", "messages", "gemini"])
    @pytest.mark.parametrize("stream", [False, True])
    def test_a_custom_tool_is_a_function_there_and_itself_here(
        self, kind: str, stream: bool
    ) -> None:
        with scripted(kind, "patch", "text") as (client, server):
            asked: Any = {"model": "auto", "tools": [PATCH], "tool_choice": "required"}
            first: Any = {"role": "user", "content": "Patch it."}
            if stream:
                events, response = streamed(client, input=[first], **asked)
                kinds = [event.type for event in events]
                assert "response.custom_tool_call_input.delta" in kinds
                assert "response.custom_tool_call_input.done" in kinds
            else:
                response = checked(client.responses.create(input=[first], **asked))
            call = next(item for item in response.output if item.type == "custom_tool_call")
            assert (call.name, call.input) == ("apply_patch", PATCHED)
            history: Any = [
                first,
                call.to_dict(),
                {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "Done."},
            ]
            client.responses.create(input=history, model="auto", tools=[PATCH])
        assert "lark grammar" in json.dumps(server.heard[0])
        assert "Begin Patch" in json.dumps(server.heard[1])
        assert "Done." in json.dumps(server.heard[1])

    @pytest.mark.parametrize("kind", ["chat", "messages", "gemini"])
    def test_a_structured_answer_is_parsed(self, kind: str) -> None:
        class City(BaseModel):
            name: str

        with scripted(kind, "json") as (client, server):
            response = client.responses.parse(model="auto", input="Which?", text_format=City)
        assert response.output_parsed == City(name="Oslo")
        assert '"name"' in json.dumps(server.heard[0])

    @pytest.mark.parametrize("kind", ["chat", "messages", "gemini"])
    def test_an_image_and_a_file_are_seen(self, kind: str) -> None:
        content: Any = [
            {"type": "input_text", "text": "What is it?"},
            {"type": "input_image", "image_url": PIXEL, "detail": "auto"},
            {
                "type": "input_file",
                "filename": "a.pdf",
                "file_data": "data:application/pdf;base64,JVBERg==",
            },
        ]
        with scripted(kind, "text") as (client, server):
            client.responses.create(model="auto", input=[{"role": "user", "content": content}])
        sent = json.dumps(server.heard[0])
        assert "iVBORw0KGgo=" in sent
        assert "JVBERg==" in sent


class TestNative:
    """The simulator speaks responses: bytes pass."""

    def test_reasoning_goes_back_sealed(self, simulated: Callable[[str], Client]) -> None:
        client = simulated("native")
        asked: Any = {"model": "auto", "reasoning": {"effort": "low"}}
        first = checked(client.responses.create(input="Hello", **asked))
        assert first.output[0].type == "reasoning"
        history: Any = [
            {"role": "user", "content": "Hello"},
            *(item.to_dict() for item in first.output),
            {"role": "user", "content": "And now?"},
        ]
        assert client.responses.create(input=history, **asked).output_text

    def test_thoughts_of_others_do_not_reach_it(self, simulated: Callable[[str], Client]) -> None:
        with scripted("messages", "call") as (client, _):
            first = client.responses.create(model="auto", input="Hello", tools=[WEATHER])
        history: Any = [item.to_dict() for item in first.output]
        call = next(item for item in first.output if item.type == "function_call")
        history.append(
            {"type": "function_call_output", "call_id": call.call_id, "output": "3 degrees"}
        )
        assert simulated("native").responses.create(model="auto", input=history).output_text

    def test_a_custom_tool_and_state_pass(self, simulated: Callable[[str], Client]) -> None:
        client = simulated("native")
        response = client.responses.create(
            model="auto", input="x", tools=[PATCH], previous_response_id="resp_1"
        )
        assert response.output[0].type == "custom_tool_call"


class TestRefusals:
    """What cannot be said is a 400 that names it."""

    @pytest.mark.parametrize(
        ("asked", "param"),
        [
            ({"previous_response_id": "resp_1"}, "previous_response_id"),
            ({"conversation": "conv_1"}, "conversation"),
            ({"prompt": {"id": "pmpt_1"}}, "prompt"),
            ({"background": True, "max_output_tokens": 9}, "background"),
            ({"tools": [{"type": "web_search"}]}, "tools of type 'web_search'"),
            ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input: an item by its id"),
        ],
    )
    def test_what_needs_the_provider_is_refused_with_advice(
        self, simulated: Callable[[str], Client], asked: Any, param: str
    ) -> None:
        with pytest.raises(openai.BadRequestError) as caught:
            simulated("chat").responses.create(**({"model": "auto", "input": "x"} | asked))
        assert caught.value.param == param

    def test_another_candidate_that_speaks_it_answers(self, simulator: RunningSimulator) -> None:
        chat = Backend("chat", simulator.base_url, "simulated-moe")
        native = Backend(
            "native", simulator.base_url, "simulated-moe", speaks=frozenset({"responses"})
        )
        with serving(chat, native) as client:
            raw = client.responses.with_raw_response.create(
                model="auto", input="x", previous_response_id="resp_1"
            )
        assert raw.headers["x-turnout-backend"] == "native"

    @pytest.mark.parametrize("kind", SIMULATED)
    def test_a_stream_that_breaks_raises(self, simulated: Callable[..., Client], kind: str) -> None:
        client = simulated(kind, "simulated-moe?fault=error_event&after=3")
        with pytest.raises(openai.APIError) as caught:
            list(client.responses.create(model="auto", input="x", stream=True))
        assert "broke off" in caught.value.message
