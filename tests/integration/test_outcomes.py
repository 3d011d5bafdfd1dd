"""The store of decisions and outcomes, on a real SQLite file."""

import pytest

from router.loop.store import OutcomeStore, ScoredDecision


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
