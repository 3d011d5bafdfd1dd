"""A verified cascade seen from outside: one answer, one bill for all steps."""

import asyncio
import json

import httpx
import patience
import pytest
import turnoutkit
from patience import until

HELLO = [{"role": "user", "content": "Say hello to a new colleague."}]


def _ask(gateway, *, key: str = "", **more: object) -> httpx.Response:
    return patience.post(
        f"{gateway.url}/chat/completions",
        json={"model": "careful", "messages": HELLO} | more,
        headers={"authorization": f"Bearer {key or gateway.key('enterprise')}"},
    )


def _run(gateway, *words: str) -> str:
    return turnoutkit.run(words[0], "--config", gateway.config, *words[1:]).stdout


def _booked(gateway, organization: str) -> dict:
    """The one request of a customer, as the books have it once it is settled."""
    wanted = ("--by", "backend", "--organization", organization, "--format", "json")
    (row,) = until(lambda: json.loads(_run(gateway, "usage", *wanted))["rows"])
    return row


def test_an_empty_answer_is_passed_over_and_both_legs_are_on_the_bill(gateway):
    name = 'turnout_cascade_checks_total{verifier="not_empty"}'
    before = gateway.counts()[name]
    answer = _ask(gateway)
    assert answer.status_code == 200
    assert answer.headers["x-turnout-backend"] == "premium"
    usage = answer.json()["usage"]
    alone = (usage["prompt_tokens"] * 5 + usage["completion_tokens"] * 30) / 1e6
    rejected_cost = (10 * 0.3 + 2 * 1.2) / 1e6
    assert float(answer.headers["x-turnout-cost-usd"]) == pytest.approx(alone + rejected_cost)
    assert gateway.counts()[name] == before + 1


async def test_a_stream_goes_down_the_cascade_too(gateway):
    answer = _ask(gateway, stream=True)
    assert answer.headers["x-turnout-backend"] == "premium"
    assert answer.text.rstrip().endswith("data: [DONE]")
    assert '"model":"mute"' not in answer.text.replace(" ", "")
    await gateway.until_idle("premium")
    assert gateway.open_holds() == 0


def test_the_savings_say_how_often_a_verifier_fired_and_what_it_cost(gateway):
    key = gateway.new_key("enterprise", organization="counts-checks")
    assert _ask(gateway, key=key).status_code == 200
    _booked(gateway, "counts-checks")
    result = json.loads(_run(gateway, "savings", "--format", "json"))["cascades"]
    fired = {line["verifier"]: line for line in result}["not_empty"]
    rejected_cost = round((10 * 0.3 + 2 * 1.2) * 10**6)
    assert fired["rejected_pico"] == fired["requests"] * rejected_cost
    assert fired["saved_pico"] == -fired["rejected_pico"]
    assert "not_empty" in _run(gateway, "savings")


def _checked(gateway, route: str) -> set[float]:
    """The scores that the checks of a route's cascade gave, once there are any."""

    def mine() -> set[float]:
        lines = map(json.loads, _run(gateway, "outcomes").splitlines())
        return {one["score"] for one in lines if (one["route"], one["by"]) == (route, "cascade")}

    return until(mine)


def test_the_loop_learns_from_checks_that_pass_as_from_those_that_fail(gateway):
    assert _ask(gateway, model="checked").headers["x-turnout-backend"] == "moe"
    assert _ask(gateway).headers["x-turnout-backend"] == "premium"
    assert _checked(gateway, "checked") == {1.0}
    assert _checked(gateway, "careful") == {0.0}


def test_a_judge_sends_an_answer_on_and_is_on_the_bill(gateway):
    name = 'turnout_cascade_checks_total{verifier="judge"}'
    before = gateway.counts()[name]
    answer = _ask(gateway, model="judged")
    assert answer.headers["x-turnout-backend"] == "premium"
    usage = answer.json()["usage"]
    alone = (usage["prompt_tokens"] * 5 + usage["completion_tokens"] * 30) / 1e6
    judging = 12 * 90 / 1e6
    assert float(answer.headers["x-turnout-cost-usd"]) > alone + judging
    assert gateway.counts()[name] == before + 1


def test_an_answer_paid_for_in_vain_is_charged_though_no_other_came(gateway):
    key = gateway.new_key("enterprise", organization="in-vain")
    answer = _ask(gateway, key=key, model="in-vain", stream=True)
    assert answer.status_code == 502
    row = _booked(gateway, "in-vain")
    assert (row["backend"], row["requests"]) == ("breaks", 1)
    assert row["input_tokens"] > 0
    assert float(row["cost_usd"]) == pytest.approx(
        (row["input_tokens"] + row["output_tokens"]) / 1e6
    )


async def test_a_client_that_leaves_during_the_second_answer_pays_for_the_first(gateway):
    key = gateway.new_key("enterprise", organization="impatient")
    body = {"model": "waits", "messages": HELLO}
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(timeout=patience.LONGEST_SECONDS) as client:
        url = f"{gateway.url}/chat/completions"
        asking = asyncio.create_task(client.post(url, json=body, headers=headers))
        await asyncio.to_thread(gateway.until_asked, "stuck")
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    row = _booked(gateway, "impatient")
    assert (row["backend"], row["output_tokens"]) == ("stuck", 2)
    rejected_cost = (10 * 0.3 + 2 * 1.2) / 1e6
    assert float(row["cost_usd"]) == pytest.approx(
        rejected_cost + (row["input_tokens"] - 10) * 5 / 1e6
    )
