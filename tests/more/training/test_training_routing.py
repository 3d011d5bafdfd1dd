import numpy as np
import pytest

from classifiers.training.routing import (
    curve,
    hull,
    prices,
    quality_at,
    static_at,
    static_hull,
)

BUDGETS = (0.02, 0.05, 0.1, 0.3, 0.5, 0.8, 1.0)


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(forecasts, outcomes) [300, 3]: on some prompts a stronger class is right more often."""
    random = np.random.default_rng(seed)
    gap = random.random((300, 1)) * np.array([-0.5, 0.0, 0.5])
    p = np.clip(random.beta(2, 2, size=(300, 1)) + gap, 0.02, 0.98)
    return p + random.normal(0, 0.1, p.shape), (random.random(p.shape) < p).astype(np.float64)


@pytest.mark.parametrize("seed", range(5))
def test_the_oracle_is_never_below_a_forecast_nor_below_a_static_mixture(seed: int) -> None:
    text, truth = drawn(seed)
    for budget in BUDGETS:
        oracle = quality_at(*curve(truth, truth), budget)
        assert oracle >= quality_at(*curve(text, truth), budget) - 1e-12
        assert oracle >= static_at(truth, budget) - 1e-12
    assert quality_at(*curve(truth, truth), 0.3) > quality_at(*curve(text, truth), 0.3) + 0.05


@pytest.mark.parametrize("seed", range(5))
def test_a_forecast_that_knows_something_beats_the_static_mixture(seed: int) -> None:
    text, truth = drawn(seed)
    assert quality_at(*curve(text, truth), 0.3) > static_at(truth, 0.3) + 0.01


@pytest.mark.parametrize("seed", range(5))
def test_no_point_lies_above_the_hull_and_a_mixture_never_leaves_it(seed: int) -> None:
    random = np.random.default_rng(seed)
    costs, quality = random.random(40), random.random(40)
    x, y = hull(costs, quality)
    below = costs <= x[-1]
    assert (quality[below] <= np.interp(costs[below], x, y) + 1e-12).all()
    assert y[-1] == quality.max()
    assert set(zip(x, y, strict=True)) <= set(zip(costs, quality, strict=True))
    assert (np.diff(np.diff(y) / np.diff(x)) < 0).all()
    for a, b, share in random.random((100, 3)):
        one, two = int(a * 40), int(b * 40)
        cost = share * costs[one] + (1 - share) * costs[two]
        mixed = share * quality[one] + (1 - share) * quality[two]
        assert mixed <= quality_at(costs, quality, cost) + 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_a_static_mixture_at_a_backend_s_own_price_is_at_least_that_backend(seed: int) -> None:
    _, truth = drawn(seed)
    for price, quality in zip(prices(), truth.mean(axis=0) / truth[:, 2].mean(), strict=True):
        assert static_at(truth, price) >= quality - 1e-12


def test_a_hull_by_hand_leaves_out_what_a_mixture_beats() -> None:
    x, y = hull(np.array([0.0, 0.5, 0.5, 1.0, 0.25]), np.array([0.0, 0.2, 0.8, 1.0, 0.4]))
    assert (x.tolist(), y.tolist()) == ([0.0, 0.5, 1.0], [0.0, 0.8, 1.0])


def test_a_hull_by_hand_ends_where_more_money_buys_nothing() -> None:
    x, y = hull(np.array([0.1, 0.3, 1.0]), np.array([0.5, 0.9, 0.7]))
    assert (x.tolist(), y.tolist()) == ([0.1, 0.3], [0.5, 0.9])
    assert quality_at(np.array([0.1, 0.3, 1.0]), np.array([0.5, 0.9, 0.7]), 1.0) == 0.9


def test_a_static_mixture_by_hand() -> None:
    truth = np.array([[0, 1, 1], [0, 0, 1], [1, 1, 1], [0, 0, 1]], dtype=np.float64)
    x, y = static_hull(truth)
    assert (x.tolist(), y.tolist()) == ([0.02, 0.1, 1.0], [0.25, 0.5, 1.0])
    assert static_at(truth, 0.55) == pytest.approx(0.75)
    assert static_at(truth, 0.06) == pytest.approx(0.375)


def test_a_class_that_is_never_worth_its_price_is_left_out_of_the_mixture() -> None:
    truth = np.array([[1, 0, 1], [0, 0, 1]], dtype=np.float64)
    assert static_hull(truth)[0].tolist() == [0.02, 1.0]
    assert static_at(truth, 0.1) == pytest.approx(0.5 + 0.5 * 0.08 / 0.98)


def test_the_oracle_by_hand_pays_for_premium_only_where_nothing_else_is_right() -> None:
    truth = np.array([[1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0]], dtype=np.float64)
    costs, quality = curve(truth, truth)
    assert costs.max() == pytest.approx(1.0 / 4 * (0.02 + 0.1 + 1.0 + 0.02), abs=1e-9)
    assert quality_at(costs, quality, 0.285) == pytest.approx(1.0)


def test_prices_decide_between_forecasts_that_are_alike() -> None:
    text = np.full((4, 3), 0.5)
    costs, _ = curve(text, np.ones((4, 3)))
    np.testing.assert_allclose(costs, 0.02)
