"""Responses over a WebSocket at a gateway: by the official client, and frame by frame."""

import json
from contextlib import contextmanager

import pytest
from openai import OpenAI
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

BACKENDS = ["moe", "native"]  # translated to chat, and natively
ENDS = ("response.completed", "response.incomplete", "response.failed", "error")


@contextmanager
def opened(gateway, key=None, path="/responses", **more):
    """A WebSocket of a client that sends what the test says."""
    headers = {"Authorization": f"Bearer {key or gateway.key('enterprise')}"}
    url = gateway.url.replace("http://", "ws://") + path
    with connect(url, additional_headers=headers | more.pop("headers", {}), **more) as socket:
        yield socket


def ask(socket, **members):
    socket.send(json.dumps({"type": "response.create", "model": "moe", "store": False} | members))


def told(socket):
    """The events up to the end of one response."""
    events = [json.loads(socket.recv(timeout=60))]
    while events[-1]["type"] not in ENDS:
        events.append(json.loads(socket.recv(timeout=60)))
    return events


# The official client opens its connection in a way that websockets 17.1 deprecates.
@pytest.mark.filterwarnings("ignore:connect.. must be used:DeprecationWarning")
@pytest.mark.parametrize("model", BACKENDS)
def test_the_official_client_has_a_conversation_over_one_connection(gateway, model):
    with (
        OpenAI(base_url=gateway.url, api_key=gateway.key("enterprise")) as client,
        client.responses.connect() as connection,
    ):
        connection.response.create(model=model, store=False, input="Hello")
        first = _final(connection)
        connection.response.create(
            model=model, store=False, input="And more", previous_response_id=first.id
        )
        second = _final(connection)
    assert "simulated" in second.output_text
    assert second.previous_response_id == first.id
    assert second.usage.input_tokens > first.usage.input_tokens + first.usage.output_tokens


def _final(connection):
    for event in connection:
        if event.type == "response.completed":
            return event.response
        assert event.type not in ENDS, event.to_json()
    raise AssertionError("the connection closed before the response ended")


@pytest.mark.parametrize("model", BACKENDS)
def test_a_connection_tells_what_a_stream_tells(gateway, model):
    with opened(gateway) as socket:
        ask(socket, model=model, input="Hello")
        over_socket = [event["type"] for event in told(socket)]
    with OpenAI(base_url=gateway.url, api_key=gateway.key("enterprise")) as client:
        stream = client.responses.create(model=model, input="Hello", store=False, stream=True)
        assert over_socket == [event.type for event in stream]


def test_the_first_event_says_what_headers_say_over_http(gateway):
    with opened(gateway) as socket:
        ask(socket, input="Hello")
        first, *others = told(socket)
    assert first["headers"]["x-turnout-backend"] == "moe"
    assert float(first["headers"]["x-turnout-cost-usd"]) > 0
    assert len(first["headers"]["x-request-id"]) == 32
    assert not any("headers" in event for event in others)


def test_a_warm_up_costs_nothing_and_is_continued(gateway):
    key = gateway.key("enterprise")
    with opened(gateway, key) as socket:
        ask(socket, generate=False, instructions="Be short.", input="a b c d e f g h")
        warmed = told(socket)[-1]["response"]
        assert warmed["usage"]["total_tokens"] == 0
        ask(socket, input="Go", previous_response_id=warmed["id"])
        assert told(socket)[-1]["response"]["usage"]["input_tokens"] > 8


def test_a_wrong_key_is_refused_over_http_in_openais_words(gateway):
    with pytest.raises(InvalidStatus) as refused, opened(gateway, "sk-nobody"):
        pass
    response = refused.value.response
    assert response.status_code == 401
    assert json.loads(response.body)["error"]["code"] == "invalid_api_key"
