"""What an answer's headers tell: each has a meaning, and says it in words that fit a header."""

import pytest

from policies.decision import Decision, Denial
from router.backends.health.slots import Slot
from router.ledger.reserve_request import RunLeft
from router.pipeline.response_headers import (
    BACKEND,
    COST_USD,
    DECISION,
    MEANINGS,
    QUEUE_MS,
    QUEUE_POSITION,
    REASON,
    ROUTE,
    SUCCESS,
    of_answer,
    of_count,
    of_decision,
    of_denial,
    of_downgraded,
    of_queued,
    of_run,
)


def decision(**fields: object) -> Decision:
    allowed = frozenset({"local", "moe"})
    return Decision("auto", ("local", "moe"), allowed, "cheapest", "cheapest_capable", **fields)


def test_a_decision_is_explained_by_its_route_its_id_its_reason_and_its_odds():
    result = of_decision(decision(success={"local": 0.5, "moe": 0.825}), "r1")
    assert dict(result) == {
        ROUTE: "auto",
        DECISION: "r1",
        REASON: "cheapest",
        SUCCESS: "local=0.50, moe=0.82",
    }


def test_rules_that_matched_are_named_after_the_reason():
    result = dict(of_decision(decision(rules=("private", "long")), "r1"))
    assert result[REASON] == "cheapest; rules: private, long"


def test_without_a_classification_the_odds_are_unknown():
    assert dict(of_decision(decision(), "r1"))[SUCCESS] == "unknown"


def test_a_denial_is_explained_by_its_route_and_its_reason():
    denial = Denial("auto", "denied", "rule closed", "Closed for today.")
    assert of_denial(denial) == [(ROUTE, "auto"), (REASON, "rule closed")]


@pytest.mark.parametrize(
    ("cost_pico", "usd"),
    [(0, "0"), (1, "0.000000000001"), (200_000_000, "0.0002"), (3 * 10**12, "3")],
)
def test_an_answer_says_who_gave_it_and_what_it_cost(cost_pico: int, usd: str):
    headers = dict(of_answer("moe", cost_pico, None))
    assert set(headers) == {BACKEND, COST_USD}
    assert headers[BACKEND] == "moe"
    assert float(headers[COST_USD]) == float(usd)
    assert "e" not in headers[COST_USD]


def test_a_slot_that_was_waited_for_says_how_long_and_behind_how_many():
    result = dict(of_answer("moe", 0, Slot("pro", 0.0, position=3, waited=1.2345)))
    assert (result[QUEUE_POSITION], result[QUEUE_MS]) == ("3", "1234")
    at_once = dict(of_answer("moe", 0, Slot("pro", 0.0)))
    assert (at_once[QUEUE_POSITION], at_once[QUEUE_MS]) == ("0", "0")


def test_every_header_that_is_told_has_a_meaning():
    result = [*of_decision(decision(), "r1"), *of_answer("moe", 0, Slot("pro", 0.0))]
    result += [*of_count("moe"), *of_queued(1.25), *of_downgraded("organization:usd_per_day")]
    result += of_run("r1", RunLeft(0.5, 3))
    assert {name for name, _ in result} == set(MEANINGS)
