"""How large a request is, asked by the official clients: a real server's count, or an estimate."""

import anthropic
import httpx
import pytest
from gatewaykit import booked
from google import genai
from google.genai import types
from openai import OpenAI

ASKED = "How many tokens do you make of this sentence?"
BRIEF = "Answer in one word."
SAID = {"messages": [{"role": "user", "content": ASKED}], "system": BRIEF}


@pytest.fixture
def client(gateway):
    key = gateway.new_key("enterprise", organization="sizes")
    with anthropic.Anthropic(base_url=gateway.root, api_key=key, max_retries=0) as made:
        yield made


def test_a_real_server_counts_exactly_what_it_bills(gateway, client):
    told = client.messages.with_raw_response.count_tokens(model="local", **SAID)
    assert told.headers["x-turnout-count"] == "backend"
    assert told.headers["x-turnout-backend"] == "local"
    counted = told.parse().input_tokens
    used = client.messages.create(model="local", max_tokens=4, **SAID).usage
    assert counted == used.input_tokens + (used.cache_read_input_tokens or 0)
    row = booked(gateway, "sizes")  # the count is no request of the customer's
    assert (row["requests"], row["input_tokens"]) == (1, counted)


def test_every_protocol_gets_the_same_count_in_its_own_words(gateway, client):
    counted = client.messages.count_tokens(model="local", **SAID).input_tokens
    with OpenAI(base_url=gateway.url, api_key=client.api_key) as openai:
        told = openai.responses.input_tokens.count(model="local", input=ASKED, instructions=BRIEF)
    assert (told.object, told.input_tokens) == ("response.input_tokens", counted)
    headers = {"authorization": f"Bearer {client.api_key}"}
    body = {
        "generateContentRequest": {
            "contents": [{"role": "user", "parts": [{"text": ASKED}]}],
            "systemInstruction": {"parts": [{"text": BRIEF}]},
        }
    }
    url = f"{gateway.root}/v1beta/models/local:countTokens"
    answer = httpx.post(url, headers=headers, json=body)
    assert answer.json() == {"totalTokens": counted}
    options = types.HttpOptions(base_url=gateway.root)
    google = genai.Client(api_key=client.api_key, http_options=options)
    told = google.models.count_tokens(model="local", contents=ASKED)
    assert told.sdk_http_response.headers["x-turnout-count"] == "backend"
    assert told.total_tokens > 0


@pytest.mark.parametrize("model", ["moe", "claude", "gemini", "nothing"])
def test_where_no_server_counts_it_is_an_estimate_and_no_error(client, model):
    """No such endpoint, nobody there, another answer, no such model."""
    messages = [{"role": "user", "content": "x" * 400}]
    told = client.messages.with_raw_response.count_tokens(model=model, messages=messages)
    assert told.headers["x-turnout-count"] == "estimate"
    assert told.parse().input_tokens == 100
