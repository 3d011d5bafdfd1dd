"""Why was I denied, what did I use: two gateways of one ledger and one database answer alike."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import patience
import pytest
import turnoutkit
from click.testing import CliRunner
from gatewaykit import RunningGateway, start_gateway
from modelservers import in_thread
from patience import LONGEST_SECONDS
from ports import free_port

from router.cli.explain import explain
from router.simulator.server import Profile, Simulator

ANSWER = {"max_tokens": 9, "messages": [{"role": "user", "content": "my secret plan"}]}
POLICY = """\
version: 1
routes:
  auto: {candidates: [moe], objective: fixed}
  shaky: {candidates: [gone, moe], objective: fixed, fixed: gone}
tiers:
  pro: {requests_per_minute: 1000, usd_per_month: 5, per_user: {requests_per_day: 4}}
  tiny: {requests_per_day: 2}
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> Iterator[tuple[RunningGateway, RunningGateway]]:
    """Both serve from one data folder; only the first one writes a decision log."""
    root = tmp_path_factory.mktemp("pair")
    with ExitStack() as stack:
        url = stack.enter_context(
            in_thread(Simulator("moe", Profile(first_token=0.0, per_token=0.0)))
        )
        price = {"input": 1, "output": 2}
        moe = {"base_url": url, "model": "simulated-moe", "price": price, "simulated": True}
        gone = {"base_url": "http://127.0.0.1:9/v1", "model": "m", "price": price}
        running = []
        for name in ("first", "second"):
            folder, port = root / name, free_port()
            folder.mkdir()
            config = {
                **{"version": 1, "listen": f"127.0.0.1:{port}", "policy": "p.yaml"},
                **{"data": str(root / "data"), "stop": {"notice": None}},
                "backends": {"moe": moe, "gone": gone},
                "cors": {"origins": ["https://app.example"]},
            }
            if name == "first":
                config["decisions"] = {"to": "decisions.jsonl"}
            (folder / "p.yaml").write_text(POLICY)
            process = start_gateway(folder, json.dumps(config))
            stack.callback(process.wait, LONGEST_SECONDS)
            stack.callback(process.terminate)
            running.append((RunningGateway(folder, port, {}), process))
        for gateway, process in running:
            gateway.until_ready(process)
        yield running[0][0], running[1][0]


def ask(gateway: RunningGateway, key: str, model: str = "auto", **more) -> httpx.Response:
    return httpx.post(
        f"{gateway.url}/chat/completions",
        json=ANSWER | {"model": model} | more,
        headers={"authorization": f"Bearer {key}", "x-request-id": "my-own-id"},
        timeout=LONGEST_SECONDS,
    )


def read(gateway: RunningGateway, by: str, path: str, **query: object) -> httpx.Response:
    headers = {"authorization": f"Bearer {by}", "origin": "https://app.example"}
    return patience.get(f"{gateway.url}/{path}", headers=headers, params=query)


def usage(gateway: RunningGateway, by: str, **query: object) -> dict:
    """What `/v1/usage` says, once the key is known there and has not asked too often."""

    def told() -> dict | None:
        answer = read(gateway, by, "usage", **query)
        return answer.json() if answer.status_code == 200 else None

    return patience.until(told)


def logged(gateway: RunningGateway, ids: set[str]) -> list[dict]:
    """The lines of its decision log with these ids."""
    text = (gateway.folder.parent / "data" / "decisions.jsonl").read_text()
    return [line for line in map(json.loads, text.splitlines()) if line["id"] in ids]


def explained(gateway: RunningGateway, id_: str) -> dict:
    """What the command says there, once the other gateway has stored it."""

    def said() -> dict | None:
        done = CliRunner().invoke(explain, ["--id", id_, "--json", "--config", str(gateway.config)])
        return json.loads(done.stdout) if done.exit_code == 0 else None

    found = patience.until(said)
    assert found is not None
    return found


def test_a_decision_is_explained_at_the_gateway_that_did_not_take_it(pair) -> None:
    """Decision and outcome, cost, latency, tokens, and each try with why it failed."""
    first, second = pair
    answer = ask(first, first.new_key("pro"), "shaky")
    assert answer.status_code == 200
    told = explained(second, answer.headers["x-turnout-decision"])
    assert told["decision"]["route"] == "shaky"
    assert [one["backend"] for one in told["attempts"]] == ["gone", "moe"]
    assert told["attempts"][0]["failed"] == "connect"
    assert told["attempts"][0]["ms"] is not None
    outcome = told["outcome"]
    assert (outcome["end"], outcome["backend"]) == ("completed", "moe")
    assert outcome["cost_usd"] == answer.headers["x-turnout-cost-usd"]
    assert outcome["output_tokens"] == answer.json()["usage"]["completion_tokens"]
    assert outcome["latency_ms"] >= 0
    assert told["denial"] is None
    assert "secret" not in json.dumps(told)


def test_a_denial_is_explained_with_its_limit_and_counted_by_it(pair) -> None:
    """The 429 says by which id; any gateway then says limit, level, tier and wait."""
    first, second = pair
    key = first.new_key("tiny")
    answers = [ask(first, key) for _ in range(8)]
    denied = answers[-1]
    assert [one.status_code for one in answers] == [200] * 2 + [429] * 6
    assert denied.headers["x-turnout-limit"] == "organization:requests_per_day"
    told = explained(second, denied.headers["x-turnout-decision"])
    denial = told["denial"]
    assert (denial["limit"], denial["level"], denial["tier"]) == (
        "requests_per_day",
        "organization",
        "tiny",
    )
    assert 0 < denial["wait_ms"] <= 86_400_000
    assert denial["code"] == "insufficient_quota"
    assert denial["message"] in {one.json()["error"]["message"] for one in answers[2:]}
    assert told["decision"]["route"] == "auto"
    labels = '{level="organization",limit="requests_per_day",tier="tiny"}'
    assert first.counts()[f"turnout_denials_total{labels}"] == 6
    ids = {one.headers["x-turnout-decision"] for one in answers[2:]}
    first.until(lambda: sum(line["refused"]["count"] for line in logged(first, ids)) == 6)
    refused = logged(first, ids)
    assert {line["refused"]["limit"] for line in refused} == {"requests_per_day"}
    assert len(refused) < 6  # of one second, they are one line


def test_a_model_that_is_not_there_is_a_denial_with_an_id(pair) -> None:
    """What a policy refuses is found by the id of its answer, too."""
    first, second = pair
    answer = ask(first, first.new_key("pro"), "no-such-model")
    assert answer.status_code == 404
    told = explained(second, answer.headers["x-turnout-decision"])
    assert (told["denial"]["limit"], told["denial"]["level"]) == ("unknown_model", "policy")
    assert told["denial"]["status"] == 404


def test_a_customer_reads_its_limits_and_its_last_denials(pair) -> None:
    """With its own key, at any gateway: used, left, until when, and why it was denied."""
    first, second = pair
    key = first.new_key("tiny")
    second.until(lambda: read(second, key, "models").status_code == 200)
    for _ in range(3):
        ask(first, key)
    second.until(lambda: read(second, key, "limits").json()["denials"])
    answer = read(second, key, "limits")
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    told = answer.json()
    (limit,) = told["data"]
    assert (limit["limit"], limit["level"], limit["unit"]) == (
        "requests_per_day",
        "organization",
        "requests",
    )
    assert (limit["most"], limit["used"], limit["remaining"]) == (2, 2, 0)
    assert limit["until"] == limit["resets_at"]
    (denial,) = told["denials"]
    assert (denial["limit"], denial["code"]) == ("requests_per_day", "insufficient_quota")
    assert "attempts" not in denial
    other = read(second, second.new_key("tiny"), "limits").json()
    assert other["denials"] == []
    assert other["data"][0]["used"] == 0


def test_limits_of_money_and_of_end_users_are_read_in_their_units(pair) -> None:
    """USD as decimal text; an end user's limits where the user is named."""
    first, _ = pair
    key = first.new_key("pro")
    answer = ask(first, key, user="ann")
    first.until(lambda: "ann" and _limit(first, key, "usd_per_month")["held"] == "0")
    month = _limit(first, key, "usd_per_month")
    assert month["used"] == answer.headers["x-turnout-cost-usd"]
    assert month["most"] == "5"
    levels = {one["level"] for one in read(first, key, "limits").json()["data"]}
    assert levels == {"organization"}
    told = read(first, key, "limits", user="ann").json()["data"]
    assert [one["remaining"] for one in told if one["level"] == "user"] == [3]


def _limit(gateway: RunningGateway, key: str, name: str) -> dict:
    told = read(gateway, key, "limits").json()["data"]
    return next(one for one in told if one["limit"] == name)


def test_a_customer_reads_its_usage_and_nobody_elses(pair) -> None:
    """Sums by what is told apart, of the key's own organization."""
    first, second = pair
    key = first.new_key("pro", "reads-usage")
    second_key = first.new_key("pro", "reads-usage")
    costs = [ask(first, each).headers["x-turnout-cost-usd"] for each in (key, key, second_key)]
    second.until(lambda: read(second, key, "models").status_code == 200)
    whole = {"scope": "organization", "group_by": "key,model,backend"}
    second.until(lambda: len(read(second, key, "usage", **whole).json().get("data", ())) == 2)
    told = usage(second, key, group_by="model,backend")
    (row,) = told["data"]
    assert (row["model"], row["backend"], row["requests"]) == ("auto", "moe", 2)
    assert float(row["cost_usd"]) == pytest.approx(2 * float(costs[0]))
    assert told["total"]["requests"] == 2
    every = usage(second, key, **whole)
    assert every["total"]["requests"] == 3
    stranger = usage(second, first.new_key("pro"), scope="organization")
    assert stranger["data"] == []


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("usage", {"group_by": "price_version"}, 400),
        ("usage", {"since": "yesterday"}, 400),
        ("usage", {"since": "2026-03-02", "until": "2026-03-01"}, 400),
        ("usage", {"scope": "team"}, 400),
        ("usage", {"key": "another"}, 403),
        ("usage", {"organization": "acme"}, 400),
        ("limits", {"denials": "1000"}, 400),
    ],
)
def test_what_is_asked_wrongly_is_told_in_the_clients_own_words(pair, path, query, status) -> None:
    """A clear 4xx in OpenAI's envelope."""
    first, _ = pair
    answer = read(first, first.key("pro"), path, **query)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["message"]
    if len(query) == 1 and status == 400 and "scope" not in query and "group_by" not in query:
        assert error["message"].startswith(f"{next(iter(query))}: ")
    assert patience.get(f"{first.url}/{path}").status_code == 401


def test_an_id_that_nobody_knows_is_told(pair) -> None:
    """The command says what the id is, and why it may be gone."""
    first, _ = pair
    done = turnoutkit.run("explain", "--id", "0" * 32, "--config", first.config, check=False)
    assert done.returncode == 1
    assert "store_for" in done.stderr
