"""Runs of agents at a running gateway: named, counted, turned to cheaper backends, ended."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import turnoutkit
from gatewaykit import RunningGateway, start_gateway
from modelservers import in_thread
from patience import LONGEST_SECONDS
from ports import free_port

from router.simulator.server import Profile, Simulator

POLICY = """\
version: 1
routes:
  auto:
    candidates: [local, premium]
    objective: fixed
    fixed: premium
    rules:
      - name: a-run-that-nears-its-end
        when: run.used_share >= 0.8
        fixed: local
      - name: a-run-in-a-loop
        when: run.repeats >= 3
        fixed: local
tiers:
  agents:
    per_run: {requests: 5, most_open: 40}
    when_exhausted: {downgrade: [local]}
  strict: {per_run: {repeats: 2}}
  named: {require: [run]}
  plain: {requests_per_day: 100}
"""
CHAT = {"max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
RESPONSE = {"max_output_tokens": 9, "input": "Hi"}
BODIES = {"/chat/completions": CHAT, "/responses": RESPONSE, "/messages": CHAT}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    folder, port = tmp_path_factory.mktemp("runs"), free_port()
    with in_thread(Simulator("moe", Profile(first_token=0.0, per_token=0.0))) as url:
        price = {"input": 1, "output": 1}
        backend = {"base_url": url, "model": "simulated-moe", "price": price, "simulated": True}
        config = {
            **{"version": 1, "listen": f"127.0.0.1:{port}", "policy": "runs.yaml", "data": "data"},
            "stop": {"notice": None},
            "backends": {"local": backend, "premium": backend},
        }
        (folder / "runs.yaml").write_text(POLICY)
        process = start_gateway(folder, json.dumps(config))
        running = RunningGateway(folder, port, {})
        try:
            running.until_ready(process)
            yield running
        finally:
            process.terminate()
            process.wait(LONGEST_SECONDS)


def ask(
    gateway: RunningGateway,
    key: str,
    headers: dict[str, str] | None = None,
    path: str = "/chat/completions",
    **more: Any,
) -> httpx.Response:
    return httpx.post(
        f"{gateway.url}{path}",
        json=BODIES[path] | {"model": "auto"} | more,
        headers={"authorization": f"Bearer {key}", **(headers or {})},
        timeout=LONGEST_SECONDS,
    )


def test_a_run_turns_to_what_is_cheaper_at_four_fifths_and_then_ends_with_words_for_its_agent(
    gateway: RunningGateway,
) -> None:
    key, run = gateway.new_key("agents", "acme"), {"x-turnout-run-id": "nightly"}
    answers = [ask(gateway, key, run, user=f"{n}") for n in range(6)]
    assert [each.headers.get("x-turnout-backend") for each in answers] == [
        *["premium"] * 4, "local", None,
    ]  # fmt: skip
    used = [each.headers["x-turnout-run-used"] for each in answers[:5]]
    assert used == ["0.200", "0.400", "0.600", "0.800", "1.000"]
    for path in BODIES:
        refused = ask(gateway, key, run, path)
        assert refused.status_code == 429
        assert refused.headers["x-should-retry"] == "false"
        assert refused.headers["x-turnout-limit"] == "run:requests"
        error = refused.json()["error"]
        assert "This run's budget is used up: 5 of 5 requests. Stop, or ask" in error["message"]
        assert path == "/messages" or error["code"] == "insufficient_quota"
    child = {"x-turnout-run-id": "helper", "x-turnout-parent-run-id": "nightly"}
    assert ask(gateway, key, child).status_code == 429
    assert ask(gateway, key, {"x-turnout-run-id": "another"}).status_code == 200
    assert ask(gateway, key).status_code == 200  # of no run


CLAUDE = {"device_id": "d", "account_uuid": "", "session_id": "s3"}


@pytest.mark.parametrize(
    ("path", "headers", "body", "name"),
    [
        ("/chat/completions", {"x-turnout-run-id": "r0"}, {}, "r0"),
        ("/chat/completions", {}, {"metadata": {"run_id": "r1"}}, "r1"),
        ("/responses", {}, {"metadata": {"run_id": "r2"}}, "r2"),
        ("/messages", {"x-claude-code-session-id": "s1"}, {}, "s1"),
        ("/messages", {}, {"metadata": {"user_id": "user_1_account__session_s2"}}, "s2"),
        ("/messages", {}, {"metadata": {"user_id": json.dumps(CLAUDE)}}, "s3"),
        ("/responses", {"session_id": "c1"}, {}, "c1"),
        ("/responses", {"session-id": "c2"}, {}, "c2"),
        ("/responses", {}, {"prompt_cache_key": "shared"}, None),
    ],
)
def test_a_run_is_known_by_what_its_agent_sends(
    gateway: RunningGateway, path: str, headers: dict[str, str], body: Any, name: str | None
) -> None:
    answer = ask(gateway, gateway.new_key("agents", "names"), headers, path, **body)
    assert answer.status_code == 200
    assert answer.headers.get("x-turnout-run") == name


def test_what_does_not_print_is_named_by_its_hash_and_what_is_wrong_is_a_400(
    gateway: RunningGateway,
) -> None:
    key = gateway.new_key("agents", "odd")
    long = ask(gateway, key, {"x-turnout-run-id": "x" * 200}).headers["x-turnout-run"]
    assert len(long) == 33
    assert long.startswith("#")
    for headers, body in (
        ({"x-turnout-run-budget": "usd=1"}, {}),
        ({"x-turnout-run-id": ""}, {}),
        ({"x-turnout-run-id": "r", "x-turnout-run-budget": "euro=1"}, {}),
        ({"x-turnout-run-id": "r", "x-turnout-run-budget": "usd=-1"}, {}),
        ({"x-turnout-run-id": "r", "x-turnout-run-budget": "calls=1.5"}, {}),
        ({}, {"metadata": {"run_id": 7}}),
    ):
        refused = ask(gateway, key, headers, **body)
        assert refused.status_code == 400, (headers, body)
    limited = {"x-turnout-run-id": "r", "x-turnout-run-budget": "usd=0.5, calls=1"}
    assert ask(gateway, key, limited).status_code == 200
    assert ask(gateway, key, {"x-turnout-run-id": "r"}).status_code == 429


def test_a_loop_of_equal_requests_is_told_and_a_policy_may_act_and_a_tier_may_end_it(
    gateway: RunningGateway,
) -> None:
    key, run = gateway.new_key("agents", "loops"), {"x-turnout-run-id": "loop"}
    answers = [ask(gateway, key, run) for _ in range(4)]
    told = [each.headers.get("x-turnout-run-repeats") for each in answers]
    assert told == [None, None, "3", "4"]
    backends = [each.headers["x-turnout-backend"] for each in answers]
    assert backends == ["premium", "premium", "premium", "local"]
    strict = gateway.new_key("strict", "strict")
    assert [ask(gateway, strict, run).status_code for _ in range(3)] == [200, 200, 429]
    assert ask(gateway, strict, run).json()["error"]["code"] == "repeated_request"
    assert ask(gateway, strict, run, user="another").status_code == 200


def test_usage_and_ledger_tell_what_a_run_was(gateway: RunningGateway) -> None:
    key = gateway.new_key("agents", "books")
    for run in ("first", "first", "second"):
        assert ask(gateway, key, {"x-turnout-run-id": run}).status_code == 200
    words = ("--by", "run", "--organization", "books", "--format", "json")

    def used() -> dict[str, int]:
        done = turnoutkit.run("usage", "--config", gateway.config, *words)
        return {row["run"]: row["requests"] for row in json.loads(done.stdout)["rows"]}

    gateway.until(lambda: used() == {"first": 2, "second": 1})
    show = ("ledger", "show", "--config", gateway.config, "--json", "r:books/first")
    shown = json.loads(turnoutkit.run(*show).stdout)
    counts = {each["dimension"]: each for each in shown["counts"]}
    assert shown["level"] == "run"
    assert counts["requests"]["used"] == 2
    check = turnoutkit.run("ledger", "check", "--config", gateway.config)
    assert check.stdout.endswith("no drift\n")


def test_a_tier_without_runs_takes_no_notice_of_them(gateway: RunningGateway) -> None:
    key = gateway.new_key("plain", "plain")
    answer = ask(gateway, key, {"x-turnout-run-id": "r", "x-turnout-run-budget": "nonsense"})
    assert answer.status_code == 200
    assert "x-turnout-run" not in answer.headers


def test_a_keys_own_purse_is_the_lower_of_both_and_its_tier_may_ask_for_the_run(
    gateway: RunningGateway,
) -> None:
    gateway.new_key("named", "sold")
    own = ("--limit", "per_run.requests=2", "--organization", "sold", "--tier", "named")
    key = turnoutkit.run("keys", "create", "--config", gateway.config, *own).stdout.strip()
    gateway.until(lambda: ask(gateway, key, path="/responses").status_code == 400)
    for path in BODIES:
        refused = ask(gateway, key, path=path)
        assert refused.status_code == 400
        assert "x-turnout-run-id" in refused.json()["error"]["message"]
    answers = [ask(gateway, key, {"x-turnout-run-id": "one"}) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert answers[2].headers["x-turnout-limit"] == "run:requests"
    assert answers[1].headers["x-turnout-run-used"] == "1.000"


def test_a_customer_reads_what_its_run_has_left_and_a_child_its_parents_purse(
    gateway: RunningGateway,
) -> None:
    key = gateway.new_key("agents", "readers")
    lowered = {"x-turnout-run-id": "root", "x-turnout-run-budget": "calls=4, usd=0.5"}
    child = {"x-turnout-run-id": "child", "x-turnout-parent-run-id": "root"}
    for headers in (lowered, child):
        assert ask(gateway, key, headers).status_code == 200

    def told(run: str) -> dict[str, tuple[object, int | str]]:
        bearer = {"authorization": f"Bearer {key}"}
        answer = httpx.get(
            f"{gateway.url}/limits", params={"run": run} if run else {}, headers=bearer
        )
        assert answer.status_code == 200
        rows = [each for each in answer.json()["data"] if each["level"] == "run"]
        return {each["limit"]: (each["most"], each["remaining"]) for each in rows}

    gateway.until(lambda: told("child").get("requests") == (4, 2))
    assert told("root") == told("child")
    assert told("root")["usd"][0] == "0.5"
    assert told("root").keys() == {"requests", "usd"}  # what nothing bounds is not told
    assert told("another")["requests"] == (5, 5)
    assert told("") == {}
