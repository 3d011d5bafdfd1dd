"""The loop with the shipped classifier and a real database: refit, promote, follow, roll back."""

import random

import numpy as np
import pytest

from classifiers.prompt import prompt_of_text
from classifiers.serving import Classifier
from router.outcomes.cards import CardStore
from router.outcomes.prompts import PromptStore
from router.outcomes.store import Outcome, OutcomeStore
from router.pipeline.learning import Learner, weights_of

WORDS = ("prove", "sum", "poem", "capital", "code", "why", "translate", "list", "river", "graph")


@pytest.fixture
def parts(tmp_path):
    url = f"sqlite:///{tmp_path / 'loop.db'}"
    outcomes, cards = OutcomeStore(url, keep=10), CardStore(url)
    prompts = PromptStore(url, keep=10)
    classifier = Classifier.load(device="cpu")
    learner = Learner(
        classifier,
        outcomes,
        cards,
        prompts,
        folder=tmp_path / "cards",
        device="cpu",
        own=(),
        every=3600.0,
        least=200,
    )
    yield classifier, outcomes, cards, learner
    prompts.close()
    outcomes.close()
    cards.close()
    classifier.close()


def _outcomes(classifier: Classifier, count: int, *, truth: float, by: str = "") -> list[Outcome]:
    """Outcomes of an ability that really succeeds with probability `truth`, whatever was said."""
    dice = random.Random(count)
    prompts = [prompt_of_text(" ".join(dice.choices(WORDS, k=9))) for _ in range(count)]
    made = []
    for number, scored in enumerate(classifier.score(prompts)):
        made.append(
            Outcome(
                decision=f"{number:032x}",
                source="feedback",
                by=by or f"key_{number % 20}",
                at=number,
                organization="acme",
                route="auto",
                backend="local",
                ability="local",
                predicted=scored.success["local"],
                score=float(dice.random() < truth),
                classifier=classifier.version,
                z=scored.evidence.z.tobytes(),
                embedding=scored.evidence.embedding.tobytes(),
            )
        )
    return made


def _said(classifier: Classifier) -> float:
    dice = random.Random(3)
    prompts = [prompt_of_text(" ".join(dice.choices(WORDS, k=9))) for _ in range(50)]
    return float(np.mean([scored.success["local"] for scored in classifier.score(prompts)]))


def test_a_card_learns_from_outcomes_is_followed_and_can_be_rolled_back(parts):
    classifier, outcomes, cards, learner = parts
    before = _said(classifier)
    truth = 0.05 if before > 0.4 else 0.95
    outcomes.add(_outcomes(classifier, 400, truth=truth))
    verdict = learner.refit("local")
    assert verdict is not None
    assert verdict.promoted, verdict.reason
    assert learner.put_in_force()
    assert abs(_said(classifier) - truth) < 0.1
    assert not learner.put_in_force()
    assert [card.active for card in cards.history("local")] == [True]
    assert cards.roll_back("local") == 0
    assert learner.put_in_force()
    assert _said(classifier) == pytest.approx(before, abs=1e-6)
    assert cards.roll_back("local") is None


def test_a_card_that_is_no_better_is_refused_with_the_reason(parts):
    classifier, outcomes, cards, learner = parts
    made = _outcomes(classifier, 300, truth=0.5)
    dice = random.Random(5)
    fair = [Outcome(**{**_fields(o), "score": float(dice.random() < o.predicted)}) for o in made]
    outcomes.add(fair)
    verdict = learner.refit("local")
    assert verdict is not None
    assert not verdict.promoted
    assert "is not lower" in verdict.reason
    assert cards.history() == []


def _fields(outcome: Outcome) -> dict[str, object]:
    return {name: getattr(outcome, name) for name in Outcome.__slots__}


def test_too_few_outcomes_are_not_tried(parts):
    classifier, outcomes, _, learner = parts
    outcomes.add(_outcomes(classifier, 100, truth=0.9))
    assert learner.refit("local") is None


def test_outcomes_of_another_classifier_teach_nothing(parts):
    classifier, outcomes, _, learner = parts
    made = _outcomes(classifier, 300, truth=0.9)
    outcomes.add([Outcome(**{**_fields(o), "classifier": "swift-0"}) for o in made])
    assert learner.refit("local") is None


def test_whoever_judges_a_thousand_times_weighs_a_fifth_at_most(parts):
    classifier, *_ = parts
    honest = _outcomes(classifier, 200, truth=0.5)
    loud = _outcomes(classifier, 800, truth=0.0, by="key_loud")
    weights = weights_of([*honest, *loud])
    assert sum(weights[:200]) == 200
    assert sum(weights[200:]) == pytest.approx(0.2 * 1000)


def test_one_replica_refits_a_card_and_the_others_wait(parts):
    _, _, cards, _ = parts
    assert cards.claim("local", at=1_000, not_since=0)
    assert not cards.claim("local", at=1_500, not_since=500)
    assert cards.claim("local", at=5_000, not_since=2_000)


def test_drift_is_measured_on_live_outcomes(parts):
    classifier, outcomes, _, learner = parts
    outcomes.add(_outcomes(classifier, 400, truth=0.05 if _said(classifier) > 0.4 else 0.95))
    learner.measure_drift()
    assert learner.drift["local"].error > 0.1
    assert learner.drift["local"].alarm
