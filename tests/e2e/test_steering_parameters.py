"""A real llama.cpp obeys more than its protocol says; here it writes what is held."""

import json

import httpx
import pytest

from router.protocols.known_keys import OTHER_NUMBERS
from router.protocols.parameters import STEERING

PROMPT = "Count from one to a hundred:"
# What each is set to, so that a server that obeyed would write more, or otherwise.
VALUES = {"options": {"num_predict": 40}, "extra_body": {"n_predict": 40}, "lora": [{"id": 0}]}
NAMES = sorted({*OTHER_NUMBERS, *STEERING, "MIN_TOKENS", *VALUES} - {"max_completion_tokens"})
LIMIT = 2


@pytest.fixture(scope="module")
def client(gateway):
    headers = {"authorization": f"Bearer {gateway.key('enterprise')}"}
    with httpx.Client(base_url=gateway.url, headers=headers, timeout=60) as client:
        yield client


def asked(client, path: str, **fields) -> httpx.Response:
    text = {"prompt": PROMPT} if path == "/completions" else {}
    text = text or {"messages": [{"role": "user", "content": PROMPT}]}
    body = {"model": "local", "max_tokens": LIMIT, "temperature": 0} | text | fields
    return client.post(path, json=body)


def test_asked_directly_it_lets_a_second_limit_overrule_the_first(llama_server):
    body = {"prompt": PROMPT, "max_tokens": LIMIT, "n_predict": 20, "temperature": 0}
    answer = httpx.post(f"{llama_server}/completions", json=body, timeout=60)
    assert answer.json()["usage"]["completion_tokens"] > LIMIT


@pytest.mark.parametrize("path", ["/completions", "/chat/completions"])
def test_through_the_gateway_nothing_makes_it_write_more_than_was_held(client, path):
    refused = 0
    for name in NAMES:
        answer = asked(client, path, **{name: VALUES.get(name, 40)})
        if answer.status_code == 400:
            refused += 1
            assert answer.json()["error"]["param"].endswith(("n_predict", "num_predict", name))
        else:
            assert answer.json()["usage"]["completion_tokens"] <= LIMIT + 1, name
    assert refused > len(NAMES) * 0.9


@pytest.mark.parametrize("path", ["/completions", "/chat/completions"])
def test_what_it_documents_and_holds_nobody_back_goes_through(client, path):
    harmless = {"repeat_penalty": 1.1, "top_k": 5, "min_p": 0.1, "cache_prompt": True, "seed": 1}
    answer = asked(client, path, **harmless, n_probs=0, mirostat=0, samplers=["top_k"])
    assert answer.status_code == 200, json.dumps(answer.json())
    assert answer.json()["usage"]["completion_tokens"] == LIMIT
