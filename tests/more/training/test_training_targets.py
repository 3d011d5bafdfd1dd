import numpy as np
import pytest
from small_outcomes import EASY, HARD, difficulty, read

from classifiers.training.dataset import CLASSES, Outcomes
from classifiers.training.targets import SINGLE_MODELS, TARGETS, expected_scores, targets


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return read(tmp_path_factory.mktemp("targets"), "dev_mmlu").select(np.arange(400))


def with_unknown(outcomes: Outcomes, *, share: float = 0.3) -> Outcomes:
    """The same, with answers taken out; the class of `moe` has a single model."""
    random = np.random.default_rng(2)
    by_model, by_class = outcomes.by_model.copy(), outcomes.by_class.copy()
    gone = random.random(len(by_model)) < share
    moe = outcomes.kinds.index("moe")
    by_model[gone, moe] = np.nan
    by_class[gone, CLASSES.index("moe")] = np.nan
    fields = ("ids", "texts", "sources", "tasks", "models", "kinds")
    return Outcomes(*(getattr(outcomes, name) for name in fields), by_model, by_class)


def ranks_alike(scores: np.ndarray, truth: np.ndarray) -> float:
    """Correlation of the ranks."""
    return float(np.corrcoef(scores.argsort().argsort(), truth.argsort().argsort())[0, 1])


def test_what_is_unknown_stays_unknown_and_everything_else_is_known(questions: Outcomes) -> None:
    holed = with_unknown(questions)
    result = targets(holed)
    np.testing.assert_array_equal(np.isnan(result[:, :3]), np.isnan(holed.by_class))
    assert 80 < np.isnan(result[:, CLASSES.index("moe")]).sum() < 160
    assert np.isfinite(result[:, 3]).all()
    asked_most = np.argsort(-np.isfinite(holed.by_model).sum(axis=0), kind="stable")
    np.testing.assert_array_equal(
        np.isnan(result[:, 4:]), np.isnan(holed.by_model)[:, asked_most[:SINGLE_MODELS]]
    )


def test_targets_are_classes_ease_and_the_models_asked_most(questions: Outcomes) -> None:
    assert targets(questions).shape == (400, 4 + len(questions.models))
    twice = np.hstack([questions.by_model] * 3)
    fields = ("ids", "texts", "sources", "tasks")
    more = Outcomes(
        *(getattr(questions, name) for name in fields),
        tuple(f"{name}-{number}" for number in range(3) for name in questions.models),
        questions.kinds * 3,
        twice,
        questions.by_class,
    )
    assert targets(more).shape == (400, TARGETS)


def test_targets_lie_between_0_and_1_and_lean_to_the_score_itself(questions: Outcomes) -> None:
    result = targets(with_unknown(questions))
    assert np.nanmin(result) >= 0
    assert np.nanmax(result) <= 1
    for column, score in enumerate(questions.by_class.T):
        won, lost = result[score == 1, column], result[score == 0, column]
        assert np.nanmin(won) > 0.4
        assert np.nanmax(lost) < 0.6


def test_expected_scores_rank_prompts_by_their_planted_difficulty(questions: Outcomes) -> None:
    output = questions.by_model.astype(np.float64)
    planted = -np.array([difficulty(text) for text in questions.texts])
    expected = expected_scores(output)
    assert expected.min() > 0
    assert expected.max() < 1
    for column in range(output.shape[1]):
        smoothed = ranks_alike(expected[:, column], planted)
        assert smoothed > 0.6
        assert smoothed > ranks_alike(output[:, column], planted) + 0.1


def test_expected_scores_rank_models_by_their_planted_skill(questions: Outcomes) -> None:
    means = expected_scores(questions.by_model.astype(np.float64)).mean(axis=0)
    skill = dict(zip(questions.models, means, strict=True))
    assert skill["local-a"] < skill["moe-a"] < skill["premium-a"] < skill["premium-c"]


def test_what_a_model_was_not_asked_is_expected_from_the_others(questions: Outcomes) -> None:
    holed = with_unknown(questions)
    gone = np.isnan(holed.by_class[:, CLASSES.index("moe")])
    column = holed.models.index("moe-a")
    expected = expected_scores(holed.by_model.astype(np.float64))[gone, column]
    assert ranks_alike(expected, questions.by_class[gone].sum(axis=1)) > 0.6


def test_the_planted_words_are_told_apart() -> None:
    assert difficulty(f"{' '.join(HARD[:4])} 12?") == 2
    assert difficulty(f"{' '.join(EASY[:4])} 12?") == -2
