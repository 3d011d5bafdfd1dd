"""The learner over stores and a classifier that are made up: what is refitted, and from what."""

import logging
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from loop_fakes import judged

from classifiers.cards.ability import Ability
from classifiers.cards.card_format import from_json, to_json
from router.loop.learner import Learner
from router.loop.outcome_store import JudgedDecision

CARD = Ability("moe", "swift-1", np.array([1.0, 0.0], np.float32), 0.0)
ASKED = b'{"messages": [{"role": "user", "content": "Prove it."}]}'


class Read(NamedTuple):
    z: np.ndarray
    embedding: np.ndarray


class FakeClassifier:
    """One card; reads every prompt as z (0, 7)."""

    version = "swift-1"

    def __init__(self) -> None:
        self.cards = {"moe": CARD}
        self.abilities = ("moe",)
        self.loaded: list[list[bytes]] = []

    def read(self, prompts) -> Read:
        return Read(
            np.tile(np.float32([0, 7]), (len(prompts), 1)), np.zeros((len(prompts), 3), np.float32)
        )

    def reload(self, *, device: str, cards) -> None:
        self.loaded.append([path.read_bytes() for path in cards])


class FakeStores:
    """Outcomes, prompts and cards in memory."""

    def __init__(self) -> None:
        self.outcomes: list[JudgedDecision] = []
        self.of_others: list[tuple[JudgedDecision, bytes]] = []
        self.in_force: dict[str, bytes] = {}
        self.promoted: list[tuple[str, str, bytes, str]] = []
        self.rolled_back_at = 0
        self.claims: list[str] = []
        self.mine = True

    def fair(self, ability, most, classifier, since, among=None):
        return [one for one in self.outcomes if one.at >= since][-most:]

    def counts(self):
        return {"moe": len(self.outcomes)}

    def of_other_classifiers(self, ability, classifier, most):
        return self.of_others[:most]

    def active(self, classifier):
        return dict(self.in_force)

    def promote(self, name, classifier, card, *, reason, at):
        self.promoted.append((name, classifier, card, reason))

    def rolled_back(self, name):
        return self.rolled_back_at

    def since(self, name):
        return self.rolled_back_at

    def claim(self, name, *, at, not_since):
        self.claims.append(name)
        return self.mine


class Parts:
    def __init__(self, folder, **options) -> None:
        self.classifier, self.stores = FakeClassifier(), FakeStores()
        chosen = {"device": "cpu", "own": [], "every": 60.0, "least": 60} | options
        stores = self.stores
        self.learner = Learner(self.classifier, stores, stores, stores, folder=folder, **chosen)


@pytest.fixture
def parts(tmp_path):
    return Parts(tmp_path / "cards")


def outcomes(count: int, *, right: float, first: int = 0) -> list[JudgedDecision]:
    """Outcomes on which the card forecasts one half, of which the share `right` went well."""
    zeros = {"z": np.zeros(2, np.float32).tobytes(), "embedding": np.zeros(3, np.float32).tobytes()}
    return [
        judged(n, float(n % 100 < right * 100), by=f"key_{n % 9}", predicted=0.5, **zeros)
        for n in range(first, first + count)
    ]


def test_a_card_that_forecasts_better_beyond_the_noise_is_stored_with_the_reason(parts):
    parts.stores.outcomes = outcomes(200, right=0.9)
    refit = parts.learner.refit("moe")
    [(name, classifier, card, reason)] = parts.stores.promoted
    assert (name, classifier, reason) == ("moe", "swift-1", refit.reason)
    z, embedding = np.zeros((1, 2), np.float32), np.zeros((1, 3), np.float32)
    forecast = from_json(card, where="x").probabilities(z, embedding)
    assert forecast[0] == pytest.approx(0.9, abs=0.05)


def test_a_card_that_is_no_better_is_refused_and_nothing_is_stored(parts):
    parts.stores.outcomes = outcomes(200, right=0.5)
    assert not parts.learner.refit("moe").promoted
    assert parts.stores.promoted == []


def test_fewer_outcomes_than_asked_for_are_not_tried(parts):
    parts.stores.outcomes = outcomes(59, right=0.9)
    assert parts.learner.refit("moe") is None


def test_prompts_of_earlier_classifiers_are_read_again_and_count(parts):
    parts.stores.outcomes = outcomes(50, right=0.9)
    old = [replace(one, classifier="swift-0") for one in outcomes(100, right=0.9, first=100)]
    parts.stores.of_others = [(one, ASKED) for one in old]
    refit = parts.learner.refit("moe")
    assert refit.card.outcomes == 150
    assert refit.card.a[1] != CARD.a[1]  # learnt from z as this classifier reads it


def test_what_was_known_before_a_card_was_rolled_back_teaches_it_no_more(parts):
    parts.stores.outcomes = outcomes(100, right=0.9)
    parts.stores.of_others = [(one, ASKED) for one in parts.stores.outcomes]
    parts.stores.rolled_back_at = 90
    assert parts.learner.refit("moe") is None


def test_the_active_cards_are_loaded_once_and_again_when_they_changed(parts):
    card = to_json(replace(CARD, b=1.0))
    parts.stores.in_force = {"moe": card}
    assert parts.learner.put_in_force()
    assert not parts.learner.put_in_force()
    parts.stores.in_force = {}
    assert parts.learner.put_in_force()
    assert parts.classifier.loaded == [[card], []]


def test_a_drift_beyond_chance_is_logged_once(parts, caplog):
    parts.stores.outcomes = outcomes(200, right=0.9)
    with caplog.at_level(logging.WARNING):
        parts.learner.measure_drift()
        parts.learner.measure_drift()
    assert parts.learner.drift["moe"].error == pytest.approx(0.4, abs=0.05)
    assert len(caplog.records) == 1
    parts.stores.outcomes = []
    parts.learner.measure_drift()
    assert parts.learner.drift == {}


def test_a_card_is_refitted_when_it_is_due_and_this_replica_may(parts):
    parts.stores.outcomes = outcomes(200, right=0.9)
    parts.stores.mine = False
    parts.learner.refit_what_is_due()
    assert (parts.stores.claims, parts.stores.promoted) == (["moe"], [])
    parts.stores.mine = True
    parts.learner.refit_what_is_due()
    assert len(parts.stores.promoted) == 1


def test_too_few_outcomes_claim_nothing(parts):
    parts.stores.outcomes = outcomes(59, right=0.9)
    parts.learner.refit_what_is_due()
    assert parts.stores.claims == []


def test_where_refits_are_left_to_the_operator_nothing_is_due(tmp_path):
    parts = Parts(tmp_path, every=0.0)
    parts.stores.outcomes = outcomes(200, right=0.9)
    parts.learner.refit_what_is_due()
    assert parts.stores.claims == []
