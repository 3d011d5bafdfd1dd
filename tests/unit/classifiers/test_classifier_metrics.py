import math

import numpy as np
import pytest

from classifiers.cards.metrics import (
    adaptive_ece,
    apgr,
    auc,
    brier,
    cpt,
    debiased_ece,
    ece,
    gap_curve,
    reliability,
)

RANDOM = np.random.default_rng(4)


def test_auc_counts_pairs_with_ties_as_half() -> None:
    assert auc(np.array([0.1, 0.9]), np.array([0.0, 1.0])) == 1.0
    assert auc(np.array([0.9, 0.1]), np.array([0.0, 1.0])) == 0.0
    assert auc(np.array([0.5, 0.5]), np.array([0.0, 1.0])) == 0.5
    assert np.isnan(auc(np.array([0.5, 0.6]), np.array([1.0, 1.0])))


def test_a_fractional_score_counts_as_that_share_of_a_success() -> None:
    whole = auc(np.array([0.2, 0.2, 0.7, 0.7]), np.array([1.0, 0.0, 1.0, 1.0]))
    assert auc(np.array([0.2, 0.7]), np.array([0.5, 1.0])) == pytest.approx(whole)


def test_a_perfectly_calibrated_forecast_has_an_error_near_zero() -> None:
    p = RANDOM.random(50_000)
    y = (RANDOM.random(50_000) < p).astype(float)
    for error in (ece, adaptive_ece):
        assert error(p, y) < 0.01
        assert error(np.clip(p + 0.1, 0, 1), y) == pytest.approx(0.1, abs=0.02)


def test_calibration_error_is_the_gap_of_each_bin_weighted_by_its_prompts() -> None:
    p = np.array([0.12, 0.18, 0.55, 1.0])
    y = np.array([0.0, 1.0, 0.5, 1.0])
    assert ece(p, y) == pytest.approx((abs(0.30 - 1.0) + 0.05 + 0.0) / 4)
    assert adaptive_ece(p, y, bins=2) == pytest.approx((abs(0.30 - 1.0) + abs(1.55 - 1.5)) / 4)


def test_chance_is_taken_off_the_calibration_error_and_a_true_error_stays() -> None:
    p = RANDOM.uniform(0.2, 0.6, size=(40, 800))
    y = (RANDOM.random(p.shape) < p).astype(float)
    true = np.mean([debiased_ece(*row) for row in zip(p, y, strict=True)])
    false = np.mean([debiased_ece(text + 0.1, was) for text, was in zip(p, y, strict=True)])
    plain = np.mean([adaptive_ece(*row) for row in zip(p, y, strict=True)])
    assert true < 0.6 * plain
    assert false == pytest.approx(0.1, abs=0.01)


def test_reliability_bins_hold_equally_many() -> None:
    p = RANDOM.random(1000)
    assert [count for _, _, count in reliability(p, p)] == [100] * 10


def test_brier_is_the_squared_error_of_single_answers() -> None:
    assert brier(np.array([0.8]), np.array([1.0])) == pytest.approx(0.04)
    assert brier(np.array([0.8]), np.array([0.5])) == pytest.approx(0.5 * 0.04 + 0.5 * 0.64)


def test_routing_at_random_recovers_half_and_knowing_all_recovers_most() -> None:
    weak = (RANDOM.random(20_000) < 0.6).astype(float)
    strong = np.maximum(weak, RANDOM.random(20_000) < 0.5)
    chance = RANDOM.random(20_000)
    assert apgr(chance, weak, strong) == pytest.approx(0.5, abs=0.02)
    assert cpt(chance, weak, strong, 0.5) == pytest.approx(0.5, abs=0.04)
    knowing = strong - weak + 0.01 * chance
    assert apgr(knowing, weak, strong) > 0.85
    assert cpt(knowing, weak, strong, 0.8) < 0.2


def test_between_equally_good_models_there_is_no_gap_to_recover() -> None:
    same = np.array([0.0, 1.0, 1.0, 0.0])
    assert math.isnan(apgr(np.arange(4.0), same, same[::-1]))
    assert math.isnan(cpt(np.arange(4.0), same, same[::-1], 0.5))


def test_the_gap_curve_runs_from_all_weak_to_all_strong() -> None:
    weak, strong = np.zeros(100), np.ones(100)
    share, quality = gap_curve(np.arange(100.0), weak, strong)
    assert len(share) == 11
    assert (share[0], quality[0]) == (0.0, 0.0)
    assert (share[-1], quality[-1]) == (1.0, 1.0)
