"""`python -m classifiers deep`: would a sentence encoder beat the averaged word vectors?

The same votes, lexical features, kernel and heads, once with the mean of static word vectors
(swift) and once with the sentence vector of the encoder they were distilled from (deep). How much
the sentence vector counts is chosen by cross-validation on the training data; `valid` only
compares.
"""

from functools import partial
from pathlib import Path
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray

from classifiers.cards.ability import sigmoid
from classifiers.cards.metrics import auc
from classifiers.training.bags import idf_of, read_bags
from classifiers.training.dataset import CLASSES, Outcomes, read_training
from classifiers.training.fit import (
    FOLDS,
    Inputs,
    cross_fitted_votes,
    fit_head,
    fit_z,
    kernel_of,
    landmarks_of,
    splits_of,
)
from classifiers.training.report import Measurement, measured, show
from classifiers.training.routing import curve, quality_at
from classifiers.training.table import distil
from classifiers.training.targets import targets
from classifiers.training.teacher import Teacher, encode_sorted, teacher_folder
from classifiers.training.train import WORD_SIZE

WEIGHTS: Final = (0.25, 0.35, 0.5, 0.7)  # of the sentence vector in x, as in `fit.BAG_WEIGHT`
SECTION: Final = "deep (sentence encoder) against swift (averaged word vectors) on valid"

Matrix = NDArray[np.float64]


@click.command(name="deep")
@click.option("--data", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--cache", type=click.Path(file_okay=False, path_type=Path), help="Keep vectors here."
)
@click.option("--seed", default=20, show_default=True)
def main(data: Path, cache: Path | None, seed: int) -> None:
    """Compare a sentence encoder with averaged word vectors; encoding takes half an hour."""
    train, valid = read_training(data)
    vectors = [_encoded(split, cache, name) for name, split in (("train", train), ("valid", valid))]
    goals = targets(train)
    fold = np.random.default_rng(seed).integers(0, FOLDS, len(goals))
    swift = _swift(train, valid, goals, fold)
    noticed = [x[:, :-WORD_SIZE] for x in swift]
    deep = [_joined(noticed, vectors, weight) for weight in WEIGHTS]
    heads = [_Contender(x, train, goals, fold, seed) for x in (swift, *deep)]
    best = max(heads[1:], key=lambda head: float(head.ranking.mean()))
    for name, head in (("swift", heads[0]), ("deep", best)):
        click.echo(f"{name}, cross-validated on train: AUC {np.round(head.ranking, 4)}", err=True)
    lines = _compared(best.forecast, heads[0].forecast, valid)
    show([*lines, *_routed(best.forecast, heads[0].forecast, valid)])


def _encoded(split: Outcomes, cache: Path | None, name: str) -> NDArray[np.float32]:
    path = None if cache is None else cache / f"deep_{name}.npy"
    if path is not None and path.exists():
        kept: NDArray[np.float32] = np.load(path)
        return kept
    vectors = np.zeros((len(split.texts), 384), dtype=np.float32)
    done = 0
    for rows, vector in encode_sorted(Teacher(teacher_folder()), split.texts):
        vectors[rows] = vector
        done += len(rows)
        click.echo(f"... {name}: {done} of {len(vectors)} encoded", err=True)
    if path is not None:
        np.save(path, vectors)
    return vectors


def _swift(
    train: Outcomes, valid: Outcomes, goals: Matrix, fold: NDArray[np.integer]
) -> list[Matrix]:
    """What the kernel of the trunk compares, for both splits."""
    table = distil(train.texts, size=WORD_SIZE, progress=lambda done, total: None)
    bags, others = read_bags(train.texts), read_bags(valid.texts)
    idf = idf_of(bags)
    votes, coefficients, intercepts = cross_fitted_votes(idf.unit_rows(bags), goals, fold)
    inputs = Inputs.fit(votes, bags, idf, table)
    unseen = idf.unit_rows(others) @ coefficients + intercepts
    return [inputs.of(votes, bags), inputs.of(unseen, others)]


def _joined(
    noticed: list[Matrix], vectors: list[NDArray[np.float32]], weight: float
) -> list[Matrix]:
    """Votes and lexical features, beside the main directions of the sentence vectors."""
    middle = vectors[0].mean(axis=0)
    _, directions = np.linalg.eigh(np.cov(vectors[0], rowvar=False))
    main = directions[:, ::-1][:, :WORD_SIZE]
    spread = ((vectors[0] - middle) @ main).std()
    return [
        np.hstack([x, (vector - middle) @ main / spread * weight])
        for x, vector in zip(noticed, vectors, strict=True)
    ]


class _Contender:
    """Kernel and heads on one kind of input: AUC in cross-validation, and P(success) on valid."""

    def __init__(
        self,
        x: list[Matrix],
        train: Outcomes,
        goals: Matrix,
        fold: NDArray[np.integer],
        seed: int,
    ) -> None:
        landmarks = landmarks_of(x[0], seed)
        near, far = (kernel_of(one, landmarks) for one in x)
        gram = kernel_of(landmarks, landmarks) + 1e-4 * np.eye(len(landmarks))
        unseen = np.empty_like(goals)
        for inside, outside in splits_of(fold):
            w, b = fit_z(near[inside], gram, goals[inside])
            unseen[outside] = near[outside] @ w + b
        w, b = fit_z(near, gram, goals)
        mean, scale = unseen.mean(axis=0), 1 / unseen.std(axis=0)
        before, after = (unseen - mean) * scale, (far @ w + b - mean) * scale
        forecast, ranking = [], []
        for index in range(len(CLASSES)):
            scores = train.by_class[:, index]
            head, intercept = fit_head(before, scores, index)
            head = head[:-1]  # neither contender has the direction of word problems
            known = np.isfinite(scores)
            ranking.append(auc(before[known] @ head, scores[known]))
            forecast.append(sigmoid((after @ head + intercept).astype(np.float32)))
        self.forecast = np.column_stack(forecast).astype(np.float64)
        self.ranking = np.array(ranking)


def _compared(deep: Matrix, swift: Matrix, valid: Outcomes) -> list[Measurement]:
    lines = []
    for index, name in enumerate(CLASSES):
        scores = valid.by_class[:, index]
        known = np.isfinite(scores)
        y, ours, theirs = scores[known].astype(np.float64), swift[known, index], deep[known, index]
        for what, forecast in (("swift", ours), ("deep", theirs)):
            statistic = lambda rows, p=forecast, y=y: auc(p[rows], y[rows])  # noqa: E731
            lines.append(measured(SECTION, f"AUC {name}", what, statistic, len(y)))
        paired = lambda rows, a=theirs, b=ours, y=y: auc(a[rows], y[rows]) - auc(b[rows], y[rows])  # noqa: E731
        lines.append(measured(SECTION, f"AUC {name}", "deep minus swift", paired, len(y)))
    return lines


def _routed(deep: Matrix, swift: Matrix, valid: Outcomes) -> list[Measurement]:
    known = np.isfinite(valid.by_class).all(axis=1)
    truth = valid.by_class[known].astype(np.float64)
    ours, theirs = swift[known], deep[known]

    def more(rows: NDArray[np.intp], budget: float) -> float:
        gained = [
            quality_at(*curve(forecast[rows], truth[rows]), budget) for forecast in (theirs, ours)
        ]
        return gained[0] - gained[1]

    return [
        measured(
            SECTION,
            f"quality at {budget:.0%} of always-premium cost",
            "deep minus swift",
            partial(more, budget=budget),
            len(truth),
        )
        for budget in (0.3, 0.5)
    ]
