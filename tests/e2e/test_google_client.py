"""Google's own client at the gateway: its words to any backend, its bytes to Google's servers."""

import json

import httpx
import pytest
from gatewaykit import booked
from google import genai
from google.genai import errors, types

WEATHER = types.FunctionDeclaration(
    name="weather",
    description="Tell the weather",
    parameters=types.Schema(type="OBJECT", properties={"city": types.Schema(type="STRING")}),
)


def client_of(gateway, key: str) -> genai.Client:
    options = types.HttpOptions(base_url=gateway.root)
    return genai.Client(api_key=key, http_options=options)


@pytest.fixture
def client(gateway):
    with client_of(gateway, gateway.key("enterprise")) as made:
        yield made


@pytest.mark.parametrize("model", ["moe", "google"])
def test_an_answer_has_text_reason_and_usage(client, model):
    answer = client.models.generate_content(model=model, contents="What is this?")
    assert "simulated" in answer.text
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert answer.usage_metadata.total_token_count > 0


@pytest.mark.parametrize("model", ["moe", "google"])
def test_a_stream_comes_in_pieces(client, model):
    pieces = list(client.models.generate_content_stream(model=model, contents="What is this?"))
    assert len(pieces) > 1
    assert "simulated" in "".join(piece.text or "" for piece in pieces)
    assert pieces[-1].usage_metadata.total_token_count > 0


def test_a_real_model_answers_googles_client(client):
    config = types.GenerateContentConfig(max_output_tokens=8, system_instruction="Be brief.")
    answer = client.models.generate_content(model="local", contents="Say hello.", config=config)
    assert answer.text
    assert answer.usage_metadata.candidates_token_count <= 8


def test_tools_are_called_and_their_results_go_back(client):
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[WEATHER])],
        tool_config=types.ToolConfig(
            function_calling_config=types.FunctionCallingConfig(mode="ANY")
        ),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    answer = client.models.generate_content(model="moe", contents="Weather?", config=config)
    (call,) = answer.function_calls
    assert call.name == "weather"
    result = types.Part.from_function_response(name="weather", response={"result": "sunny"})
    history = [
        types.Content(role="user", parts=[types.Part(text="Weather?")]),
        answer.candidates[0].content,
        types.Content(role="user", parts=[result]),
    ]
    said = client.models.generate_content(model="moe", contents=history)
    assert "simulated" in said.text


def test_tokens_are_counted_here(client):
    assert client.models.count_tokens(model="moe", contents="x" * 400).total_tokens == 100


def test_requests_are_billed(gateway):
    key = gateway.new_key("enterprise", organization="googlers")
    with client_of(gateway, key) as client:
        used = client.models.generate_content(model="google", contents="Hello")
    row = booked(gateway, "googlers")
    assert row["backend"] == "gemini"
    assert row["output_tokens"] == used.usage_metadata.candidates_token_count


def array_of(gateway, model: str) -> tuple[httpx.Response, list[bytes]]:
    """A stream without events: its head, and the pieces in which it came."""
    headers = {"x-goog-api-key": gateway.key("enterprise")}
    url = f"{gateway.root}/v1beta/models/{model}:streamGenerateContent"
    body = {"contents": [{"parts": [{"text": "Hello"}]}]}
    with httpx.stream("POST", url, headers=headers, json=body) as answer:
        return answer, list(answer.iter_raw())


@pytest.mark.parametrize("model", ["moe", "premium", "google"])
def test_a_stream_without_events_is_an_array_that_comes_element_by_element(gateway, model):
    answer, pieces = array_of(gateway, model)
    assert answer.headers["content-type"] == "application/json"
    said = json.loads(b"".join(pieces))
    assert len(said) > 1
    assert "simulated" in "".join(
        part["text"] for one in said for part in one["candidates"][0]["content"]["parts"]
    )
    assert said[-1]["candidates"][0]["finishReason"] == "STOP"
    assert said[-1]["usageMetadata"]["totalTokenCount"] > 0
    if model == "premium":  # which takes its time between tokens
        assert len(pieces) > 3
        assert json.loads(pieces[0] + b"]")


def test_an_array_that_breaks_off_ends_with_the_error(gateway):
    answer, pieces = array_of(gateway, "breaks")
    assert answer.status_code == 200
    said = json.loads(b"".join(pieces))
    assert "candidates" in said[0]
    assert said[-1]["error"]["status"] == "UNAVAILABLE"


def test_an_array_that_never_began_is_an_error_in_an_array(gateway):
    answer, pieces = array_of(gateway, "nothing")
    assert answer.status_code == 404
    assert json.loads(b"".join(pieces))[0]["error"]["status"] == "NOT_FOUND"


def test_errors_come_in_googles_shape(client, gateway):
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model="nothing", contents="x")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")
    with (
        client_of(gateway, "tk-nobody") as stranger,
        pytest.raises(errors.ClientError) as caught,
    ):
        stranger.models.generate_content(model="moe", contents="x")
    assert (caught.value.code, caught.value.status) == (401, "UNAUTHENTICATED")
