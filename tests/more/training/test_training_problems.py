from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_outcomes import read

from classifiers.text.lexical_features import PROBLEM_FEATURES
from classifiers.training.bags import read_bags
from classifiers.training.dataset import Outcomes
from classifiers.training.problems import COLUMNS, LEAST, cross_validated, fit_direction, gaps


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return read(tmp_path_factory.mktemp("problems"), "train")


@pytest.fixture(scope="module")
def lexical(train: Outcomes) -> np.ndarray:
    return read_bags(train.texts).lexical


@pytest.fixture(scope="module")
def gap(train: Outcomes) -> np.ndarray:
    return gaps(train)


def shuffled(gap: np.ndarray, seed: int) -> np.ndarray:
    """The same gaps, each with another word problem."""
    known = np.flatnonzero(np.isfinite(gap))
    mixed = gap.copy()
    mixed[known] = gap[np.random.default_rng(seed).permutation(known)]
    return mixed


def test_a_gap_is_the_stronger_half_s_mean_less_the_weaker_s_and_told_of_word_problems_alone(
    train: Outcomes, gap: np.ndarray
) -> None:
    result = np.array([task == "ulab/gsm8k" for task in train.tasks])
    np.testing.assert_array_equal(np.isfinite(gap), result)
    strong = np.array([kind == "premium" for kind in train.kinds])
    expected = train.by_model[:, strong].mean(axis=1) - train.by_model[:, ~strong].mean(axis=1)
    np.testing.assert_allclose(gap[result], expected[result], atol=1e-6)


def test_a_model_that_answered_too_few_of_them_has_no_say_in_the_gap(
    train: Outcomes, gap: np.ndarray
) -> None:
    rare = np.full((len(train.ids), 1), np.nan, dtype=np.float32)
    rare[::4] = 0.0
    more = replace(
        train,
        models=(*train.models, "rare"),
        kinds=(*train.kinds, "local"),
        by_model=np.hstack([train.by_model, rare]),
    )
    np.testing.assert_array_equal(gaps(more), gap)


def test_the_direction_finds_a_planted_signal_on_unseen_prompts(
    tmp_path: Path, lexical: np.ndarray, gap: np.ndarray
) -> None:
    direction = fit_direction(lexical, gap)
    unseen = read(tmp_path, "dev_gsm8k")
    text = read_bags(unseen.texts).lexical[:, COLUMNS] @ direction
    correlation = np.corrcoef(text, gaps(unseen))[0, 1]
    assert correlation > 0.35
    size, forecast = cross_validated(lexical, gap, seed=3)
    assert size == 360
    assert forecast == pytest.approx(correlation, abs=0.12)


def test_what_widens_the_gap_weighs_more_than_what_does_not(
    lexical: np.ndarray, gap: np.ndarray
) -> None:
    spread = lexical[np.isfinite(gap), COLUMNS].std(axis=0)
    weights = dict(zip(PROBLEM_FEATURES, fit_direction(lexical, gap) * spread, strict=True))
    others = ("problem_log_chars", "problem_log_words", "problem_log_each", "problem_log_rest")
    for cue in ("problem_log_percent", "problem_log_part"):
        assert weights[cue] > 0
        assert all(weights[cue] > 1.5 * abs(weights[other]) for other in others)


def test_the_direction_has_mean_0_and_deviation_1_over_its_word_problems(
    lexical: np.ndarray, gap: np.ndarray
) -> None:
    text = lexical[np.isfinite(gap), COLUMNS] @ fit_direction(lexical, gap)
    assert text.mean() == pytest.approx(0, abs=1e-4)
    assert text.std() == pytest.approx(1, abs=1e-4)


def test_with_too_few_word_problems_there_is_no_direction(
    train: Outcomes, lexical: np.ndarray
) -> None:
    result = np.flatnonzero(np.isfinite(gaps(train)))
    few, enough = result[: LEAST - 1], result[:LEAST]
    assert np.isnan(gaps(train.select(few))).all()
    assert np.isfinite(gaps(train.select(enough))).all()
    gap = gaps(train)
    assert not fit_direction(lexical[few], gap[few]).any()
    assert fit_direction(lexical[enough], gap[enough]).any()
    assert cross_validated(lexical[enough], gap[enough], seed=3) == (LEAST, 0.0)


def test_other_tasks_give_no_direction(train: Outcomes, lexical: np.ndarray) -> None:
    other = replace(train, tasks=("ulab/math",) * len(train.ids))
    assert np.isnan(gaps(other)).all()
    assert not fit_direction(lexical, gaps(other)).any()
    assert cross_validated(lexical, gaps(other), seed=3) == (0, 0.0)


def test_a_single_model_gives_no_gap(train: Outcomes) -> None:
    alone = replace(
        train, models=train.models[:1], kinds=train.kinds[:1], by_model=train.by_model[:, :1]
    )
    assert np.isnan(gaps(alone)).all()


def test_gaps_that_are_all_alike_give_no_direction(lexical: np.ndarray, gap: np.ndarray) -> None:
    flat = np.where(np.isfinite(gap), 0.5, np.nan)
    assert not fit_direction(lexical, flat).any()
    assert cross_validated(lexical, flat, seed=3) == (360, 0.0)


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_gaps_cannot_be_foretold(lexical: np.ndarray, gap: np.ndarray, seed: int) -> None:
    _, forecast = cross_validated(lexical, shuffled(gap, seed), seed=3)
    assert abs(forecast) < 0.15


def test_the_same_seed_says_the_same(lexical: np.ndarray, gap: np.ndarray) -> None:
    assert cross_validated(lexical, gap, seed=3) == cross_validated(lexical, gap, seed=3)
    assert cross_validated(lexical, gap, seed=3) != cross_validated(lexical, gap, seed=4)
