"""`check` and `schema` as an operator uses them."""

import json

import pytest
from policy_commands import CONFIG, run

from classifiers.artifact import read_artifact
from router.cli.check import check
from router.cli.schema import schema

DOUBTFUL = "version: 1\nroutes:\n  auto:\n    candidates: [local, moe]\n"
BAD = "version: 1\nroutes:\n  auto:\n    candidates: [local, moe]\n    objective: cheap\n"


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


@pytest.mark.parametrize("name", ["policy", "probes"])
def test_schema_prints_json(name):
    assert json.loads(run(schema, name).stdout)["title"].startswith("Turnout ")
