"""Fit the trunk: votes, inputs, landmarks, z, and the embedding that cards may learn on.

Votes are cross-fitted: a training prompt enters the kernel with the votes of words that were
fitted without it, otherwise the kernel would trust them too much. In the same way `fit_head`
gets z of training prompts from kernels fitted without them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from sklearn.cluster import MiniBatchKMeans

from classifiers.cards.logistic import fit_logistic
from classifiers.training.bags import Bags, Idf, fit_votes, idf_of
from classifiers.training.dataset import CLASSES
from classifiers.training.export import LIMIT, TrunkWeights
from classifiers.training.problems import COLUMNS, fit_direction
from classifiers.training.table import WordTable

Matrix = NDArray[np.float64]

FOLDS: Final = 5
VOTES: Final = len(CLASSES) + 1  # the classes and the ease over all models
LANDMARKS: Final = 512
EMBEDDING: Final = 256
SAMPLE: Final = 64
# Chosen by five-fold cross-validation on `train`; AUC moved by less than 0.003 around them.
VOTE_WEIGHT: Final = 2.0
BAG_WEIGHT: Final = 0.7
GAMMA: Final = 0.005
KERNEL_PENALTY: Final = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class FittedTrunk:
    """The graph's weights, and what it must say.

    `unseen_z` [N, Z - 1] is what the kernel says of the training prompts as if they had not been
    seen; `sample_z` [SAMPLE, Z] is z of the first of them as the graph has to compute it.
    """

    weights: TrunkWeights
    unseen_z: Matrix
    sample_z: Matrix


def fit_trunk(table: WordTable, bags: Bags, goals: Matrix, gap: Matrix, seed: int) -> FittedTrunk:
    """Fit everything on encoded training prompts, their targets [N, Z - 1] and gaps [N].

    NaN stands for what is unknown.
    """
    random = np.random.default_rng(seed)
    fold = random.integers(0, FOLDS, len(goals))
    idf = idf_of(bags)
    rows = idf.unit_rows(bags)
    votes, coefficients, intercepts = cross_fitted_votes(rows, goals, fold)
    inputs = Inputs.fit(votes, bags, idf, table)
    x = inputs.of(votes, bags)
    landmarks = landmarks_of(x, seed)
    kernel = kernel_of(x, landmarks)
    gram = kernel_of(landmarks, landmarks) + 1e-4 * np.eye(len(landmarks))
    z_weights, z_bias = fit_z(kernel, gram, goals)
    unseen = np.empty_like(goals)
    for inside, outside in splits_of(fold):
        w, b = fit_z(kernel[inside], gram, goals[inside])
        unseen[outside] = kernel[outside] @ w + b
    scale, mean = 1 / unseen.std(axis=0), unseen.mean(axis=0)
    direction = fit_direction(bags.lexical, gap)
    weights = inputs.weights(
        coefficients,
        intercepts,
        landmarks=landmarks.astype(np.float32),
        gamma=np.array(GAMMA, dtype=np.float32),
        z_weights=(z_weights * scale).astype(np.float32),
        z_bias=((z_bias - mean) * scale).astype(np.float32),
        problem_weights=direction[:, None].astype(np.float32),
        embedding_weights=_main_directions(kernel, gram),
    )
    first = inputs.of(rows[:SAMPLE] @ coefficients + intercepts, bags.head(SAMPLE))
    sample = (kernel_of(first, landmarks) @ z_weights + z_bias - mean) * scale
    parting = 2 * np.clip(bags.lexical[:SAMPLE, COLUMNS] @ direction, -LIMIT, LIMIT)
    return FittedTrunk(weights, (unseen - mean) * scale, np.column_stack([sample, parting]))


def kernel_of(x: Matrix, landmarks: Matrix) -> Matrix:
    """exp(-gamma |x - landmark|^2) for every pair."""
    sizes = (x**2).sum(axis=1)[:, None] + (landmarks**2).sum(axis=1)
    near: Matrix = np.exp(-GAMMA * np.maximum(sizes - 2 * x @ landmarks.T, 0))
    return near


def fit_head(z: Matrix, scores: NDArray[np.floating], index: int) -> tuple[Matrix, float]:
    """Logistic head (a, b) on fractional scores, leaning on the class's own z.

    `z` is the kernel's, `a` one longer: no weight on the direction of word problems.
    """
    known = np.isfinite(scores)
    columns = np.column_stack([z[known], np.ones(known.sum())])
    penalty = np.full(columns.shape[1], 30.0)
    penalty[[index, -1]] = 0.01
    head = fit_logistic(
        columns,
        scores[known].astype(np.float64),
        offset=np.zeros(len(columns)),
        penalty=penalty,
        weights=np.ones(len(columns)),
    )
    return np.append(head[:-1], 0.0), float(head[-1])


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """How votes, lexical features and the bag become x."""

    idf: Idf
    table: WordTable
    bag_step: NDArray[np.float32]
    vote_mean: Matrix
    vote_scale: Matrix
    lexical_mean: Matrix
    lexical_scale: Matrix

    @classmethod
    def fit(cls, votes: Matrix, bags: Bags, idf: Idf, table: WordTable) -> "Inputs":
        """Standardise by the training prompts."""
        lexical = _of_any(bags)
        deviation = lexical.std(axis=0, dtype=np.float64)
        plain = cls(
            idf,
            table,
            table.step,
            votes.mean(axis=0),
            1 / votes.std(axis=0),
            lexical.mean(axis=0, dtype=np.float64),
            np.where(deviation > 1e-6, 1 / np.maximum(deviation, 1e-6), 0.0),
        )
        spread = plain.bag(bags).std()
        return replace(plain, bag_step=(table.step / spread * BAG_WEIGHT / 2).astype(np.float32))

    def bag(self, bags: Bags) -> Matrix:
        """The weighted mean of the words' vectors, per prompt."""
        share = bags.words.multiply(self.idf.rarity).tocsr()
        total = np.asarray(share.sum(axis=1)) + 1e-6
        mean: Matrix = (share @ self.table.steps.astype(np.float32)) / total * self.bag_step
        return mean

    def of(self, votes: Matrix, bags: Bags) -> Matrix:
        """x of prompts with these votes: votes, lexical features, bag."""
        standard = np.clip((votes - self.vote_mean) * self.vote_scale, -LIMIT, LIMIT)
        noticed = np.clip((_of_any(bags) - self.lexical_mean) * self.lexical_scale, -LIMIT, LIMIT)
        return np.hstack([VOTE_WEIGHT * standard, noticed, self.bag(bags)])

    def weights(self, coefficients: Matrix, intercepts: Matrix, **rest: Any) -> TrunkWeights:
        """The graph's weights; `rest` are those of the kernel."""
        words = len(self.idf.words)
        known = np.concatenate([self.idf.words, self.idf.pairs])[:, None]
        votes = (coefficients * known).astype(np.float16)
        return TrunkWeights(
            word_vectors=self.table.steps,
            vector_step=self.bag_step,
            word_rarity=self.idf.rarity.astype(np.float32),
            word_idf2=(self.idf.words**2).astype(np.float32),
            pair_idf2=(self.idf.pairs**2).astype(np.float32),
            word_votes=votes[:words],
            pair_votes=votes[words:],
            vote_mean=(self.vote_mean - intercepts).astype(np.float32),
            vote_scale=self.vote_scale.astype(np.float32),
            vote_weight=np.array(VOTE_WEIGHT, dtype=np.float32),
            lexical_mean=self.lexical_mean.astype(np.float32),
            lexical_scale=self.lexical_scale.astype(np.float32),
            **rest,
        )


def _of_any(bags: Bags) -> NDArray[np.float32]:
    """The lexical features that every prompt has."""
    return bags.lexical[:, : COLUMNS.start]


def landmarks_of(x: Matrix, seed: int) -> Matrix:
    """The middles of clusters: half as many do as well as prompts drawn at random."""
    clusters = MiniBatchKMeans(LANDMARKS, random_state=seed, n_init=1, batch_size=2048)
    middles: Matrix = clusters.fit(x).cluster_centers_.astype(np.float64)
    return middles


def splits_of(fold: NDArray[np.integer]) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """(inside, outside) for every fold."""
    for number in range(FOLDS):
        yield fold != number, fold == number


def cross_fitted_votes(
    rows: Any, goals: Matrix, fold: NDArray[np.integer]
) -> tuple[Matrix, Matrix, Matrix]:
    """Votes fitted without the prompt [N, K]; coefficients and intercepts fitted on all."""
    votes = np.empty((len(goals), VOTES))
    fitted = [fit_votes(rows, goals[:, column]) for column in range(VOTES)]
    for inside, outside in splits_of(fold):
        for column in range(VOTES):
            w, b = fit_votes(rows[inside], goals[inside, column])
            votes[outside, column] = rows[outside] @ w + b
    return votes, np.column_stack([w for w, _ in fitted]), np.array([b for _, b in fitted])


def fit_z(kernel: Matrix, gram: Matrix, goals: Matrix) -> tuple[Matrix, Matrix]:
    """Kernel ridge regression of every target on the landmarks."""
    columns, means = [], []
    for goal in goals.T:
        known = np.isfinite(goal)
        known_kernel, mean = kernel[known], goal[known].mean()
        left = known_kernel.T @ known_kernel + KERNEL_PENALTY * gram
        columns.append(cho_solve(cho_factor(left), known_kernel.T @ (goal[known] - mean)))
        means.append(mean)
    return np.column_stack(columns), np.array(means)


def _main_directions(kernel: Matrix, gram: Matrix) -> NDArray[np.float32]:
    """[M, E]: from kernel values to their main directions in the kernel's own geometry."""
    values, vectors = np.linalg.eigh(gram)
    whiten = vectors / np.sqrt(values)
    features = kernel @ whiten
    centred = features - features.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    main: Matrix = whiten @ directions[:, ::-1][:, :EMBEDDING]
    return main.astype(np.float32)
