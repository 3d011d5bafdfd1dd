"""Which backends a policy chooses: objectives, health, hints, stickiness, weights, limits."""

import pytest
from policy_worlds import BALANCED, decided, policy, signals

from policies.decision import Denial
from policies.explain import explain, render_explanation
from policies.policy import load
from policies.signals import Clock, Hints


def test_the_cheapest_capable_backend_comes_first_and_the_rest_is_fallback():
    decision = decided(BALANCED, signals())
    assert decision.candidates == ("moe", "premium", "local")
    assert decision.reason == "cheapest_capable: moe p=0.80 >= 0.75"


def test_a_backend_within_the_regret_of_the_best_is_capable():
    decision = decided(BALANCED, signals(success={"local": 0.61, "moe": 0.4, "premium": 0.65}))
    assert decision.backend == "local"
    assert decision.reason == "cheapest_capable: local p=0.61 within 0.05 of the best p=0.65"


def test_price_order_is_not_taken_for_quality_order():
    costs = {"local": 9, "moe": 5, "premium": 1}
    assert decided(BALANCED, signals(costs=costs)).backend == "premium"


def test_an_unknown_classification_uses_when_unknown():
    decision = decided(BALANCED, signals(success={}))
    assert decision.candidates == ("moe", "local", "premium")
    assert decision.reason.startswith("when_unknown")


def test_an_unknown_classification_without_its_backend_uses_the_last_candidate():
    assert decided(policy("objective: cheapest_capable"), signals(success={})).backend == "premium"


def test_an_alias_keeps_its_name_and_overrides():
    assert BALANCED.resolve("gpt-4o-mini") == "auto"
    easier = {"local": 0.65, "moe": 0.8, "premium": 0.95}
    assert decided(BALANCED, signals("gpt-4o", success=easier)).backend == "moe"
    assert decided(BALANCED, signals("gpt-4o-mini", success=easier)).backend == "local"


@pytest.mark.parametrize(
    ("model", "tier", "status"),
    [("gpt-9", "pro", "unknown_model"), ("auto", "gold", "route_not_allowed")],
)
def test_what_nobody_may_have_is_denied_with_a_status(model, tier, status):
    denied = BALANCED.decide(signals(model, tier=tier))
    assert isinstance(denied, Denial)
    assert denied.status == status


def test_a_route_outside_the_tier_is_not_allowed():
    subject = policy(
        "objective: fixed", "tiers: {free: {routes: [other]}, pro: {}}\n".replace("other", "auto")
    )
    assert decided(subject, signals(tier="free")).backend == "local"
    closed = load(
        "version: 1\nroutes:\n  a: {candidates: [x]}\n  b: {candidates: [y]}\n"
        "tiers: {free: {routes: [a]}}\n",
        "t.yaml",
    )
    denied = closed.decide(signals("b", tier="free"))
    assert isinstance(denied, Denial)
    assert denied.status == "route_not_allowed"
    named = closed.decide(signals("y", tier="free"))
    assert isinstance(named, Denial)
    assert closed.visible("free") == ("a", "x")


def test_unfit_backends_are_left_out_and_say_why():
    decision = decided(BALANCED, signals(each={"moe": {"unfit": "context window 8192"}}))
    assert decision.candidates == ("premium", "local")
    assert ("exclude", "moe", "unfit: context window 8192") in decision.trail


def test_nothing_fit_is_no_candidates_and_not_a_permission_matter():
    unfit = {name: {"unfit": "no vision"} for name in ("local", "moe", "premium")}
    denied = BALANCED.decide(signals(each=unfit))
    assert isinstance(denied, Denial)
    assert denied.status == "no_candidates"


def test_an_unhealthy_backend_is_the_last_resort_not_the_first():
    decision = decided(BALANCED, signals(each={"moe": {"healthy": False}}))
    assert decision.candidates == ("premium", "local", "moe")
    down = {name: {"healthy": False} for name in ("local", "moe", "premium")}
    assert decided(BALANCED, signals(each=down)).backend == "moe"


def test_a_backend_that_may_not_be_up_to_it_is_the_last_resort_not_the_first():
    decision = decided(BALANCED, signals(each={"moe": {"doubtful": "vision"}}))
    assert decision.candidates == ("premium", "local", "moe")
    every = {name: {"doubtful": "vision"} for name in ("local", "moe", "premium")}
    assert decided(BALANCED, signals(each=every)).backend == "moe"


def test_expected_cost_weighs_price_against_failure():
    subject = policy("objective: expected_cost\nfailure_cost: 0.05")
    assert decided(subject, signals()).backend == "moe"
    dear = policy("objective: expected_cost\nfailure_cost: 5")
    assert decided(dear, signals()).backend == "premium"


def test_expected_cost_plans_a_cascade_where_that_is_cheaper():
    cascade = "cascade: {verify: [not_empty], max_steps: 2, verifier_cost: 0.000001}"
    subject = policy(f"objective: expected_cost\nfailure_cost: 1\n{cascade}")
    decision = decided(subject, signals(success={"local": 0.7, "moe": 0.7, "premium": 0.99}))
    assert decision.cascade is not None
    assert decision.cascade.steps == ("local", "premium")
    assert decision.candidates[:2] == ("local", "premium")


def test_a_cascade_of_cheapest_capable_escalates_to_an_abler_backend():
    subject = policy("cascade: {verify: [not_refusal], max_steps: 2}")
    decision = decided(subject, signals())
    assert decision.cascade is not None
    assert decision.cascade.steps == ("moe", "premium")


def test_the_judge_of_a_cascade_is_dropped_where_it_may_not_read_the_request():
    subject = policy(
        "cascade: {verify: [not_empty], judge: premium}\n"
        "rules:\n  - {name: near, when: request.pii, except: [premium]}"
    )
    odds = {"local": 0.1, "moe": 0.8, "premium": 0.95}
    decision = decided(subject, signals(success=odds))
    assert decision.cascade is not None
    assert decision.cascade.judge == "premium"
    weak = {"local": 0.76, "moe": 0.8, "premium": 0.95}
    private = decided(subject, signals(success=weak, pii=True))
    assert private.cascade is not None
    assert private.cascade.steps == ("local", "moe")
    assert private.cascade.judge is None
    assert ("judge", "premium") in [(step.kind, step.name) for step in private.trail]
    result = render_explanation(explain(subject, signals(success=weak, pii=True)))
    assert "judge       premium, dropped: it may not take this request" in result


def test_best_quality_stays_within_max_cost():
    subject = policy("objective: best_quality\nmax_cost: 0.001")
    assert decided(subject, signals()).candidates == ("moe", "local")


def test_hints_narrow_within_what_the_tier_allows():
    decision = decided(BALANCED, signals(), Hints(exclude=("moe",)))
    assert decision.candidates == ("premium", "local")
    assert decision.allowed == {"local", "premium"}
    assert decided(BALANCED, signals(), Hints(min_success=0.9)).backend == "premium"
    assert decided(BALANCED, signals(), Hints(max_cost_pico=2_000_000)).candidates == ("local",)


@pytest.mark.parametrize("hints", [Hints(route="nope"), Hints(exclude=("nope",))])
def test_a_hint_that_means_nothing_is_refused(hints):
    denied = BALANCED.decide(signals(), hints)
    assert isinstance(denied, Denial)
    assert denied.status == "bad_hint"


def test_a_tier_may_refuse_hints():
    subject = policy("objective: cheapest_capable", "tiers: {free: {hints: [exclude]}}\n")
    denied = subject.decide(signals(tier="free"), Hints(min_success=0.9))
    assert isinstance(denied, Denial)
    assert denied.message == "Your tier may not use the header x-turnout-min-success."


def test_a_conversation_stays_where_it_is_while_that_is_good_enough():
    assert decided(BALANCED, signals(previous="premium")).backend == "premium"
    assert decided(BALANCED, signals(previous="local")).backend == "moe"
    assert decided(BALANCED, signals(previous="premium", pii=True)).backend == "local"


def test_weights_are_stable_per_conversation_and_close_to_their_shares():
    subject = policy("objective: fixed\nfixed: moe\nweights: {moe: 95, premium: 5}")
    drawn = [decided(subject, signals(conversation=f"c{n}")) for n in range(2_000)]
    share = sum(d.backend == "premium" for d in drawn) / len(drawn)
    assert 0.035 < share < 0.065
    again = [decided(subject, signals(conversation=f"c{n}")).backend for n in range(200)]
    assert again == [d.backend for d in drawn[:200]]
    assert {d.propensity for d in drawn} == {0.95, 0.05}


def test_limits_come_out_as_plain_data_in_pico_usd():
    tier = BALANCED.tiers["pro"]
    assert tier.limits["organization"]["usd_per_month"] == 200 * 10**12
    pool = BALANCED.tiers["enterprise"].limits["organization"]["tokens_per_month"]
    assert pool == {"pool": 2_000_000_000, "rollover": 0.5}
    assert BALANCED.tiers["free"].priority == "low"


def test_the_clock_follows_the_time_zone():
    winter = 1_763_766_000_000  # 2025-11-21 23:00 UTC, a Friday
    assert Clock.at(winter, "UTC") == Clock(23, "friday")
    assert Clock.at(winter, "Europe/Berlin") == Clock(0, "saturday")


def test_the_version_is_the_hash_of_the_text():
    assert BALANCED.version == load(BALANCED.source.text, "other.yaml").version
    assert len(BALANCED.version) == 12


def test_asking_for_a_probability_overrules_what_a_failure_costs():
    subject = policy("objective: expected_cost\nfailure_cost: 5")
    assert decided(subject, signals()).backend == "premium"
    assert decided(subject, signals(), Hints(min_success=0.7)).backend == "moe"


@pytest.mark.parametrize("tier", ["pro", "gold"])
def test_a_denial_never_carries_what_the_client_made_up_into_headers(tier):
    denied = BALANCED.decide(signals("模型\r\nx: y", tier=tier))
    assert isinstance(denied, Denial)
    assert denied.route == "none"
    assert denied.reason.isascii()
    assert denied.reason.isprintable()
