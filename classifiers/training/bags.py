"""Encoded prompts as sparse matrices, and the linear votes of words and pairs of words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import Ridge

from classifiers.prompt import prompt_of_text
from classifiers.text.bag import PAIRS
from classifiers.text.features import encode
from classifiers.text.words import WORDS

Sparse = Any  # scipy.sparse.csr_matrix: scipy ships no types
Matrix = NDArray[np.float64]

VOTE_PENALTY: Final = 1.0
LEAST_PROMPTS: Final = 2  # a word seen in fewer training prompts has no vote


@dataclass(frozen=True, slots=True, eq=False)
class Bags:
    """Encoded prompts: weights by word [N, WORDS] and by pair [N, PAIRS]; lexical [N, F]."""

    words: Sparse
    pairs: Sparse
    lexical: NDArray[np.float32]

    def take(self, rows: NDArray[Any]) -> "Bags":
        """The prompts at these positions."""
        return Bags(self.words[rows], self.pairs[rows], self.lexical[rows])

    def head(self, count: int) -> "Bags":
        """The first prompts."""
        return Bags(self.words[:count], self.pairs[:count], self.lexical[:count])


@dataclass(frozen=True, slots=True, eq=False)
class Idf:
    """Inverse document frequencies of the training prompts, and how rare a word is (0..1)."""

    words: Matrix
    pairs: Matrix
    rarity: Matrix

    def unit_rows(self, bags: Bags) -> Sparse:
        """TF-IDF rows of length one over words and pairs, as the graph computes them."""
        joined = sparse.hstack([bags.words.multiply(self.words), bags.pairs.multiply(self.pairs)])
        joined = joined.tocsr()
        length = np.sqrt(np.asarray(joined.multiply(joined).sum(axis=1)).ravel() + 1e-6)
        return (sparse.diags(1 / length) @ joined).tocsr()


def read_bags(texts: Sequence[str], *, chunk: int = 500) -> Bags:
    """Encode texts as prompts of one message."""
    words, pairs, lexical = [], [], []
    for start in range(0, len(texts), chunk):
        batch = encode([prompt_of_text(text) for text in texts[start : start + chunk]])
        words.append(_sparse(batch.words, batch.word_weights, WORDS))
        pairs.append(_sparse(batch.pairs, batch.pair_weights, PAIRS))
        lexical.append(batch.lexical)
    return Bags(sparse.vstack(words).tocsr(), sparse.vstack(pairs).tocsr(), np.concatenate(lexical))


def idf_of(bags: Bags, *, common: float = 1e-2) -> Idf:
    """Count documents; a word in the share `common` of prompts counts half in the bag."""
    size = bags.words.shape[0]
    parts = []
    for matrix in (bags.words, bags.pairs):
        frequency = np.asarray((matrix > 0).sum(axis=0)).ravel()
        parts.append((np.log((1 + size) / (1 + frequency)) + 1) * (frequency >= LEAST_PROMPTS))
    share = np.asarray((bags.words > 0).sum(axis=0)).ravel() / size
    return Idf(parts[0], parts[1], common / (common + share))


def fit_votes(rows: Sparse, target: NDArray[np.floating]) -> tuple[Matrix, float]:
    """Ridge regression of one target on TF-IDF rows; prompts without the target are left out."""
    known = np.isfinite(target)
    ridge = Ridge(alpha=VOTE_PENALTY, solver="sparse_cg", tol=1e-4)
    ridge.fit(rows[known], target[known])
    return ridge.coef_, float(ridge.intercept_)


def _sparse(numbers: NDArray[np.int32], weights: NDArray[np.float32], width: int) -> Sparse:
    row, place = np.nonzero(numbers)
    shape = (len(numbers), width)
    return sparse.csr_matrix((weights[row, place], (row, numbers[row, place])), shape)
