"""A customer judges with one voice, however many keys it has."""

import asyncio
import json

import pytest

from router.api.feedback import Opinions, judge_of
from router.domain import Principal
from router.loop.learner import observations
from router.loop.outcome_recorder import OutcomeRecorder
from router.loop.outcome_store import OutcomeStore, ScoredDecision


def decision(number: int, organization: str) -> ScoredDecision:
    facts = ("auto", "moe", "moe", 0.7, "swift-1", b"\0" * 64, b"\1" * 256)
    return ScoredDecision(f"{number:032x}", number, organization, *facts)


def key(number: int, organization: str) -> Principal:
    return Principal(f"key_{number}", organization, "pro")


@pytest.fixture
def store(database):
    store = OutcomeStore(database, keep=1_000)
    yield store
    store.close()


def told(store: OutcomeStore, *opinions: tuple[Principal, int, float]) -> None:
    async def tell() -> None:
        recorder = OutcomeRecorder(store)
        taking = Opinions(recorder, store)
        for principal, number, score in opinions:
            recorder.add(decision(number, principal.organization))
            body = json.dumps({"decision": f"{number:032x}", "score": score})
            await taking.take(principal, body.encode())

    asyncio.run(tell())


def test_forty_keys_of_one_customer_weigh_as_much_as_one_key_of_each_other(store):
    flood = [(key(n, "flooder"), 100 + n, 0.0) for n in range(40)]
    others = [(key(n, f"customer-{n}"), n, 1.0) for n in range(5)]
    told(store, *flood, *others)
    seen = observations(store.fair("moe", 1_000, "swift-1", 0))
    weight = sum(w for w, score in zip(seen.weights, seen.scores, strict=True) if score == 0.0)
    assert weight <= sum(seen.weights) / 5 + 1e-6


def test_a_customers_second_key_replaces_the_opinion_of_its_first(store):
    told(store, (key(1, "acme"), 7, 0.0), (key(2, "acme"), 7, 1.0))
    assert [outcome.score for outcome in store.fair("moe", 10, "swift-1", 0)] == [1.0]


@pytest.mark.parametrize("name", ["acme", "x" * 128])
def test_a_judge_has_a_name_that_sql_can_keep(name):
    assert len(judge_of(key(1, name))) <= 64
    assert judge_of(key(1, name)) == judge_of(key(2, name))
    assert judge_of(key(1, name)) != judge_of(key(1, name + "y"))
