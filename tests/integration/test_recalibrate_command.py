"""`turnout recalibrate` as an operator uses it: refit, look at the history, roll back."""

import random
import time
from pathlib import Path

import pytest
from click.testing import Result
from operatorkit import configured, database_of, run_with_config

from classifiers.prompt import prompt_of_text
from classifiers.serving import Classifier
from router.cli.recalibrate import recalibrate_cards
from router.loop.card_store import CardStore
from router.loop.outcome_store import JudgedDecision, OutcomeStore

WORDS = ("prove", "sum", "poem", "capital", "code", "why", "translate", "list", "river", "graph")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return configured(tmp_path, "moe")


def _run(config: Path, *words: str) -> Result:
    return run_with_config(recalibrate_cards, config, *words)


def _judged(config: Path, count: int) -> None:
    """Store answers of `moe` that all failed, in the opinion of ten keys."""
    dice = random.Random(count)
    classifier = Classifier.load(device="cpu")
    prompts = [prompt_of_text(" ".join(dice.choices(WORDS, k=9))) for _ in range(count)]
    store = OutcomeStore(database_of(config), keep=10)
    store.add(
        [
            JudgedDecision(
                decision=f"{number:032x}",
                source="feedback",
                by=f"key_{number % 10}",
                at=time.time_ns() // 1_000_000,
                organization="acme",
                route="auto",
                backend="moe",
                ability="moe",
                predicted=scored.success["moe"],
                score=0.0,
                classifier=classifier.version,
                z=scored.evidence.z.tobytes(),
                embedding=scored.evidence.embedding.tobytes(),
            )
            for number, scored in enumerate(classifier.score(prompts))
        ]
    )
    store.close()
    classifier.close()


def test_a_card_is_promoted_shown_and_rolled_back_for_good(config):
    _judged(config, 250)
    promoted = _run(config, "--ability", "moe")
    assert promoted.exit_code == 0, promoted.output
    assert promoted.stdout.startswith("moe: promoted; held back in turn, 250 outcomes")
    assert "moe 1, promoted" in _run(config, "--history").stdout
    back = _run(config, "--roll-back", "moe")
    assert "moe: the card that ships" in back.stdout
    assert "teach this card no more" in back.stderr
    again = _run(config, "--ability", "moe")
    assert again.stdout == "moe: kept; 0 outcomes since it was rolled back, 200 are worth a try\n"
    assert _run(config, "--roll-back", "moe").exit_code == 1


def test_rolling_back_stands_alone(config):
    answer = _run(config, "--roll-back", "moe", "--history")
    assert answer.exit_code == 2
    assert "stands alone" in answer.stderr


def test_a_stored_card_that_cannot_be_read_is_said_in_one_line(config):
    cards = CardStore(database_of(config))
    cards.promote("moe", Classifier.load(device="cpu").version, b"?", reason="r", at=1)
    cards.close()
    answer = _run(config)
    assert answer.exit_code == 1
    assert answer.stderr.startswith("Error: ")
    assert answer.stderr.count("\n") == 1
