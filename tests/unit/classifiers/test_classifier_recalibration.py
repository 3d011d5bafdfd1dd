import json
from pathlib import Path

import numpy as np
import pytest
from classifier_prompts import CODE, PLAIN

from classifiers.cards.ability import Ability, Heads
from classifiers.cards.card_format import from_json, to_json
from classifiers.cards.drift import drift
from classifiers.cards.fit_card import LEAST_FOR_RBF, LEAST_OUTCOMES, fit_card, nearest
from classifiers.cards.logistic import fit_logistic
from classifiers.cards.observations import Observations, TooFewOutcomes, observe
from classifiers.cards.recalibrate import recalibrate
from classifiers.outcome_files import (
    JudgedAnswer,
    OutcomeError,
    by_backend,
    observations,
    read_outcomes,
)
from classifiers.serving import Classifier

Z, E, LENGTH = 4, 6, 4.0
BASE = Ability("moe", "swift-test", np.array([1.0, 0, 0, 0], dtype=np.float32), 0.0)


def world(size: int, *, shift: float = 0.0, bend: float = 0.0, seed: int = 1) -> Observations:
    """Outcomes of a backend whose true logit is z0 + shift + bend * what embedding0 tells.

    Embeddings are about as long as the trunk's, which are at most one.
    """
    random = np.random.default_rng(seed)
    z = random.normal(size=(size, Z)).astype(np.float32)
    embedding = (random.normal(size=(size, E)) / LENGTH).astype(np.float32)
    logit = z[:, 0] + shift + bend * LENGTH * embedding[:, 0]
    scores = (random.random(size) < 1 / (1 + np.exp(-logit))).astype(float)
    return observe(z, embedding, list(scores))


def error(card: Ability, seen: Observations, *, shift: float, bend: float = 0.0) -> float:
    truth = 1 / (1 + np.exp(-(seen.z[:, 0] + shift + bend * LENGTH * seen.embedding[:, 0])))
    return float(np.abs(card.probabilities(seen.z, seen.embedding) - truth).mean())


def test_two_hundred_outcomes_repair_a_card_that_promises_too_much() -> None:
    unseen = world(2000, seed=2)
    card = fit_card(BASE, world(200, shift=-1.5), date="2026-01-01")
    assert error(card, unseen, shift=-1.5) < 0.3 * error(BASE, unseen, shift=-1.5)
    assert card.fitted["log_loss"] < card.fitted["log_loss_before"]


def test_a_few_hundred_outcomes_do_not_bend_a_card_that_is_right() -> None:
    card = fit_card(BASE, world(300), date="2026-01-01")
    assert error(card, world(2000, seed=2), shift=0) < 0.05


def test_from_many_outcomes_a_card_learns_what_the_embedding_tells() -> None:
    card = fit_card(BASE, world(1500, bend=1.5), date="2026-01-01")
    unseen = world(2000, seed=2)
    assert error(card, unseen, shift=0, bend=1.5) < 0.35 * error(BASE, unseen, shift=0, bend=1.5)
    assert card.rbf is not None


def test_few_outcomes_leave_a_card_without_places_of_its_own() -> None:
    card = fit_card(BASE, world(LEAST_FOR_RBF - 1, bend=1.5), date="2026-01-01")
    assert card.rbf is None
    assert card.fitted["correction"] == "intercept, slope and z"


def test_a_card_that_is_right_is_mostly_kept_as_it_is() -> None:
    card = fit_card(BASE, world(1500), date="2026-01-01")
    assert error(card, world(2000, seed=2), shift=0) < 0.02


def test_a_fitted_card_survives_being_written() -> None:
    seen = world(500, bend=1.0)
    card = fit_card(BASE, seen, date="2026-01-01", name="mine")
    again = from_json(to_json(card), where="mine.json")
    assert (again.name, again.outcomes, again.fitted) == ("mine", 500, card.fitted)
    text, repeated = (one.probabilities(seen.z, seen.embedding) for one in (card, again))
    assert np.allclose(text, repeated, atol=2e-3)


def test_a_card_can_be_refitted_on_top_of_a_refitted_card() -> None:
    first = fit_card(BASE, world(800, bend=1.0), date="2026-01-01")
    second = fit_card(first, world(800, bend=1.0, shift=1.0, seed=5), date="2026-02-01")
    assert error(second, world(2000, seed=2), shift=1.0, bend=1.0) < 0.07


def test_the_same_outcomes_give_the_same_card() -> None:
    cards = [fit_card(BASE, world(300, shift=1.0), date="2026-01-01") for _ in range(2)]
    assert to_json(cards[0]) == to_json(cards[1])


def test_too_few_outcomes_are_refused_with_how_many_are_needed() -> None:
    with pytest.raises(TooFewOutcomes, match=f"at least {LEAST_OUTCOMES}"):
        fit_card(BASE, world(LEAST_OUTCOMES - 1), date="2026-01-01")


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_outcomes_that_are_all_alike_still_give_a_finite_card(score: float) -> None:
    seen = world(50)
    alike = Observations(seen.z, seen.embedding, np.full(50, score), seen.weights)
    p = fit_card(BASE, alike, date="2026-01-01").probabilities(seen.z, seen.embedding)
    assert ((p > 0) & (p < 1)).all()


def test_a_better_card_is_promoted() -> None:
    verdict = recalibrate(BASE, world(300, shift=-1.5), date="2026-01-01")
    assert verdict.promoted
    assert verdict.gain > verdict.noise > 0
    assert "is lower beyond the noise" in verdict.reason


def test_noise_alone_promotes_nothing() -> None:
    promoted = [
        recalibrate(BASE, world(150, seed=seed), date="2026-01-01").promoted for seed in range(12)
    ]
    assert sum(promoted) <= 1


def test_a_card_without_a_shipped_namesake_starts_from_the_nearest() -> None:
    hard = Ability("hard", "swift-test", np.array([0, 2.0, 0, 0], dtype=np.float32), -1.0)
    assert nearest({"hard": hard, "moe": BASE}, "mine", world(300)).name == "moe"
    assert nearest({"hard": hard, "moe": BASE}, "hard", world(300)).name == "hard"


def test_scores_outside_0_to_1_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        observe(np.zeros((1, Z)), np.zeros((1, E)), [1.5])
    with pytest.raises(ValueError, match="one row per outcome"):
        observe(np.zeros((2, Z)), np.zeros((1, E)), [1.0])


def test_the_logistic_fit_finds_known_weights() -> None:
    random = np.random.default_rng(0)
    columns = random.normal(size=(20_000, 2))
    scores = 1 / (1 + np.exp(-(columns @ [1.0, -2.0] + 0.5)))
    ones = np.ones(len(scores))
    full = np.column_stack([columns, ones])
    result = fit_logistic(full, scores, offset=0 * ones, penalty=np.full(3, 1e-6), weights=ones)
    assert result == pytest.approx([1.0, -2.0, 0.5], abs=1e-3)


def test_drift_is_silent_on_a_true_card_and_rings_on_a_false_one() -> None:
    random = np.random.default_rng(0)
    p = random.random(1000)
    scores = (random.random(1000) < p).astype(float)
    assert not drift(p, scores).alarm
    false = drift(np.clip(p + 0.2, 0, 1), scores)
    assert false.alarm
    assert false.bias == pytest.approx(0.18, abs=0.03)
    assert drift(p[:0], scores[:0]).outcomes == 0


def line(**fields: object) -> str:
    return json.dumps({"messages": [{"role": "user", "content": "Hi"}], **fields})


def test_outcomes_are_read_with_and_without_text() -> None:
    lines = [line(backend="moe", score=1), line(backend="big", score=0.5, by="key-1"), ""]
    lines.append(json.dumps({"z": [0.0], "embedding": [1.0], "backend": "moe", "score": True}))
    groups = by_backend(read_outcomes(lines))
    assert [one.score for one in groups["moe"]] == [1.0, 1.0]
    assert groups["big"][0].by == "key-1"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("{", "line 2 is not JSON"),
        ("[]", "line 2 is not a JSON object"),
        (line(backend="moe", score=2), "line 2: `score` must be a number from 0 to 1, not 2"),
        (line(backend="moe", score="good"), "line 2: `score` must be a number"),
        (line(score=1), "line 2: `backend` must name"),
        (line(backend="moe", score=1, weight=7), "line 2: `weight` must be"),
        ('{"backend": "moe", "score": 1}', "line 2 needs `messages`, or `z` and `embedding`"),
    ],
)
def test_a_wrong_outcome_is_refused_with_its_line(wrong: str, why: str) -> None:
    with pytest.raises(OutcomeError, match=why):
        read_outcomes([line(backend="moe", score=1), wrong])


def test_a_card_fitted_on_numbers_is_the_card_fitted_on_the_text(tmp_path: Path) -> None:
    classifier = Classifier.load(device="cpu")
    reading = classifier.read([PLAIN, CODE])
    kept = [
        JudgedAnswer("moe", 1.0, None, reading.z[row].tolist(), reading.embedding[row].tolist())
        for row in range(2)
    ]
    asked = [JudgedAnswer("moe", 1.0, PLAIN), JudgedAnswer("moe", 1.0, CODE)]
    numbers, texts = observations(classifier, kept), observations(classifier, asked)
    assert np.allclose(numbers.z, texts.z)
    assert np.allclose(numbers.embedding, texts.embedding)


def test_cards_side_by_side_say_what_each_says_alone() -> None:
    seen = world(200, bend=1.0)
    cards = [BASE, fit_card(BASE, seen, date="2026-01-01", name="mine")]
    together = Heads.of(cards).probabilities(seen.z, seen.embedding)
    for column, card in enumerate(cards):
        assert np.allclose(together[:, column], card.probabilities(seen.z, seen.embedding))
