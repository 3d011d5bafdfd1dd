"""The store of decisions and outcomes, on a real SQLite file."""

from dataclasses import replace

import pytest
from loop_fakes import judged

from router.loop.outcome_store import OutcomeStore, ScoredDecision


def _decision(number: int, organization: str = "acme") -> ScoredDecision:
    return ScoredDecision(
        decision=f"{number:032x}",
        at=number,
        organization=organization,
        route="auto",
        backend="moe",
        ability="moe",
        predicted=0.7,
        classifier="swift-1",
        z=b"\x00" * 64,
        embedding=b"\x01" * 256,
    )


@pytest.fixture
def store(database):
    made = OutcomeStore(database, keep=10)
    yield made
    made.close()


def _judge(store: OutcomeStore, number: int, score: float, by: str = "key_1", org: str = "acme"):
    return store.judge(
        f"{number:032x}", score, organization=org, source="feedback", by=by, at=1_000
    )


def test_an_opinion_carries_the_evidence_of_its_decision(store):
    store.remember([_decision(1)])
    assert _judge(store, 1, 0.25)
    [outcome] = store.fair("moe", 10, "swift-1", 0)
    assert (outcome.score, outcome.predicted, outcome.backend) == (0.25, 0.7, "moe")
    assert outcome.z == b"\x00" * 64
    assert store.counts() == {"moe": 1}


def test_the_same_judge_counts_once_however_often_it_speaks(store):
    store.remember([_decision(1)])
    for score in (0.0, 1.0, 0.5):
        assert _judge(store, 1, score)
    assert [outcome.score for outcome in store.fair("moe", 10, "swift-1", 0)] == [0.5]


def test_nobody_judges_the_decisions_of_another_organization(store):
    store.remember([_decision(1)])
    assert not _judge(store, 1, 0.0, org="rival")
    assert store.fair("moe", 10, "swift-1", 0) == []


def test_the_oldest_decisions_are_forgotten_and_the_outcomes_stay(store):
    store.remember([_decision(1)])
    assert _judge(store, 1, 1.0)
    store.remember([_decision(number) for number in range(2, 30)])
    assert not _judge(store, 1, 0.0)
    assert _judge(store, 29, 1.0)
    assert len(store.fair("moe", 10, "swift-1", 0)) == 2


def test_who_says_much_takes_no_place_away_from_who_says_little(store):
    store.add([judged(number, 0.0, by="loud") for number in range(100, 200)])
    store.add([judged(number, 1.0, by="quiet") for number in range(3)])
    fair = store.fair("moe", 6, "swift-1", 0)
    assert sorted(outcome.by for outcome in fair) == ["loud"] * 3 + ["quiet"] * 3
    assert [outcome.at for outcome in fair] == sorted(outcome.at for outcome in fair)


def test_only_outcomes_of_this_classifier_since_then_are_given(store):
    store.add([judged(1, 1.0), judged(5, 1.0), judged(9, 1.0, classifier="swift-0")])
    assert [outcome.at for outcome in store.fair("moe", 10, "swift-1", 2)] == [5]


def test_an_audit_is_counted_in_the_days_asked_for(store):
    audits = [replace(judged(at, 1.0), source="audit") for at in (10, 20)]
    store.add([*audits, judged(15, 0.0)])
    assert store.audits(None, None) == [("cheap", 1.0)] * 2
    assert store.audits(11, None) == store.audits(None, 11) == [("cheap", 1.0)]


def test_a_decision_is_worth_the_mean_of_feedback_and_audits(store):
    feedback, audit = judged(1, 0.0), replace(judged(1, 1.0), source="audit")
    verifier = replace(judged(1, 1.0), source="verifier")
    store.add([feedback, audit, verifier])
    assert store.verdicts() == {(f"{1:032x}", "cheap"): 0.5}
