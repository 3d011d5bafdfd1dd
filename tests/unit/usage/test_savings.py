"""The savings report: exact sums, honest unknowns, intervals that hold what they claim."""

import random

import pytest

from router.usage.savings import checks, quality_of, savings

ROW = {
    "backend": "local",
    "requests": 10,
    "input_tokens": 1000,
    "output_tokens": 500,
    "busy_ms": 5_000,
    "energy_mj": 20_000,
    "metered": 10,
    "energy_source": "declared",
    "cost_pico": 1_500,
    "baseline_pico": 150_000,
    "uncompared": 0,
    "predicted": 0.5,
}
OTHER = ROW | {"backend": "premium", "cost_pico": 150_000, "energy_mj": 0, "metered": 0}
OTHER |= {"energy_source": None, "predicted": None}


def test_each_backend_and_the_total_stand_beside_the_same_tokens_at_the_baseline():
    local, premium, total = savings([ROW, OTHER], [])
    assert (local.cost_pico, local.baseline_pico) == (1_500, 150_000)
    assert local.saved == pytest.approx(0.99)
    assert premium.saved == 0.0
    assert (total.requests, total.cost_pico, total.baseline_pico) == (20, 151_500, 300_000)


def test_what_is_not_known_is_none_and_never_zero():
    _, premium, total = savings([ROW, OTHER], [])
    assert premium.joules_per_request is None
    assert premium.cost_per_success_pico is None
    assert total.joules_per_request == pytest.approx(2.0)
    assert savings([], []) == []


def test_audits_count_before_what_the_classifier_expected():
    local, _ = savings([ROW], [("local", 1.0), ("local", 1.0), ("local", 0.0)])
    assert local.quality.mean == pytest.approx(2 / 3)
    assert local.cost_per_success_pico == 225
    expected, _ = savings([ROW], [])
    assert expected.cost_per_success_pico == 300


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    dice = random.Random(7)
    held = 0
    for _ in range(400):
        quality = quality_of([float(dice.random() < 0.8) for _ in range(60)])
        held += quality.low <= 0.8 <= quality.high
    assert 0.92 <= held / 400 <= 0.98


def test_each_verifier_says_how_often_it_fired_and_what_it_cost_and_saved():
    costs = {"rejected_pico": 0, "judge_pico": 5, "cost_pico": 105, "direct_pico": 1_000}
    passed = {"verifier": "passed", "requests": 8, **costs}
    fired = {"verifier": "not_empty", "requests": 2, **costs, "rejected_pico": 90}
    fired |= {"cost_pico": 1_095}
    first, second, total = checks([fired, passed])
    assert (first.verifier, first.saved_pico) == ("passed", 895)
    assert (second.verifier, second.rejected_pico, second.saved_pico) == ("not_empty", 90, -95)
    assert (total.requests, total.rejected_pico, total.judge_pico) == (10, 90, 10)
    assert total.saved_pico == 800
    assert checks([]) == []
