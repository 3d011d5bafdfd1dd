"""`turnout calibrate BACKEND` against a running model server."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from modelservers import RunningSimulator

from router.cli.calibrate import calibrate

RUNNER = CliRunner()
CONFIG = """\
version: 1
policy: balanced
backends:
  local: {{base_url: "{url}", model: "{model}", ability: local, price: {{input: 0, output: 0}}}}
  moe: {{base_url: "{url}", model: sim, ability: moe, price: {{input: 0.5, output: 1.5}}}}
  premium: {{base_url: "{url}", model: sim, ability: premium, price: {{input: 2, output: 8}}}}
"""


@pytest.fixture
def config(tmp_path: Path, simulator: RunningSimulator) -> Path:
    path = tmp_path / "turnout.yaml"
    path.write_text(CONFIG.format(url=simulator.base_url, model="sim"))
    return path


def run(config: Path, *arguments: str, typed: str | None = None):  # type: ignore[no-untyped-def]
    card = config.with_name("card.json")
    options = ["--config", str(config), "--out", str(card), "--limit", "40", "--wall", "none"]
    options += arguments
    return RUNNER.invoke(calibrate, options, input=typed), card


def test_a_backend_is_asked_judged_and_gets_a_card(
    config: Path, simulator: RunningSimulator
) -> None:
    result, card = run(config, "local")
    assert result.exit_code == 0, result.output
    document = json.loads(card.read_text())
    assert (document["ability"], document["outcomes"]) == ("local", 40)
    assert simulator.app.served == 40


def test_what_was_answered_is_not_asked_again(config: Path, simulator: RunningSimulator) -> None:
    answers = config.with_name("card.probes.jsonl")
    assert run(config, "local")[0].exit_code == 0
    kept = answers.read_text().splitlines()
    answers.write_text("\n".join(kept[:30]) + "\n")
    simulator.app.served = 0
    assert run(config, "local")[0].exit_code == 0
    assert simulator.app.served == 10
    assert len(answers.read_text().splitlines()) == 40
    assert "messages" not in answers.read_text()


def test_the_cost_is_said_and_agreed_before_anything_is_spent(
    config: Path, simulator: RunningSimulator
) -> None:
    result, card = run(config, "moe", typed="n\n")
    assert result.exit_code == 1
    assert "40 probe prompts" in result.stderr
    assert "at most $0.0" in result.stderr
    assert simulator.app.served == 0
    assert not card.exists()


def test_a_backend_that_fails_is_named_and_the_run_can_go_on(
    config: Path, simulator: RunningSimulator
) -> None:
    config.write_text(CONFIG.format(url=simulator.base_url, model="sim?fault=status&status=401"))
    result, _ = run(config, "local")
    assert result.exit_code == 1
    assert "local does not answer" in result.stderr
    assert "run the same command again" in result.stderr


def test_an_unknown_backend_is_refused(config: Path) -> None:
    result, _ = run(config, "lokal")
    assert result.exit_code == 1
    assert "has no backend 'lokal'" in result.stderr
