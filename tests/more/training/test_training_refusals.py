from collections.abc import Callable, Sequence
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from small_outcomes import Row, rows, write

from classifiers.training.deep import main as deep
from classifiers.training.episodes import main as episodes
from classifiers.training.evaluate import main as evaluate
from classifiers.training.train import _commit
from classifiers.training.train import main as train

COMMANDS = {"train": train, "evaluate": evaluate, "episodes": episodes, "deep": deep}
RUNNER = CliRunner()


def refused(command: click.Command, *arguments: str | Path, status: int = 1) -> str:
    """What a command that ends without a traceback says on standard error, in its last line."""
    result = RUNNER.invoke(command, [str(argument) for argument in arguments])
    assert result.exit_code == status
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    shown = [line for line in result.stderr.splitlines() if not line.startswith("... ")]
    assert shown[-1].startswith("Error: ")
    assert status == 2 or len(shown) == 1
    return shown[-1]


def without_column(outcomes: Sequence[Row]) -> list[Row]:
    return [{k: v for k, v in row.items() if k not in {"score", "task"}} for row in outcomes]


def without_train(outcomes: Sequence[Row]) -> list[Row]:
    return [row for row in outcomes if row["split"] != "train"]


def without_valid(outcomes: Sequence[Row]) -> list[Row]:
    return [row for row in outcomes if row["split"] != "valid"]


def without_licence(outcomes: Sequence[Row]) -> list[Row]:
    return [{**row, "licence": "unverified"} for row in outcomes]


def few(outcomes: Sequence[Row]) -> list[Row]:
    return [row for row in outcomes if row["prompt_id"] < "train-0511" or row["split"] == "valid"]


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (without_column, "has no column score, task."),
        (without_train, "holds no outcomes"),
        (without_valid, "holds no outcomes"),
    ],
)
def test_a_file_that_lacks_something_is_told_in_one_line(
    tmp_path: Path, name: str, change: Callable[[Sequence[Row]], list[Row]], why: str
) -> None:
    path = write(tmp_path / "o.parquet", change(rows()))
    result = refused(COMMANDS[name], "--data", path)
    assert why in result
    assert str(path) in result


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("content", [b"", b"prompt_id,prompt\n1,Hi\n", b"PAR1" + 40 * b"\0"])
def test_a_file_that_is_no_parquet_is_told_in_one_line(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / "o.parquet").write_bytes(content)
    result = refused(COMMANDS[name], "--data", tmp_path / "o.parquet")
    assert f"{tmp_path / 'o.parquet'} is not an outcomes file: " in result


@pytest.mark.parametrize("name", ["train", "episodes", "deep"])
def test_a_file_without_any_licensed_row_is_told_in_one_line(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "o.parquet", without_licence(rows()))
    result = refused(COMMANDS[name], "--data", path)
    assert "holds no outcomes of a permissive licence in the split `train`." in result


def test_fewer_prompts_than_landmarks_are_told_before_the_words_are_distilled(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "o.parquet", few(rows()))
    result = refused(train, "--data", path, "--out", tmp_path / "out")
    assert "511 prompts are too few: it takes 512." in result
    assert not (tmp_path / "out").exists()


def test_a_split_with_no_more_prompts_than_labels_to_be_drawn_is_told(tmp_path: Path) -> None:
    short = [row for row in rows() if not "dev_mmlu-1500" <= row["prompt_id"] < "dev_mmlu-9"]
    result = refused(evaluate, "--data", write(tmp_path / "o.parquet", short), "--dev")
    assert "dev_mmlu needs more prompts than the 1500 to be drawn." in result


@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_a_classifier_that_cannot_be_loaded_is_told_in_one_line(
    tmp_path: Path, text: str | None
) -> None:
    if text is not None:
        (tmp_path / "swift.json").write_text(text)
    data = write(tmp_path / "o.parquet", rows()[:6])
    result = refused(evaluate, "--data", data, "--classifier", tmp_path / "swift.json")
    assert "swift.json" in result


@pytest.mark.parametrize("name", ["evaluate", "episodes"])
def test_no_draws_at_all_are_refused(tmp_path: Path, name: str) -> None:
    data = write(tmp_path / "o.parquet", rows()[:6])
    assert "--draws" in refused(COMMANDS[name], "--data", data, "--draws", "0", status=2)


def test_without_git_the_commit_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _commit() == "unknown"
