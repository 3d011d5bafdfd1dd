"""Prompts kept because the operator asked for them: what they are good for, and when they go."""

import json

import pytest
from click.testing import CliRunner

from classifiers.outcome_files import read_outcomes
from classifiers.prompt import prompt_of_text
from classifiers.serving import Classifier
from router.cli.outcomes import outcomes as outcomes_command
from router.loop.card_store import CardStore
from router.loop.learner import Learner
from router.loop.outcome_store import OutcomeStore, ScoredDecision
from router.loop.prompt_store import KeptPrompt, PromptStore


def _decision(number: int, classifier: str = "swift-of-last-year") -> ScoredDecision:
    z, embedding = b"\0" * 64, b"\0" * 1024
    name = f"{number:032x}"
    return ScoredDecision(name, number, "acme", "auto", "moe", "moe", 0.7, classifier, z, embedding)


def _asked(number: int) -> KeptPrompt:
    messages = [{"role": "user", "content": f"What is {number} times 17? Überlege gut."}]
    return KeptPrompt(f"{number:032x}", number, json.dumps({"messages": messages}).encode())


def _judge(store: OutcomeStore, number: int, score: float) -> None:
    name = f"{number:032x}"
    by = f"key_{number % 20}"
    assert store.judge(name, score, organization="acme", source="feedback", by=by, at=number)


@pytest.fixture
def stores(database):
    made = OutcomeStore(database, keep=1_000), PromptStore(database, keep=5), CardStore(database)
    yield made
    for store in made:
        store.close()


def test_what_nobody_judged_is_forgotten_and_what_was_judged_stays(stores):
    outcomes, prompts, _ = stores
    outcomes.remember([_decision(number) for number in range(12)])
    prompts.remember([_asked(0), _asked(1)])
    _judge(outcomes, 0, 1.0)
    prompts.remember([_asked(number) for number in range(2, 12)])
    for number in (1, 11):
        _judge(outcomes, number, 1.0)
    kept = {outcome.decision: asked for outcome, asked in prompts.outcomes()}
    assert [asked is not None for asked in kept.values()] == [True, False, True]


def test_outcomes_with_prompts_outlive_the_classifier_that_scored_them(stores, tmp_path):
    outcomes, prompts, cards = stores
    outcomes.remember([_decision(number) for number in range(230)])
    for number in range(230):
        prompts.remember([_asked(number)])
        _judge(outcomes, number, 0.0)
    classifier = Classifier.load(device="cpu")
    learner = Learner(
        classifier, outcomes, cards, prompts,
        folder=tmp_path, device="cpu", own=(), every=0.0, least=200,
    )  # fmt: skip
    verdict = learner.refit("moe")
    assert verdict is not None
    assert verdict.promoted, verdict.reason
    [text] = classifier.score([prompt_of_text("What is 300 times 17? Überlege gut.")])
    learner.put_in_force()
    [learnt] = classifier.score([prompt_of_text("What is 300 times 17? Überlege gut.")])
    assert learnt.success["moe"] < text.success["moe"] / 2
    classifier.close()


def test_the_command_writes_what_calibrate_reads(stores, database, tmp_path):
    outcomes, prompts, _ = stores
    outcomes.remember([_decision(1), _decision(2)])
    prompts.remember([_asked(1)])
    _judge(outcomes, 1, 0.25)
    _judge(outcomes, 2, 1.0)
    config = tmp_path / "turnout.yaml"
    config.write_text(
        f"version: 1\npolicy: balanced\ndata: .\ndatabase: {database}\nbackends:\n"
        + "".join(
            f"  {name}: {{base_url: 'http://127.0.0.1:9/v1', model: m, ability: {name},"
            " price: {input: 1, output: 1}}\n"
            for name in ("local", "moe", "premium")
        )
    )
    run = CliRunner().invoke(outcomes_command, ["--config", str(config), "--ability", "moe"])
    assert run.exit_code == 0, run.output
    assert run.stderr == "2 outcomes\n"
    with_text, with_numbers = read_outcomes(run.stdout.splitlines())
    assert with_text.prompt is not None
    assert with_text.prompt.turns[0].text == "What is 1 times 17? Überlege gut."
    assert (with_text.backend, with_text.score, with_text.by) == ("moe", 0.25, "key_1")
    assert with_numbers.prompt is None
    assert (len(with_numbers.z), len(with_numbers.embedding)) == (16, 256)
