"""Texts are taken apart by the one backend that was chosen: vLLM's form, and a real llama.cpp."""

import httpx
import pytest
from gatewaykit import booked


def post(gateway, path: str, key: str = "", **body) -> httpx.Response:
    headers = {"authorization": f"Bearer {key or gateway.key('enterprise')}"}
    return httpx.post(gateway.root + path, headers=headers, json=body)


def test_a_real_server_tells_its_tokens_and_their_text(gateway):
    answer = post(gateway, "/tokenize", model="local", content="Hello there", add_special=False)
    assert answer.headers["x-turnout-backend"] == "local"
    tokens = answer.json()["tokens"]
    assert tokens
    back = post(gateway, "/detokenize", model="local", tokens=tokens)
    assert back.json() == {"content": "Hello there"}


def test_vllms_form_goes_through(gateway):
    answer = post(gateway, "/tokenize", model="counter", prompt="abc")
    assert answer.json() == {"count": 3, "max_model_len": 4096, "tokens": [97, 98, 99]}
    messages = [{"role": "user", "content": "Hi"}]
    assert post(gateway, "/tokenize", model="counter", messages=messages).json()["count"] > 2
    assert post(gateway, "/detokenize", model="counter", tokens=[97]).json() == {"prompt": "a"}


def test_the_route_chooses_one_backend(gateway):
    answer = post(gateway, "/tokenize", model="tokens", prompt="abc")
    assert answer.headers["x-turnout-backend"] == "counter"


def test_tokens_cost_nothing_and_count_as_a_request(gateway):
    key = gateway.new_key("enterprise", organization="counters")
    post(gateway, "/tokenize", key, model="local", content="x" * 10_000)
    row = booked(gateway, "counters")
    assert (row["requests"], row["input_tokens"], float(row["cost_usd"])) == (1, 0, 0)


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/tokenize", {"model": "counter"}, "prompt"),
        ("/tokenize", {"prompt": "x"}, "model"),
        ("/tokenize", {"model": "moe", "prompt": "x"}, "model"),
        ("/detokenize", {"model": "counter"}, "tokens"),
    ],
)
def test_what_is_wrong_is_named(gateway, path, body, param):
    answer = post(gateway, path, **body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
