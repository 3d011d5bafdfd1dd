"""The policy commands as an operator uses them, in this process."""

import json
import random
from importlib.util import find_spec

import pytest
from click.testing import CliRunner
from policy_worlds import signals

from classifiers.artifact import read_artifact
from policies.replay.record import RecordedOutcome, to_record
from policies.signals import NO_HINTS
from router.cli.check import check
from router.cli.common.policies import read_policy
from router.cli.diff import diff
from router.cli.explain import explain
from router.cli.replay import replay
from router.cli.schema import schema
from router.cli.tune import tune
from router.loop.outcome_store import JudgedDecision, OutcomeStore

SAME = 'base_url: "http://127.0.0.1:1/v1", model: m'
CONFIG = f"""\
version: 1
backends:
  local: {{{SAME}, ability: local, price: {{input: 0.02, output: 0.04}}}}
  moe: {{{SAME}, ability: moe, price: {{input: 0.3, output: 1.2}}}}
  premium: {{{SAME}, ability: premium, price: {{input: 5, output: 30}}}}
"""
DOUBTFUL = "version: 1\nroutes:\n  auto:\n    candidates: [local, moe]\n"
BAD = "version: 1\nroutes:\n  auto:\n    candidates: [local, moe]\n    objective: cheap\n"


def run(command, *arguments):
    return CliRunner().invoke(command, [str(each) for each in arguments], catch_exceptions=False)


@pytest.fixture
def log(tmp_path):
    """300 decisions of the policy `balanced`, and one line that is none."""
    policy = read_policy("balanced")
    chance = random.Random(7)
    lines = ["not a record"]
    for number in range(300):
        ease = chance.random()
        success = {"local": 0.1 + 0.8 * ease, "moe": 0.4 + 0.5 * ease, "premium": 0.6 + 0.3 * ease}
        given = signals(id=f"req-{number}", success=success, tier=chance.choice(["free", "pro"]))
        answer = policy.decide(given)
        backend = answer.candidates[0]
        outcome = RecordedOutcome(backend, "completed", 100, 50, 0, answer.cost_pico[backend], 500)
        record = to_record(
            at_ms=1_763_766_000_000 + number * 60_000,
            signals=given,
            hints=NO_HINTS,
            answer=answer,
            policy=policy.version,
            classifier="c",
            prices="p",
            outcome=outcome,
        )
        lines.append(json.dumps(record))
    path = tmp_path / "decisions.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "turnout.yaml"
    path.write_text(CONFIG)
    return path


@pytest.mark.parametrize("name", ["balanced", "agents", "private"])
def test_a_shipped_policy_checks_clean_even_strictly(name):
    done = run(check, "--policy", name, "--strict")
    assert done.exit_code == 0
    assert done.stdout.startswith(f"{name}: ok: ")


@pytest.mark.parametrize(
    ("text", "strict", "code"), [(DOUBTFUL, [], 0), (DOUBTFUL, ["--strict"], 1), (BAD, [], 2)]
)
def test_the_exit_code_tells_clean_from_doubtful_from_wrong(tmp_path, text, strict, code):
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    done = run(check, "--policy", path, *strict)
    assert done.exit_code == code
    assert f"{path}:" in done.stderr


def test_probes_beside_a_policy_are_run(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(DOUBTFUL + "    when_unknown: moe\n")
    (tmp_path / "mine.probes.yaml").write_text(
        "version: 1\nprobes:\n  - name: late\n    unknown: true\n    expect: {backend: local}\n"
    )
    done = run(check, "--policy", path)
    assert done.exit_code == 2
    assert (
        "mine.probes.yaml:5:23: error: probe `late`: expected backend local, got moe" in done.stderr
    )


def test_a_probe_about_names_that_do_not_exist_is_an_error(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(DOUBTFUL + "tiers: {free: {}}\n")
    (tmp_path / "mine.probes.yaml").write_text(
        "version: 1\nbackends: {lokal: {success: 0.5}}\n"
        "probes:\n  - {name: p, tier: fre, expect: {never: [premium], rules: [private]}}\n"
    )
    result = run(check, "--policy", path).stderr
    assert "mine.probes.yaml:2:11: error: the policy has no backend `lokal`" in result
    assert "mine.probes.yaml:4:21: error: the policy has no tier `fre`" in result
    assert "the policy has no backend `premium`" in result
    assert "the policy has no rule `private`" in result
    assert "did you mean `free`?" in result


def test_check_speaks_json_and_sarif(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(BAD)
    shown = json.loads(run(check, "--policy", path, "--format", "json").stdout)
    assert shown["errors"] == 1
    assert shown["findings"][0]["line"] == 5
    sarif = json.loads(run(check, "--policy", path, "--format", "sarif").stdout)
    result = sarif["runs"][0]["results"][0]
    assert result["level"] == "error"
    assert result["locations"][0]["physicalLocation"]["region"] == {
        "startLine": 5,
        "startColumn": 16,
    }


def test_check_of_a_configuration_takes_both_documents(config):
    done = run(check, "--config", config)
    assert done.exit_code == 0
    assert "ok: 3 backends, 1 routes, 3 tiers" in done.stdout
    config.write_text(CONFIG.replace("  moe:", "  mow:"))
    wrong = run(check, "--config", config)
    assert wrong.exit_code == 2
    assert "no backend `moe` is configured\n    did you mean `mow`?" in wrong.stderr


@pytest.mark.parametrize(
    ("card", "why"),
    [
        ("none.json", "cannot be read: No such file"),
        (".", "cannot be read: Is a directory"),
        ("foreign.json", "was fitted on swift-other"),
    ],
)
def test_check_refuses_a_card_that_serve_would_refuse(config, card, why):
    document = json.loads(read_artifact().cards["moe.json"])
    for name, trunk in (("foreign", "swift-other"), ("good", document["classifier"])):
        text = json.dumps({**document, "classifier": trunk})
        config.with_name(f"{name}.json").write_text(text)
    config.write_text(f"{CONFIG}classifier:\n  cards:\n    - good.json\n    - {card}\n")
    done = run(check, "--config", config)
    assert done.exit_code == 2
    assert f"{config}:9:7: error:" in done.stderr
    assert why in done.stderr
    assert done.stderr.count("error:") == 1


def test_check_warns_of_an_ability_that_no_card_describes(config):
    config.write_text(CONFIG.replace("ability: moe", "ability: mistral"))
    done = run(check, "--config", config, "--strict")
    assert done.exit_code == 1
    assert f"{config}:4:" in done.stderr
    assert "no ability card is named `mistral`: the success of `moe` stays unknown" in done.stderr
    assert "write one of local, moe, premium, or make a card" in done.stderr


def test_a_policy_that_is_not_there_says_what_is():
    done = run(check, "--policy", "nowhere.yaml")
    assert done.exit_code == 2
    assert "the policy cannot be read" in done.stderr
    assert "balanced" in done.stderr


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


def test_replay_prints_a_table_and_counts_what_it_could_not_read(log):
    done = run(replay, log, "--policy", "balanced")
    assert done.exit_code == 0
    assert "over 300 requests" in done.stdout
    assert "shuffled control" in done.stdout
    assert "1 lines of the log are not decision records" in done.stderr


def test_replay_of_other_tiers_says_how_to_name_them(log):
    done = run(replay, log, "--policy", "cost-cap")
    assert "denied: unknown tier free" in done.stdout
    assert "--as-tier OLD=NEW" in done.stdout
    named = run(
        replay,
        log,
        "--policy",
        "cost-cap",
        "--as-tier",
        "free=small",
        "--as-tier",
        "pro=large",
        "--json",
    )
    result = json.loads(named.stdout)
    assert result["total"]["denied"] == 0
    assert set(result["groups"]["tier"]) == {"small", "large"}


def test_feedback_and_audits_in_the_database_become_verdicts(log, config):
    data = config.parent / ".turnout"
    data.mkdir()
    store = OutcomeStore(f"sqlite:///{data / 'turnout.db'}", keep=1_000)
    records = [json.loads(line) for line in log.read_text().splitlines()[1:]]
    store.add(
        [
            JudgedDecision(
                decision=record["id"],
                source="feedback",
                by="key",
                at=1,
                organization="acme",
                route="auto",
                backend=record["outcome"]["backend"],
                ability="moe",
                predicted=0.5,
                score=1.0,
                classifier="c",
                z=b"",
                embedding=b"",
            )
            for record in records
        ]
    )
    store.close()
    result = json.loads(
        run(replay, log, "--policy", "balanced", "--json", "--config", config).stdout
    )
    served = result["total"]["requests"] - result["total"]["refused"]
    assert result["total"]["judged"] == served
    assert result["total"]["observed"]["mean"] == 1.0
    without = json.loads(run(replay, log, "--policy", "balanced", "--json").stdout)
    assert without["total"]["judged"] == 0


def test_diff_says_what_moves(log):
    done = run(diff, "balanced", "balanced", "--log", log)
    assert "0 requests move" in done.stdout
    result = json.loads(run(diff, "balanced", "tiered-saas", "--log", log, "--json").stdout)
    assert result["moved"] == sum(move["requests"] for move in result["moves"])


def test_a_picture_is_drawn_or_the_missing_extra_is_named(log, tmp_path):
    picture = tmp_path / "plot.png"
    done = run(replay, log, "--policy", "balanced", "--png", picture)
    if find_spec("matplotlib") is None:
        assert done.exit_code == 1
        assert "pip install 'turnout[train]'" in done.stderr
    else:
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_tune_prints_lines_to_paste(log):
    done = run(tune, "--policy", "balanced", "--log", log, "--quality", "0.6")
    assert done.exit_code == 0
    assert "write into the route `auto`:" in done.stdout
    assert "    capable: {min_success: " in done.stdout
    impossible = run(tune, "--policy", "balanced", "--log", log, "--quality", "1", "--json")
    assert impossible.exit_code == 1
    assert json.loads(impossible.stdout)["chosen"] is None


def test_a_log_without_records_is_said_so(tmp_path):
    path = tmp_path / "empty.jsonl"
    path.write_text("\n{}\n")
    done = run(replay, path, "--policy", "balanced")
    assert done.exit_code == 1
    assert "no decision record" in done.stderr


@pytest.mark.parametrize("name", ["policy", "probes"])
def test_schema_prints_json(name):
    assert json.loads(run(schema, name).stdout)["title"].startswith("Turnout ")
