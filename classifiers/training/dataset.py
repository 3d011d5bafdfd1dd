"""Read outcomes: which prompts there are, and what each model made of each."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

CLASSES: Final = ("local", "moe", "premium")
# Sources whose licence was not verified may be evaluated on, never trained on.
PERMISSIVE: Final = re.compile(r"^(Apache-2\.0|MIT)\b")
HELD_BACK: Final = (
    "valid",
    "dev_mmlu",
    "dev_gsm8k",
    "dev_transfer",
    "dev_mmlu_aux3class",
    "dev_gsm8k_aux3class",
)
_COLUMNS: Final = [
    *("prompt_id", "prompt", "source", "task", "model", "model_class", "score", "split", "licence")
]

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """One split. `by_model` [N, M] and `by_class` [N, 3] hold scores 0 to 1, NaN where unknown.

    `by_class` is the mean over the models of a class that were asked.
    """

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    sources: tuple[str, ...]
    tasks: tuple[str, ...]
    models: tuple[str, ...]
    kinds: tuple[str, ...]  # the class of each model
    by_model: Matrix
    by_class: Matrix

    def members(self, kind: str) -> NDArray[np.bool_]:
        """Which columns of `by_model` belong to a class."""
        return np.array([each == kind for each in self.kinds])

    def select(self, rows: NDArray[Any]) -> "Outcomes":
        """The prompts at these positions."""
        return Outcomes(
            tuple(self.ids[row] for row in rows),
            tuple(self.texts[row] for row in rows),
            tuple(self.sources[row] for row in rows),
            tuple(self.tasks[row] for row in rows),
            self.models,
            self.kinds,
            self.by_model[rows],
            self.by_class[rows],
        )


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_splits(
    path: Path,
    splits: Iterable[str],
    *,
    any_licence: bool = False,
    needed: Iterable[str] = (),
) -> dict[str, Outcomes]:
    """The named splits of an outcomes file; rows without a permissive licence only on request.

    Raises click.ClickException for a file that holds no outcomes, or none in a `needed` split.
    """
    wanted = list(splits)
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in _rows(path, wanted):
        if any_licence or PERMISSIVE.match(row["licence"] or ""):
            rows[row["split"]].append(row)
    for split in needed:
        if not rows[split]:
            allowed = "" if any_licence else " of a permissive licence"
            raise click.ClickException(f"{path} holds no outcomes{allowed} in the split `{split}`.")
    return {split: _outcomes(rows[split]) for split in wanted}


def read_training(path: Path, *, any_licence: bool = False) -> tuple[Outcomes, Outcomes]:
    """The prompts to train on, and those of `valid`: licensed ones, unless any will do.

    A training prompt that a held-back split holds is left out, whatever that split's licence: to
    compare is not to train. Raises click.ClickException where there is nothing to train on.
    """
    both = ("train", "valid")
    splits = read_splits(path, both, any_licence=any_licence, needed=both)
    held_back = read_splits(path, HELD_BACK, any_licence=True).values()
    train = asked(without_overlap(splits["train"], held_back))
    for name, split in (("train", train), ("valid", splits["valid"])):
        for kind, scores in zip(CLASSES, split.by_class.T, strict=True):
            if len(np.unique(scores[np.isfinite(scores)])) < 2:
                raise click.ClickException(
                    f"{path} tells nothing of `{kind}` in the split `{name}`: there are no "
                    "outcomes of it, or all are alike."
                )
    return train, splits["valid"]


def asked(outcomes: Outcomes) -> Outcomes:
    """Without the models that answered none of these prompts."""
    columns = np.flatnonzero(np.isfinite(outcomes.by_model).any(axis=0))
    return replace(
        outcomes,
        models=tuple(outcomes.models[column] for column in columns),
        kinds=tuple(outcomes.kinds[column] for column in columns),
        by_model=outcomes.by_model[:, columns],
    )


def without_overlap(train: Outcomes, held_back: Iterable[Outcomes]) -> Outcomes:
    """Drop training prompts that a held-back set holds too, by id or by the same question."""
    keys = {key for other in held_back for key in (*other.ids, *map(_gist, other.texts))}
    keep = [
        row
        for row, (name, text) in enumerate(zip(train.ids, train.texts, strict=True))
        if name not in keys and _gist(text) not in keys
    ]
    return train.select(np.array(keep, dtype=np.intp))


def _gist(text: str) -> str:
    """Letters and digits of the question alone, without answer options.

    A stem too short to tell questions apart ("Which is true?") counts with its options, and with
    letters of any script: a Chinese question has none of ours.
    """
    stem = re.split(r"\n\s*\(?A[).:]", text, maxsplit=1)[0]
    letters = re.sub(r"[^a-z0-9]+", "", stem.lower())
    return letters if len(letters) > 40 else re.sub(r"[\W_]+", "", text.lower())


def _rows(path: Path, splits: list[str]) -> list[dict[str, Any]]:
    """The rows of these splits that hold a score."""
    try:
        missing = sorted(set(_COLUMNS) - set(pq.read_schema(path).names))
        if missing:
            raise click.ClickException(f"{path} has no column {', '.join(missing)}.")
        table = pq.read_table(path, columns=_COLUMNS, filters=[("split", "in", splits)])
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise click.ClickException(f"{path} is not an outcomes file: {reason}") from None
    scored = (row for row in table.to_pylist() if row["score"] is not None)
    return [row for row in scored if isfinite(row["score"])]


def _outcomes(rows: list[dict[str, Any]]) -> Outcomes:
    prompts: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        prompts.setdefault(row["prompt_id"], row)
    ids = sorted(prompts)
    kind_of = {row["model"]: row["model_class"] for row in rows}
    models = sorted(kind_of)
    place = {name: index for index, name in enumerate(ids)}
    column = {name: index for index, name in enumerate(models)}
    by_model = np.full((len(ids), len(models)), np.nan, dtype=np.float32)
    by_class: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in rows:
        by_model[place[row["prompt_id"]], column[row["model"]]] = row["score"]
        by_class[row["prompt_id"], row["model_class"]].append(row["score"])
    means = np.full((len(ids), len(CLASSES)), np.nan, dtype=np.float32)
    for (name, kind), scores in by_class.items():
        if kind in CLASSES:
            means[place[name], CLASSES.index(kind)] = np.mean(scores)
    return Outcomes(
        tuple(ids),
        tuple(str(prompts[name]["prompt"]) for name in ids),
        tuple(str(prompts[name]["source"]) for name in ids),
        tuple(str(prompts[name]["task"]) for name in ids),
        tuple(models),
        tuple(kind_of[model] for model in models),
        by_model,
        means,
    )
