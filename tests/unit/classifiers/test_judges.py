"""Nobody bends a card by saying much."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.cards.judges import LARGEST_SHARE, fair_weights


def _shares(counts: list[int]) -> list[float]:
    judges = [judge for judge, count in enumerate(counts) for _ in range(count)]
    weights = fair_weights([1.0] * len(judges), judges)
    total = sum(weights)
    return [
        sum(weight for weight, by in zip(weights, judges, strict=True) if by == judge) / total
        for judge in range(len(counts))
    ]


@given(st.lists(st.integers(1, 300), min_size=5, max_size=12))
def test_of_five_judges_or_more_none_exceeds_its_share(counts):
    assert max(_shares(counts)) <= LARGEST_SHARE + 1e-6


@given(st.lists(st.integers(1, 300), min_size=1, max_size=4))
def test_fewer_judges_share_alike(counts):
    assert _shares(counts) == pytest.approx([1 / len(counts)] * len(counts))


def test_nobody_who_stays_below_the_share_loses_anything():
    weights = fair_weights([1.0] * 60, [number % 6 for number in range(60)])
    assert weights == [1.0] * 60


def test_no_outcomes_have_no_weights():
    assert fair_weights([], []) == []
