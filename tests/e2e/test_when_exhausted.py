"""A tier softer than a 429: beyond its budget it is downgraded, and for a rate it waits."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import turnoutkit
from gatewaykit import RunningGateway, start_gateway
from modelservers import in_thread
from patience import LONGEST_SECONDS
from ports import free_port

from router.simulator.server import Profile, Simulator

ANSWER = {"max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
POLICY = """\
version: 1
routes:
  auto: {candidates: [local, premium], objective: fixed, fixed: premium}
tiers:
  daily:
    requests_per_day: 2
    requests_per_minute: 100
    when_exhausted: {downgrade: [local], limits: {requests_per_day: 2}}
  prepaid:
    prepaid_usd: true
    when_exhausted: {downgrade: [local], limits: {requests_per_day: 9}}
  patient: {requests_per_second: 1, when_exhausted: {queue: {max_wait: 60s}}}
  hasty: {requests_per_minute: 1, when_exhausted: {queue: {max_wait: 100ms}}}
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory) -> Iterator[RunningGateway]:
    folder, port = tmp_path_factory.mktemp("exhausted"), free_port()
    with in_thread(Simulator("moe", Profile(first_token=0.0, per_token=0.0))) as url:
        price = {"input": 1, "output": 1}
        backend = {"base_url": url, "model": "simulated-moe", "price": price, "simulated": True}
        config = {
            **{"version": 1, "listen": f"127.0.0.1:{port}", "policy": "soft.yaml", "data": "data"},
            "stop": {"notice": None},
            "backends": {"local": backend, "premium": backend},
        }
        (folder / "soft.yaml").write_text(POLICY)
        process = start_gateway(folder, json.dumps(config))
        running = RunningGateway(folder, port, {})
        try:
            running.until_ready(process)
            yield running
        finally:
            process.terminate()
            process.wait(LONGEST_SECONDS)


def ask(gateway: RunningGateway, key: str, model: str = "auto") -> httpx.Response:
    return httpx.post(
        f"{gateway.url}/chat/completions",
        json=ANSWER | {"model": model},
        headers={"authorization": f"Bearer {key}"},
        timeout=LONGEST_SECONDS,
    )


def said(answer: httpx.Response) -> tuple[int, str, str]:
    headers = answer.headers
    return (
        answer.status_code,
        headers.get("x-turnout-backend", ""),
        headers.get("x-turnout-when-exhausted", ""),
    )


def used(gateway: RunningGateway, organization: str) -> dict[str, int]:
    """Requests of an organization, by tier."""
    words = ("--by", "tier", "--organization", organization, "--format", "json")
    done = turnoutkit.run("usage", "--config", gateway.config, *words)
    return {row["tier"]: row["requests"] for row in json.loads(done.stdout)["rows"]}


def test_beyond_its_budget_a_tier_is_served_by_what_it_is_downgraded_to_and_by_its_own_limit(
    gateway: RunningGateway,
) -> None:
    key = gateway.new_key("daily", "acme")
    answers = [said(ask(gateway, key)) for _ in range(5)]
    softer = (200, "local", "downgraded organization:requests_per_day")
    assert answers == [(200, "premium", "")] * 2 + [softer] * 2 + [(429, "", "")]
    gateway.until(lambda: used(gateway, "acme") == {"daily": 2, "daily (exhausted)": 2})
    check = turnoutkit.run("ledger", "check", "--config", gateway.config)
    assert check.stdout.endswith("no drift\n")


def test_who_names_a_backend_that_is_not_beyond_its_budget_gets_the_429_that_there_was(
    gateway: RunningGateway,
) -> None:
    key = gateway.new_key("daily", "names")
    for _ in range(2):
        assert ask(gateway, key).status_code == 200
    refused = ask(gateway, key, "premium")
    assert said(refused) == (429, "", "")
    assert refused.json()["error"]["code"] == "insufficient_quota"
    assert said(ask(gateway, key, "local"))[:2] == (200, "local")


def test_an_empty_balance_is_served_for_nothing_within_the_limit_of_what_is_downgraded(
    gateway: RunningGateway,
) -> None:
    key = gateway.new_key("prepaid", "poor")
    softer = (200, "local", "downgraded organization:prepaid_usd")
    assert said(ask(gateway, key)) == softer


def test_who_may_wait_for_a_rate_is_served_late_instead_of_refused(
    gateway: RunningGateway,
) -> None:
    key = gateway.new_key("patient", "patient")
    with ThreadPoolExecutor(4) as clients:
        answers = [said(one) for one in clients.map(lambda _: ask(gateway, key), range(4))]
    assert [status for status, _, _ in answers] == [200] * 4
    assert sum(soft.startswith("queued ") for _, _, soft in answers) == 3


def test_whose_limit_frees_up_too_late_is_refused_at_once(gateway: RunningGateway) -> None:
    key = gateway.new_key("hasty", "hasty")
    assert said(ask(gateway, key)) == (200, "premium", "")
    refused = ask(gateway, key)
    assert said(refused) == (429, "", "")
    assert int(refused.headers["retry-after-ms"]) > 1_000
