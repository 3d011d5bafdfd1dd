"""What each contender says of the prompts of a split: the classifier, and what costs nothing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifiers.cards.ability import Ability
from classifiers.cards.logistic import fit_logistic
from classifiers.prompt import prompt_of_text
from classifiers.serving import Classifier
from classifiers.training.dataset import CLASSES, Outcomes

Vector = NDArray[np.float64]
BATCH = 32


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """A split as the classifier sees it, and its lengths in characters."""

    outcomes: Outcomes
    z: NDArray[np.float32]
    embedding: NDArray[np.float32]
    length: Vector

    def forecast(self, card: Ability) -> Vector:
        """P(success) of every prompt under one card."""
        return card.probabilities(self.z, self.embedding).astype(np.float64)


def read_split(classifier: Classifier, outcomes: Outcomes) -> Readings:
    """Run the trunk over a split."""
    prompts = [prompt_of_text(text) for text in outcomes.texts]
    parts = [classifier.read(prompts[at : at + BATCH]) for at in range(0, len(prompts), BATCH)]
    return Readings(
        outcomes,
        np.concatenate([part.z for part in parts]),
        np.concatenate([part.embedding for part in parts]),
        np.array([len(text) for text in outcomes.texts], dtype=np.float64),
    )


@dataclass(frozen=True, slots=True)
class LengthAlone:
    """P(success) from the logarithm of the prompt's length: one slope, one intercept a class."""

    slope: float
    intercept: float

    @classmethod
    def fit(cls, length: Vector, scores: NDArray[np.floating]) -> "LengthAlone":
        """Fit on lengths in characters and scores; prompts without a score are left out."""
        known = np.isfinite(scores)
        columns = np.column_stack([np.log1p(length[known]) - 6, np.ones(known.sum())])
        head = fit_logistic(
            columns,
            scores[known].astype(np.float64),
            offset=np.zeros(len(columns)),
            penalty=np.full(2, 0.1),
            weights=np.ones(len(columns)),
        )
        return cls(float(head[0]), float(head[1]))

    def forecast(self, length: Vector) -> Vector:
        """P(success) of prompts of these lengths."""
        logits = self.slope * (np.log1p(length) - 6) + self.intercept
        p: Vector = 1 / (1 + np.exp(-logits))
        return p


def length_heads(train: Outcomes) -> dict[str, LengthAlone]:
    """The baseline of every class, fitted on the training prompts."""
    length = np.array([len(text) for text in train.texts], dtype=np.float64)
    return {
        name: LengthAlone.fit(length, train.by_class[:, column])
        for column, name in enumerate(CLASSES)
    }
