"""A real gateway, one backend, a customer whose prompts are told to come back later."""

from pathlib import Path

import httpx
import pytest
from edgekit import live_edge
from trust.figures import Figures

HEALTHY = 'turnout_backend_healthy{backend="m"}'


@pytest.mark.parametrize("status", [429, 503])
def test_a_prompt_that_is_told_to_come_back_later_rests_the_key_for_nobody_else(
    tmp_path: Path, status: int, figures: Figures
) -> None:
    model = f"simulated?fault=status&status={status}&retry_after=600&only=bad"
    stop = {"notice": None}
    with live_edge(tmp_path, {}, model, stop=stop) as gateway, httpx.Client() as client:
        keys = [gateway.new_key("enterprise", name) for name in ("attacker", "other", "third")]

        def ask(key: str, text: str) -> httpx.Response:
            body = {"model": "auto", "messages": [{"role": "user", "content": text}]}
            headers = {"authorization": f"Bearer {key}"}
            address = f"{gateway.url}/chat/completions"
            return client.post(address, json=body, headers=headers, timeout=60.0)

        for _ in range(100):
            refused = ask(keys[0], "bad")
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) > 500
            served = [ask(key, "good").status_code for key in keys[1:]]
            figures.add("requests of others", 2)
            figures.add("lost", sum(status != 200 for status in served))
            assert served == [200, 200]
        assert gateway.counts()[HEALTHY] == 1.0
        assert [ask(key, "bad").status_code for key in keys[1:]] == [503, 503]
        assert gateway.counts()[HEALTHY] == 0.0  # two were told: now it is the key's
