"""A verified cascade seen from outside: one answer, one bill for both legs."""

import httpx
import pytest

HELLO = [{"role": "user", "content": "Say hello to a new colleague."}]


def _ask(gateway, **more: object) -> httpx.Response:
    return httpx.post(
        f"{gateway.url}/chat/completions",
        json={"model": "careful", "messages": HELLO} | more,
        headers={"authorization": f"Bearer {gateway.key('enterprise')}"},
        timeout=30,
    )


def test_an_empty_answer_is_passed_over_and_both_legs_are_on_the_bill(gateway):
    name = 'turnout_cascade_checks_total{verifier="not_empty"}'
    before = gateway.counts()[name]
    answer = _ask(gateway)
    assert answer.status_code == 200
    assert answer.headers["x-turnout-backend"] == "premium"
    usage = answer.json()["usage"]
    alone = (usage["prompt_tokens"] * 5 + usage["completion_tokens"] * 30) / 1e6
    leg = (10 * 0.3 + 2 * 1.2) / 1e6
    assert float(answer.headers["x-turnout-cost-usd"]) == pytest.approx(alone + leg)
    assert gateway.counts()[name] == before + 1


async def test_a_stream_goes_down_the_cascade_too(gateway):
    answer = _ask(gateway, stream=True)
    assert answer.headers["x-turnout-backend"] == "premium"
    assert answer.text.rstrip().endswith("data: [DONE]")
    assert '"model":"mute"' not in answer.text.replace(" ", "")
    await gateway.until_idle("premium")
    assert gateway.open_holds() == 0
