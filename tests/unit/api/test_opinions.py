"""Opinions at the edge: found in time whichever worker answered, and strict about what they say."""

import asyncio
import json

import pytest

from router.api.feedback import Opinions, parse_feedback
from router.domain import Principal
from router.errors import BadRequest, NotFound, Unavailable
from router.loop.outcome_recorder import OutcomeRecorder
from router.loop.outcome_store import OutcomeStore, ScoredDecision

ASKER = Principal(key_id="key_1", organization="acme", team=None, tier="pro")
ID = f"{1:032x}"
OPINION = json.dumps({"decision": ID, "score": 0.5}).encode()
DECISION = ScoredDecision(
    *(ID, 1, "acme", "auto", "moe", "moe", 0.7, "swift-1", b"\0" * 64, b"\1" * 256)
)


class Passing:
    """Time that passes at once; `then` happens after so many looks."""

    def __init__(self, looks: int = 0, then=None) -> None:
        self.passed: list[float] = []
        self._looks, self._then = looks, then

    async def __call__(self, seconds: float) -> None:
        self.passed.append(seconds)
        if len(self.passed) == self._looks:
            await self._then()


@pytest.fixture
def stores(database):
    made = [OutcomeStore(database, keep=10) for _ in range(2)]
    yield made
    for store in made:
        store.close()


def test_what_another_worker_has_not_stored_yet_is_waited_for(stores):
    theirs, ours = map(OutcomeRecorder, stores)
    theirs.add(DECISION)
    passing = Passing(2, theirs.flush)
    reply = asyncio.run(Opinions(ours, stores[1], passing).take(ASKER, OPINION))
    assert json.loads(reply) == {"decision": ID, "accepted": True}
    assert [outcome.score for outcome in stores[0].fair("moe", 10, "swift-1", 0)] == [0.5]


def test_an_own_decision_is_judged_without_a_pause(stores):
    ours, passing = OutcomeRecorder(stores[1]), Passing()
    ours.add(DECISION)
    asyncio.run(Opinions(ours, stores[1], passing).take(ASKER, OPINION))
    assert passing.passed == []


def test_what_nobody_stores_is_refused_after_a_little_more_than_a_recorders_pause(stores):
    passing = Passing()
    with pytest.raises(NotFound, match="nothing to judge") as refused:
        asyncio.run(Opinions(OutcomeRecorder(stores[1]), stores[1], passing).take(ASKER, OPINION))
    assert refused.value.code == "decision_not_found"
    assert 1.5 <= sum(passing.passed) <= 3


def test_a_database_that_is_gone_is_a_503_and_no_fault_of_the_opinion(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    store = OutcomeStore(f"sqlite:///{folder / 'outcomes.db'}", keep=10)
    store.close()
    for file in folder.iterdir():
        file.unlink()
    with pytest.raises(Unavailable):
        asyncio.run(Opinions(OutcomeRecorder(store), store, Passing()).take(ASKER, OPINION))
    store.close()


@pytest.mark.parametrize("score", ["true", "false", '"0.5"', "NaN", "1e400", "1.01", "null", "[]"])
def test_a_score_is_a_number_from_0_to_1(score):
    with pytest.raises(BadRequest) as refused:
        parse_feedback(f'{{"decision": "{ID}", "score": {score}}}'.encode())
    assert "score" in refused.value.message


@pytest.mark.parametrize(
    "body", [b"", b"[" * 9_000, bytes(range(256)), b'{"\\ud800": 1}', b"\xef\xbb\xbf" + OPINION]
)
def test_whatever_else_is_sent_is_a_400(body):
    with pytest.raises(BadRequest):
        parse_feedback(body)
