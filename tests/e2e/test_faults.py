"""Backends in trouble, seen through the official client: the right class, once, with no leak."""

import asyncio
from functools import partial

import httpx
import openai
import patience
import pytest
from openai import OpenAI

HELLO = [{"role": "user", "content": "Say hello."}]


@pytest.fixture
def client(gateway):
    key = gateway.key("enterprise")
    with OpenAI(base_url=gateway.url, api_key=key, max_retries=0) as made:
        yield made


def test_a_backend_that_is_not_there_is_passed_over_before_the_first_byte(client):
    raw = client.chat.completions.with_raw_response.create(model="falls-back", messages=HELLO)
    assert raw.headers["x-turnout-backend"] == "moe"
    assert raw.parse().choices[0].message.content


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [("broken", 502, "upstream_failed"), ("slow", 504, "upstream_timeout")],
)
def test_trouble_of_every_candidate_is_a_5xx_of_the_gateway_and_costs_nothing(
    client, gateway, model, status, code
):
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model=model, messages=HELLO)
    assert caught.value.status_code == status
    assert caught.value.code == code
    counts = gateway.counts()
    assert counts['turnout_outcomes_total{backend="",outcome="failed"}'] >= 1
    gateway.until(lambda: gateway.open_holds() == 0)


async def test_a_stream_that_breaks_ends_with_one_error_event_and_is_charged(client, gateway):
    stream = client.chat.completions.create(model="breaks", messages=HELLO, stream=True)
    parts: list[str] = []
    with pytest.raises(openai.APIError) as caught:
        parts.extend(chunk.choices[0].delta.content or "" for chunk in stream)
    assert "".join(parts)
    assert caught.value.body["code"] == "stream_broken"
    counts = await gateway.until_idle("breaks")
    assert counts['turnout_tokens_total{backend="breaks",direction="output"}'] >= 3
    assert counts['turnout_outcomes_total{backend="breaks",outcome="cut"}'] >= 1


def test_nothing_of_a_prompt_or_a_key_reaches_logs_or_metrics(client, gateway):
    canary = "canary-7f3e91"
    message = [{"role": "user", "content": f"Remember {canary}"}]
    for model in ("premium", "broken", "nowhere"):
        with pytest.raises(openai.APIError) if model != "premium" else _nothing():
            client.chat.completions.create(model=model, messages=message, user=canary)
    log = (gateway.folder / "gateway.log").read_text()
    metrics = patience.get(f"{gateway.root}/metrics").text
    for secret in (canary, gateway.key("enterprise")):
        assert secret not in log
        assert secret not in metrics


def _nothing():
    return httpx.Client()


async def test_a_concurrency_limit_counts_requests_in_flight_and_lets_go_of_them(gateway):
    key = gateway.new_key("pair", organization="two-at-once")
    body = {"model": "stalls", "messages": HELLO}
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(timeout=patience.LONGEST_SECONDS) as client:
        for _ in range(2):
            ask = partial(client.post, f"{gateway.url}/chat/completions")
            asking = [asyncio.create_task(ask(json=body, headers=headers)) for _ in range(2)]
            await asyncio.to_thread(gateway.until, lambda: gateway.open_holds() == 2)
            assert (await ask(json=body, headers=headers)).status_code == 429
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
            await asyncio.to_thread(gateway.until, lambda: gateway.open_holds() == 0)
