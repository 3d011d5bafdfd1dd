"""What the headers of an answer tell: its decision, a denial, who answered at what cost."""

from policies.decision import Decision, Denial
from policies.headers import PREFIX
from router.backends.health.slots import Slot
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
    of_decision,
    of_denial,
)


def decision(*, success: dict[str, float], rules: tuple[str, ...] = ()) -> Decision:
    return Decision(
        "auto", ("moe",), frozenset(("moe",)), "why", "fixed", success=success, rules=rules
    )


def test_a_decision_tells_its_route_its_id_its_reason_and_the_odds():
    headers = of_decision(
        decision(success={"local": 0.5, "moe": 0.816}, rules=("r1", "r2")), "id-1"
    )
    assert dict(headers) == {
        ROUTE: "auto",
        DECISION: "id-1",
        REASON: "why; rules: r1, r2",
        SUCCESS: "local=0.50, moe=0.82",
    }


def test_odds_that_nobody_knows_are_called_unknown():
    headers = dict(of_decision(decision(success={}), "id-1"))
    assert (headers[REASON], headers[SUCCESS]) == ("why", "unknown")


def test_a_denial_tells_its_route_and_its_reason_and_no_message():
    headers = of_denial(Denial("auto", "denied", "denied by rule r", "Not on this plan."))
    assert headers == [(ROUTE, "auto"), (REASON, "denied by rule r")]


def test_an_answer_tells_who_gave_it_and_its_exact_cost():
    assert of_answer("moe", 420_000_000, None) == [(BACKEND, "moe"), (COST_USD, "0.00042")]


def test_a_wait_for_a_scarce_slot_is_told_in_whole_milliseconds():
    headers = dict(of_answer("moe", 0, Slot("pro", 0.0, position=3, waited=0.0126)))
    assert (headers[QUEUE_POSITION], headers[QUEUE_MS]) == ("3", "13")


def test_every_header_has_a_meaning_and_a_name_of_ours():
    assert len(MEANINGS) == 8
    assert all(name.startswith(PREFIX) and name == name.lower() for name in MEANINGS)
