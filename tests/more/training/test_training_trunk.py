from dataclasses import dataclass, replace

import click
import numpy as np
import pytest
from small_outcomes import EASY, read
from threadpoolctl import threadpool_limits

from classifiers.artifact import Artifact
from classifiers.cards.metrics import auc
from classifiers.prompt import prompt_of_text
from classifiers.serving import Classifier
from classifiers.text.words import WORDS, number_of
from classifiers.training.bags import Bags, read_bags
from classifiers.training.dataset import CLASSES, Outcomes
from classifiers.training.export import to_onnx
from classifiers.training.fit import SAMPLE, FittedTrunk, fit_head, fit_trunk
from classifiers.training.forecasts import read_split
from classifiers.training.problems import gaps
from classifiers.training.table import WordTable, quantised
from classifiers.training.targets import targets
from classifiers.training.train import PARITY, check_parity, manifest_of

SEED = 5


@dataclass(frozen=True, eq=False)
class Material:
    """What a trunk is fitted on; random word vectors, because distilling takes a minute."""

    train: Outcomes
    bags: Bags
    table: WordTable

    def fit(self, seed: int, *, goals: np.ndarray | None = None) -> FittedTrunk:
        goals = targets(self.train) if goals is None else goals
        with threadpool_limits(1):  # on a busy machine several threads wait for each other
            return fit_trunk(self.table, self.bags, goals, gaps(self.train), seed)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    train = read(tmp_path_factory.mktemp("trunk"), "train")
    vectors = np.random.default_rng(SEED).normal(size=(WORDS, 32))
    return Material(train, read_bags(train.texts), quantised(vectors))


@pytest.fixture(scope="module")
def fitted(material: Material) -> FittedTrunk:
    return material.fit(SEED)


@pytest.fixture(scope="module")
def graph(fitted: FittedTrunk) -> bytes:
    return to_onnx(fitted.weights)


@pytest.fixture(scope="module")
def trunk(fitted: FittedTrunk, graph: bytes) -> Classifier:
    manifest = manifest_of(fitted.weights, graph)
    return Classifier.from_artifact(Artifact(manifest, graph, {}), device="cpu")


def test_the_same_data_and_seed_give_the_same_bytes_and_another_seed_others(
    material: Material, graph: bytes
) -> None:
    assert to_onnx(material.fit(SEED).weights) == graph
    assert to_onnx(material.fit(SEED + 1).weights) != graph


def test_the_graph_computes_what_was_fitted(
    material: Material, fitted: FittedTrunk, trunk: Classifier
) -> None:
    output = trunk.read([prompt_of_text(text) for text in material.train.texts[:SAMPLE]])
    assert fitted.sample_z.shape == (SAMPLE, fitted.weights.z_size)
    assert output.embedding.shape == (SAMPLE, fitted.weights.embedding_size)
    assert np.isfinite(output.embedding).all()
    np.testing.assert_allclose(output.z, fitted.sample_z, atol=PARITY)
    assert (fitted.sample_z.std(axis=0) > 0.3).all()


@pytest.mark.parametrize("wrong", [2 * PARITY, float("nan")])
def test_the_training_ends_where_the_graph_says_other_numbers_than_were_fitted(
    material: Material, fitted: FittedTrunk, trunk: Classifier, wrong: float
) -> None:
    check_parity(trunk, material.train, fitted)
    other = fitted.sample_z.copy()
    other[3, 2] += wrong
    with pytest.raises(click.ClickException, match="away from the fitted one"):
        check_parity(trunk, material.train, replace(fitted, sample_z=other))


def test_the_last_of_z_is_computed_as_fitted_and_not_only_as_zero(
    fitted: FittedTrunk, trunk: Classifier, material: Material
) -> None:
    output = trunk.read([prompt_of_text(text) for text in material.train.texts[:SAMPLE]]).z[:, -1]
    np.testing.assert_allclose(output, fitted.sample_z[:, -1], atol=1e-4)
    assert np.count_nonzero(output) == SAMPLE // 2


def test_the_last_of_z_is_zero_but_for_word_problems(material: Material, trunk: Classifier) -> None:
    last = read_split(trunk, material.train).z[:, -1]
    result = np.array([task == "ulab/gsm8k" for task in material.train.tasks])
    assert (last[~result] == 0).all()
    assert (last[result] != 0).all()
    assert last[result].mean() == pytest.approx(0, abs=0.05)
    assert last[result].std() == pytest.approx(2, abs=0.1)


def test_without_word_problems_the_last_of_z_is_zero_everywhere(material: Material) -> None:
    asked = np.flatnonzero(np.array(material.train.tasks) != "ulab/gsm8k")
    none = np.full(len(material.train.ids), np.nan)
    goals = targets(material.train)
    with threadpool_limits(1):
        fitted = fit_trunk(material.table, material.bags, goals, none, SEED)
    assert len(asked) == 360
    assert not fitted.weights.problem_weights.any()
    assert not fitted.sample_z[:, -1].any()


def test_a_head_has_no_weight_on_the_last_of_z(material: Material, fitted: FittedTrunk) -> None:
    for column in range(len(CLASSES)):
        a, _ = fit_head(fitted.unseen_z, material.train.by_class[:, column], column)
        assert len(a) == fitted.weights.z_size
        assert a[-1] == 0
        assert np.count_nonzero(a) == len(a) - 1
    assert all(card.a[-1] == 0 for card in Classifier.load(device="cpu").cards.values())


def test_heads_rank_prompts_that_the_trunk_has_not_seen(
    material: Material,
    fitted: FittedTrunk,
    trunk: Classifier,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    unseen = read_split(trunk, read(tmp_path_factory.mktemp("unseen"), "dev_mmlu"))
    for column in range(len(CLASSES)):
        a, b = fit_head(fitted.unseen_z, material.train.by_class[:, column], column)
        ranking = auc(unseen.z @ a + b, unseen.outcomes.by_class[:, column])
        assert ranking > 0.68
        assert auc(unseen.length, unseen.outcomes.by_class[:, column]) < 0.55


def test_z_of_training_prompts_is_as_unseen_so_shuffled_goals_cannot_be_foretold(
    material: Material, fitted: FittedTrunk
) -> None:
    mixed = targets(material.train)[np.random.default_rng(1).permutation(720)]
    chance = material.fit(SEED, goals=mixed).unseen_z
    for column in range(len(CLASSES)):
        assert abs(np.corrcoef(chance[:, column], mixed[:, column])[0, 1]) < 0.15
        result = np.corrcoef(fitted.unseen_z[:, column], targets(material.train)[:, column])[0, 1]
        assert result > 0.3


def test_a_word_that_no_two_training_prompts_hold_counts_for_nothing(fitted: FittedTrunk) -> None:
    known, unheard = number_of(EASY[0]), number_of("unheardof")
    assert fitted.weights.word_idf2[known] > 1
    assert fitted.weights.word_votes[known].any()
    assert fitted.weights.word_idf2[unheard] == 0
    assert not fitted.weights.word_votes[unheard].any()


def test_z_has_mean_0_and_deviation_1_over_the_training_prompts(fitted: FittedTrunk) -> None:
    np.testing.assert_allclose(fitted.unseen_z.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(fitted.unseen_z.std(axis=0), 1, atol=1e-9)
