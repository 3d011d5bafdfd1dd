"""`explain` as an operator uses it."""

import json

import pytest
from policy_commands import run

from router.cli.explain import explain


def test_explain_from_flags():
    done = run(
        explain,
        "--policy",
        "balanced",
        "--tier",
        "free",
        "--success",
        "local=0.5,moe=0.8,premium=0.9",
    )
    assert done.exit_code == 0
    assert "matched     free-never-premium" in done.stdout
    assert "excluded premium" in done.stdout
    assert done.stdout.rstrip().endswith("moe: cheapest_capable: moe p=0.80 >= 0.60")


def test_explain_takes_costs_from_the_configuration(config):
    done = run(
        explain,
        "--config",
        config,
        "--tokens",
        1000,
        "--success",
        "local=0.5,moe=0.8,premium=0.9",
        "--json",
    )
    result = json.loads(done.stdout)
    assert result["outcome"] == "moe"
    assert {c["name"]: c["cost_usd"] for c in result["candidates"]}["moe"] == "0.00078"


def test_explain_expects_no_longer_an_answer_than_the_client_asks_for(config):
    few = (
        "--config",
        config,
        "--tokens",
        1000,
        "--max-tokens",
        100,
        "--success",
        "moe=0.8",
        "--json",
    )
    result = json.loads(run(explain, *few).stdout)
    assert {c["name"]: c["cost_usd"] for c in result["candidates"]}["moe"] == "0.00042"


def test_explain_a_past_decision(log):
    done = run(explain, "--policy", "balanced", "--log", log, "--id", "req-7")
    assert done.exit_code == 0
    assert "candidates" in done.stdout
    other = run(explain, "--policy", "agents", "--log", log, "--id", "req-7")
    assert "decided then by policy" in other.stderr
    missing = run(explain, "--policy", "balanced", "--log", log, "--id", "req-7000")
    assert missing.exit_code == 1
    assert "no decision req-7000" in missing.stderr


def test_explain_a_described_request(tmp_path):
    path = tmp_path / "request.yaml"
    path.write_text("tier: pro\nrequest: {pii: true}\nbackends: {moe: {success: 0.9}}\n")
    done = run(explain, "--policy", "balanced", "--request", path)
    assert done.stdout.rstrip().endswith("local: when_unknown: local, no success probabilities")
    path.write_text("tier: pro\nrequst: {pii: true}\n")
    wrong = run(explain, "--policy", "balanced", "--request", path)
    assert wrong.exit_code == 2
    assert "unknown key `requst`" in wrong.stderr


def test_explain_a_chat_request_classifies_it(config, tmp_path):
    path = tmp_path / "chat.json"
    body = {
        "model": "auto",
        "messages": [{"role": "user", "content": "My card is 4111 1111 1111 1111"}],
    }
    path.write_text(json.dumps(body))
    done = run(explain, "--config", config, "--request", path, "--tier", "pro", "--json")
    result = json.loads(done.stdout)
    assert result["outcome"] == "local"
    assert all(0.0 < c["success"] < 1.0 for c in result["candidates"])
    assert run(explain, "--policy", "balanced", "--request", path).exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [[], ["--policy", "balanced", "--success", "moe"], ["--policy", "balanced", "--id", "x"]],
)
def test_explain_says_what_is_missing(arguments):
    done = run(explain, *arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith("Usage:")
