"""Clients that leave mid-stream: nothing stays reserved or open, the charge is right."""

import asyncio
import json

import httpx
import pytest
from patience import LONGEST_SECONDS

STREAMS = 50
READ = 8


def _content(line: str) -> str:
    return json.loads(line.removeprefix("data: "))["choices"][0]["delta"].get("content") or ""


async def _cut(client: httpx.AsyncClient, gateway, key: str) -> int:
    """Read some events of a long stream, then leave; return how many content events were seen."""
    body = {
        "model": "premium",
        "stream": True,
        "max_tokens": 400,
        "messages": [{"role": "user", "content": "Tell a long story. " * 10}],
    }
    seen = 0
    async with client.stream(
        "POST",
        f"{gateway.url}/chat/completions",
        json=body,
        headers={"authorization": f"Bearer {key}"},
    ) as response:
        assert response.status_code == 200
        async for line in response.aiter_lines():
            seen += line.startswith("data: {") and bool(_content(line))
            if seen >= READ:
                break
    return seen


async def test_fifty_streams_cut_by_their_clients_are_closed_settled_and_charged_right(gateway):
    key = gateway.new_key("enterprise", organization="cutters")
    before, sent = gateway.counts(), gateway.pieces_sent("premium")
    limits = httpx.Limits(max_connections=STREAMS)
    async with httpx.AsyncClient(limits=limits, timeout=LONGEST_SECONDS) as client:
        seen = await asyncio.gather(*(_cut(client, gateway, key) for _ in range(STREAMS)))
    counts = await gateway.until_idle("premium")
    assert all(number >= READ for number in seen)
    assert gateway.open_holds() == 0
    outcomes = 'turnout_outcomes_total{backend="premium",outcome="disconnected"}'
    assert counts[outcomes] - before.get(outcomes, 0) == STREAMS
    charged = 'turnout_tokens_total{backend="premium",direction="output"}'
    output = counts[charged] - before.get(charged, 0)
    assert sum(seen) <= output  # what was on its way counts too
    assert output <= gateway.pieces_sent("premium") - sent < 400 * STREAMS


async def test_a_client_that_leaves_before_the_first_byte_leaves_nothing_behind(gateway):
    key = gateway.new_key("enterprise", organization="leaves-a-stream")
    body = {"model": "stalls", "messages": [{"role": "user", "content": "hello"}]}
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post(
                f"{gateway.url}/chat/completions",
                json=body,
                headers={"authorization": f"Bearer {key}"},
                timeout=0.3,
            )
    await gateway.until_idle("stalls")
    assert gateway.open_holds() == 0
