"""The loop with the shipped classifier and a real database: refit, promote, follow, roll back."""

import asyncio
import random
from dataclasses import replace

import numpy as np
import pytest
from ledgerkit import eventually

from classifiers.cards.card_format import to_json
from classifiers.prompt import prompt_of_text
from classifiers.serving import Classifier
from router.loop.card_store import CardStore
from router.loop.learner import Learner, observations
from router.loop.learning_loop import LearningLoop
from router.loop.outcome_store import JudgedDecision, OutcomeStore
from router.loop.prompt_store import PromptStore

WORDS = ("prove", "sum", "poem", "capital", "code", "why", "translate", "list", "river", "graph")


@pytest.fixture
def parts(tmp_path, database):
    outcomes, cards = OutcomeStore(database, keep=10), CardStore(database)
    prompts = PromptStore(database, keep=10)
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


def _outcomes(
    classifier: Classifier, count: int, *, truth: float, by: str = ""
) -> list[JudgedDecision]:
    """Outcomes of an ability that really succeeds with probability `truth`, whatever was said."""
    dice = random.Random(count)
    prompts = [prompt_of_text(" ".join(dice.choices(WORDS, k=9))) for _ in range(count)]
    made = []
    for number, scored in enumerate(classifier.score(prompts)):
        made.append(
            JudgedDecision(
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


def _mean_prediction(classifier: Classifier) -> float:
    dice = random.Random(3)
    prompts = [prompt_of_text(" ".join(dice.choices(WORDS, k=9))) for _ in range(50)]
    return float(np.mean([scored.success["local"] for scored in classifier.score(prompts)]))


def test_a_card_learns_from_outcomes_is_followed_and_can_be_rolled_back(parts):
    classifier, outcomes, cards, learner = parts
    before = _mean_prediction(classifier)
    truth = 0.05 if before > 0.4 else 0.95
    outcomes.add(_outcomes(classifier, 400, truth=truth))
    verdict = learner.refit("local")
    assert verdict is not None
    assert verdict.promoted, verdict.reason
    assert learner.put_in_force()
    assert abs(_mean_prediction(classifier) - truth) < 0.1
    assert not learner.put_in_force()
    assert [card.active for card in cards.history("local")] == [True]
    assert cards.roll_back("local", at=1_000) == 0
    assert learner.put_in_force()
    assert _mean_prediction(classifier) == pytest.approx(before, abs=1e-6)
    assert cards.roll_back("local", at=1_000) is None


def test_a_card_that_is_no_better_is_refused_with_the_reason(parts):
    classifier, outcomes, cards, learner = parts
    made = _outcomes(classifier, 300, truth=0.5)
    dice = random.Random(5)
    fair = [replace(o, score=float(dice.random() < o.predicted)) for o in made]
    outcomes.add(fair)
    verdict = learner.refit("local")
    assert verdict is not None
    assert not verdict.promoted
    assert "is not lower" in verdict.reason
    assert cards.history() == []


def test_too_few_outcomes_are_not_tried(parts):
    classifier, outcomes, _, learner = parts
    outcomes.add(_outcomes(classifier, 100, truth=0.9))
    assert learner.refit("local") is None


def test_outcomes_of_another_classifier_teach_nothing(parts):
    classifier, outcomes, _, learner = parts
    made = _outcomes(classifier, 300, truth=0.9)
    outcomes.add([replace(o, classifier="swift-0") for o in made])
    assert learner.refit("local") is None


def test_of_many_judges_the_loudest_weighs_a_fifth_of_what_is_fitted(parts):
    classifier, *_ = parts
    made = enumerate(_outcomes(classifier, 200, truth=0.5))
    honest = [replace(o, organization=f"org_{n % 20}") for n, o in made]
    loud = [replace(o, organization="loud") for o in _outcomes(classifier, 800, truth=0.0)]
    weights = observations([*honest, *loud]).weights
    assert weights[:200].sum() == 200
    assert weights[200:].sum() == pytest.approx(0.2 * weights.sum())


def test_a_flood_of_late_outcomes_takes_no_place_away(parts):
    classifier, outcomes, _, _ = parts
    honest = _outcomes(classifier, 200, truth=0.5)
    loud = _outcomes(classifier, 800, truth=0.0, by="key_loud")
    flood = [replace(o, decision=f"f{o.decision}", at=10_000) for o in loud]
    outcomes.add([*honest, *flood])
    kept = outcomes.fair("local", 400, classifier.version, 0)
    assert len(kept) == 400
    assert sum(outcome.by != "key_loud" for outcome in kept) == 200


def test_what_was_rolled_back_is_not_learnt_again_from_what_was_known_then(parts):
    classifier, outcomes, cards, learner = parts
    before = _mean_prediction(classifier)
    truth = 0.05 if before > 0.4 else 0.95
    outcomes.add(_outcomes(classifier, 400, truth=truth))
    assert learner.refit("local").promoted
    assert cards.roll_back("local", at=1_000) == 0
    assert learner.refit("local") is None
    later = [
        replace(o, decision=f"x{o.decision}", at=1_000 + o.at)
        for o in _outcomes(classifier, 400, truth=truth)
    ]
    outcomes.add(later)
    assert learner.refit("local").promoted


def test_rolling_back_passes_over_cards_that_were_rolled_back(parts):
    _, _, cards, _ = parts
    for number in (1, 2):
        assert cards.promote("local", "swift-1", b"{}", reason="r", at=number) == number
    assert cards.roll_back("local", at=3) == 1
    assert cards.promote("local", "swift-1", b"{}", reason="r", at=4) == 3
    assert cards.roll_back("local", at=5) == 1
    assert cards.roll_back("local", at=6) == 0


def test_rolling_back_passes_over_cards_of_another_classifier(parts):
    _, _, cards, _ = parts
    cards.promote("local", "swift-old", b"{}", reason="r", at=1)
    cards.promote("local", "swift-new", b"{}", reason="r", at=2)
    assert cards.roll_back("local", at=3) == 0


def test_a_card_whose_name_is_a_path_is_put_in_force_inside_the_folder(parts, tmp_path):
    classifier, _, cards, learner = parts
    for name in ("openai/gpt-4o", "../outside"):
        card = to_json(replace(classifier.cards["moe"], name=name))
        cards.promote(name, classifier.cards["moe"].classifier, card, reason="r", at=1)
    assert learner.put_in_force()
    assert {"openai/gpt-4o", "../outside"} <= set(classifier.abilities)
    assert len(list((tmp_path / "cards").iterdir())) == 2
    assert not (tmp_path / "outside.json").exists()


async def test_a_card_that_another_replica_promoted_is_followed_even_after_one_that_is_broken(
    parts, caplog
):
    classifier, _, cards, learner = parts
    loop = LearningLoop(learner, sleep=lambda seconds: asyncio.sleep(seconds / 500))
    await loop.start()
    cards.promote("local", classifier.cards["local"].classifier, b"?", reason="r", at=1)
    await eventually(lambda: "the loop of outcomes and cards failed" in caplog.text)
    card = to_json(replace(classifier.cards["local"], b=3.0))
    cards.promote("local", classifier.cards["local"].classifier, card, reason="r", at=2)
    await eventually(lambda: classifier.cards["local"].b == 3.0)
    await loop.close()


def test_one_replica_refits_a_card_and_the_others_wait(parts):
    _, _, cards, _ = parts
    assert cards.claim("local", at=1_000, not_since=0)
    assert not cards.claim("local", at=1_500, not_since=500)
    assert cards.claim("local", at=5_000, not_since=2_000)


def test_drift_is_measured_on_live_outcomes(parts):
    classifier, outcomes, _, learner = parts
    outcomes.add(
        _outcomes(classifier, 400, truth=0.05 if _mean_prediction(classifier) > 0.4 else 0.95)
    )
    learner.measure_drift()
    assert learner.drift["local"].error > 0.1
    assert learner.drift["local"].alarm
    assert "moe" not in learner.drift


def test_the_alarm_ends_with_the_card_that_raised_it(parts):
    classifier, outcomes, cards, learner = parts
    outcomes.add(
        _outcomes(classifier, 400, truth=0.05 if _mean_prediction(classifier) > 0.4 else 0.95)
    )
    learner.measure_drift()
    assert learner.refit("local").promoted
    learner.measure_drift()
    assert "local" not in learner.drift
    assert cards.since("local") > 400
