"""Rules: what their conditions may ask, what they forbid, and how they fail."""

import pytest
from policy_worlds import BALANCED, decided, policy, signals

from policies.decision import Denial
from policies.signals import Clock


def test_a_hard_constraint_leaves_nothing_else_to_fall_back_to():
    decision = decided(BALANCED, signals(pii=True))
    assert decision.candidates == ("local",)
    assert decision.allowed == {"local"}
    assert decision.rules == ("private-stays-home",)


def test_a_tier_rule_changes_thresholds_and_constraints_together():
    decision = decided(BALANCED, signals(tier="free", success={"local": 0.62, "moe": 0.9}))
    assert decision.candidates == ("local", "moe")


def test_naming_a_backend_does_not_get_round_the_rules():
    denied = BALANCED.decide(signals("premium", tier="free"))
    assert isinstance(denied, Denial)
    assert denied.status == "denied"
    assert "free-never-premium" in denied.message
    assert decided(BALANCED, signals("premium")).candidates == ("premium",)
    private = BALANCED.decide(signals("premium", pii=True))
    assert isinstance(private, Denial)


def test_a_weight_never_brings_back_what_a_constraint_took_out():
    subject = policy(
        "weights: {moe: 1, premium: 99}\n"
        "rules:\n  - {name: r, when: request.pii, except: [premium]}"
    )
    drawn = [decided(subject, signals(conversation=f"c{n}", pii=True)) for n in range(50)]
    assert {d.backend for d in drawn} == {"moe"}
    assert {d.propensity for d in drawn} == {1.0}


def test_shadow_obeys_the_hard_constraints():
    subject = policy(
        "rules:\n  - {name: r, when: request.pii, only: [local, moe]}",
        "shadow: {share: 1.0, to: premium, judge: premium}\n",
    )
    copied = decided(subject, signals())
    assert copied.shadow is not None
    assert copied.shadow.to == "premium"
    assert decided(subject, signals(pii=True)).shadow is None


def test_a_condition_that_fails_at_run_time_fails_closed():
    subject = policy(
        "rules:\n"
        "  - {name: hard, when: 1000 / request.max_tokens > 3, except: [premium]}\n"
        "  - {name: soft, when: 1000 / request.max_tokens > 3, objective: best_quality}\n"
    )
    decision = decided(subject, signals())
    assert "premium" not in decision.allowed
    assert decision.objective == "cheapest_capable"
    assert decision.rules == ("hard",)


def test_an_unknown_probability_makes_every_comparison_false():
    subject = policy(
        "rules:\n"
        "  - {name: low, when: 'success[\"moe\"] < 0.5', deny: low}\n"
        "  - {name: high, when: 'success[\"moe\"] >= 0.5', deny: high}\n"
    )
    assert decided(subject, signals(success={})).rules == ()


def test_fixed_in_a_rule_ends_the_settings_but_no_hard_constraint():
    subject = policy(
        "rules:\n"
        "  - {name: a, when: prompt.code, fixed: moe}\n"
        "  - {name: b, when: prompt.code, fixed: premium}\n"
        "  - {name: c, when: request.pii, only: [local], fixed: local}\n"
    )
    private = decided(subject, signals(prompt={"code": True}, pii=True))
    assert private.candidates == ("local",)
    assert private.rules == ("a", "c")
    assert decided(subject, signals(prompt={"code": True})).candidates == (
        "moe",
        "local",
        "premium",
    )


@pytest.mark.parametrize(
    ("condition", "given"),
    [
        ('request.headers["x-app"] == "search"', {"headers": {"x-app": "search"}}),
        ('request.headers["x-app"] == ""', {}),
        ('request.headers["x-app"].startsWith("sea")', {"headers": {"x-app": "search"}}),
        ('"gold" in principal.tags', {"tags": ("gold",)}),
        (
            'backend["moe"].in_flight > 3 && backend["moe"].healthy',
            {"each": {"moe": {"in_flight": 4}}},
        ),
        ('backend["local"].wait_ms > 500', {"each": {"local": {"wait_ms": 600}}}),
        ("clock.hour >= 22 || clock.hour < 6", {"clock": Clock(23, "friday")}),
        ('clock.weekday in ["saturday", "sunday"]', {"clock": Clock(9, "sunday")}),
        ("budget.month.used_share > 0.9", {"budget": {"month": 0.95}}),
        ("budget.used_share > 0.9", {"budget": {"month": 0.1, "day": 0.95}}),
        ('request.route == "auto"', {}),
        ('principal.team == "search"', {}),
    ],
)
def test_each_fact_can_be_asked_for(condition, given):
    asked = {"tier": "pro"}
    subject = policy(f"rules:\n  - name: r\n    when: {condition!r}\n    deny: x".replace("'", "'"))
    wanted = subject.decide(signals(**(asked | given)))
    assert isinstance(wanted, Denial)


def test_needs_says_what_has_to_be_known():
    assert BALANCED.needs("auto").classifier
    assert BALANCED.needs("auto").pii
    assert not BALANCED.needs("premium").classifier
    assert BALANCED.needs("premium").pii
    plain = policy("objective: fixed")
    assert not plain.needs("auto").classifier
    assert not plain.needs("auto").pii
    asks = policy(
        "objective: fixed\nrules:\n  - {name: r, when: 'success[\"moe\"] > 0.9', fixed: moe}"
    )
    assert asks.needs("auto").classifier


def test_a_condition_that_never_ends_is_stopped_and_fails_closed():
    digits = "[1, 2, 3, 4, 5, 6, 7, 8, 9]"
    names = "abcdefg"
    loops = "".join(f"{digits}.all({n}, " for n in names) + " + ".join(names) + " > 0" + ")" * 7
    subject = policy(
        f"rules:\n  - {{name: r, when: '{loops}', except: [premium]}}\n"
        "  - {name: s, when: prompt.tokens > 3, except: [local]}\n"
    )
    assert decided(subject, signals()).allowed == {"moe"}


def test_a_policy_says_which_headers_it_reads():
    subject = policy(
        'rules:\n  - {name: r, when: \'request.headers["x-app"] == "a"\', except: [premium]}'
    )
    assert subject.headers == {"x-app"}
    assert BALANCED.headers == frozenset()
