from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from small_outcomes import LICENCE, read, write

from classifiers.training.dataset import Outcomes, read_splits, read_training, without_overlap

LONG = "Which of the kobip tumix was it that the zerap of the lonip brought to the mibap"
ABOUT = {
    "prompt_id": "p",
    "prompt": LONG,
    "source": "made_up",
    "task": "made/questions",
    "model": "moe-a",
    "model_class": "moe",
    "score": 1.0,
    "split": "train",
    "licence": LICENCE,
}


def row(**fields: Any) -> dict[str, Any]:
    return {**ABOUT, **fields}


def train_of(folder: Path, *rows: dict[str, Any], any_licence: bool = False) -> Outcomes:
    path = write(folder / "outcomes.parquet", rows)
    return read_splits(path, ["train"], any_licence=any_licence)["train"]


def kept(folder: Path, ours: str, held_back: str) -> bool:
    """Whether a training prompt stays where another split holds this one."""
    rows = [row(prompt_id="a", prompt=ours), row(prompt_id="b", prompt=held_back, split="valid")]
    splits = read_splits(write(folder / "two.parquet", rows), ["train", "valid"])
    return without_overlap(splits["train"], [splits["valid"]]).ids == ("a",)


@pytest.mark.parametrize("licence", ["unverified", "", None, "CC-BY-NC-4.0", "MITRE", "GPL or MIT"])
def test_rows_without_a_permissive_licence_are_left_out_unless_asked_for(
    tmp_path: Path, licence: str | None
) -> None:
    rows = [row(), row(model="premium-a", model_class="premium", licence=licence)]
    assert train_of(tmp_path, *rows).models == ("moe-a",)
    assert train_of(tmp_path, *rows, any_licence=True).models == ("moe-a", "premium-a")


def test_only_the_splits_asked_for_are_read(tmp_path: Path) -> None:
    assert train_of(tmp_path, row(), row(prompt_id="q", split="valid")).ids == ("p",)


def test_a_class_s_score_is_the_mean_over_its_models_and_unknown_is_nan(tmp_path: Path) -> None:
    scores = {"moe-a": 1.0, "moe-b": 0.0, "moe-c": 0.5, "moe-d": 1.0}
    result = train_of(
        tmp_path,
        *(row(model=model, score=score) for model, score in scores.items()),
        row(prompt_id="q", model="local-a", model_class="local", score=0.25),
        row(prompt_id="q", model="other-a", model_class="other", score=1.0),
    )
    nan = np.nan
    np.testing.assert_array_equal(result.by_class, [[nan, 0.625, nan], [0.25, nan, nan]])
    assert result.models == ("local-a", "moe-a", "moe-b", "moe-c", "moe-d", "other-a")
    np.testing.assert_array_equal(result.by_model[0], [nan, 1.0, 0.0, 0.5, 1.0, nan])
    np.testing.assert_array_equal(result.by_model[1], [0.25, nan, nan, nan, nan, 1.0])


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_a_row_without_a_score_is_no_answer(tmp_path: Path, nothing: float | None) -> None:
    result = train_of(tmp_path, row(), row(model="moe-b", score=nothing))
    assert result.models == ("moe-a",)
    np.testing.assert_array_equal(result.by_class, [[np.nan, 1.0, np.nan]])


def test_a_training_prompt_whose_id_is_held_back_is_dropped(tmp_path: Path) -> None:
    rows = [row(), row(prompt_id="q"), row(prompt="Another question", split="valid")]
    splits = read_splits(write(tmp_path / "two.parquet", rows), ["train", "valid"])
    assert without_overlap(splits["train"], [splits["valid"]]).ids == ("q",)


@pytest.mark.parametrize(
    ("ours", "held_back"),
    [
        (f"{LONG}?\nA. kobip\nB. tumix", f"{LONG}?\n(A) zerap\n(B) lonip"),
        (f"{LONG}?\nA) 1\nB) 2", LONG),
        (f"  {LONG.upper()} ...", f"{LONG}?"),
        ("Which is true?\nA. kobip", "Which is true:\n\n A. Kobip"),
        ("计算一下这个积分。", "计算一下,这个积分"),
    ],
)
def test_the_same_question_with_other_options_or_punctuation_is_dropped(
    tmp_path: Path, ours: str, held_back: str
) -> None:
    assert not kept(tmp_path, ours, held_back)


@pytest.mark.parametrize(
    ("ours", "held_back"),
    [
        (f"{LONG} today?", f"{LONG}?"),
        (f"{LONG} 12?", f"{LONG} 21?"),
        ("Which is true?\nA. kobip\nB. tumix", "Which is true?\nA. zerap\nB. lonip"),
        ("解释量子纠缠。", "法国的首都是哪里？"),
        ("解释 2 个量子。", "给出 2 个例子。"),
    ],
)
def test_a_different_question_is_kept(tmp_path: Path, ours: str, held_back: str) -> None:
    assert kept(tmp_path, ours, held_back)


def trainable() -> list[dict[str, Any]]:
    kinds = {"local-a": "local", "moe-a": "moe", "premium-a": "premium"}
    return [
        row(prompt_id=f"{split}-{n}", prompt=f"{split} {n}", split=split, score=n % 2)
        | {"model": model, "model_class": kind}
        for split in ("train", "valid")
        for n in range(4)
        for model, kind in kinds.items()
    ]


def test_a_held_back_prompt_of_unverified_licence_is_not_trained_on(tmp_path: Path) -> None:
    held_back = row(prompt_id="x", prompt="Train: 1!", split="dev_mmlu", licence="unverified")
    train, valid = read_training(write(tmp_path / "o.parquet", [*trainable(), held_back]))
    assert train.ids == ("train-0", "train-2", "train-3")
    assert valid.ids == ("valid-0", "valid-1", "valid-2", "valid-3")


def test_a_model_that_answered_only_dropped_prompts_is_no_model_of_the_training(
    tmp_path: Path,
) -> None:
    rows = [*trainable(), row(prompt="Valid 1", prompt_id="t", model="moe-b")]
    train, _ = read_training(write(tmp_path / "o.parquet", rows))
    assert train.models == ("local-a", "moe-a", "premium-a")
    assert np.isfinite(train.by_model).all()


@pytest.mark.parametrize("split", ["train", "valid"])
def test_a_class_that_is_not_asked_or_always_right_is_told(tmp_path: Path, split: str) -> None:
    def others(row: dict[str, Any]) -> bool:
        return row["split"] != split or row["model_class"] != "moe"

    without = [row for row in trainable() if others(row)]
    alike = [row if others(row) else {**row, "score": 1} for row in trainable()]
    for rows in (without, alike):
        path = write(tmp_path / "o.parquet", rows)
        with pytest.raises(click.ClickException, match=f"nothing of `moe` in the split `{split}`"):
            read_training(path)


def test_chosen_prompts_keep_what_is_known_of_them(tmp_path: Path) -> None:
    whole = read(tmp_path, "valid")
    part = whole.select(np.array([5, 2]))
    for name in ("ids", "texts", "sources", "tasks"):
        assert getattr(part, name) == (getattr(whole, name)[5], getattr(whole, name)[2])
    np.testing.assert_array_equal(part.by_model, whole.by_model[[5, 2]])
    np.testing.assert_array_equal(part.by_class, whole.by_class[[5, 2]])
