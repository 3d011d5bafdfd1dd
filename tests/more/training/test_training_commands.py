import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from small_outcomes import CUES, MODELS, SPLITS, rows, write

import classifiers
from classifiers.artifact import read_artifact
from classifiers.prompt import prompt_of_text
from classifiers.serving import Classifier
from classifiers.training.dataset import CLASSES

# Distilling the words takes about a minute on a slow core, and the first test waits for it.
pytestmark = pytest.mark.timeout(400)

SEED = 11
ROOT = Path(classifiers.__file__).parents[1]
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Done:
    """A command that ended well, and what it wrote."""

    stdout: str
    stderr: str
    folder: Path
    data: Path


def run(command: str, *arguments: str | Path) -> tuple[str, str]:
    """Output of `python -m classifiers COMMAND` as a child process; it must end well."""
    line = [sys.executable, "-W", "error::RuntimeWarning", "-m", "classifiers", command]
    done = subprocess.run(
        [*line, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("trained")
    data = write(folder / "outcomes.parquet", rows())
    out = folder / "artifact"
    return Done(*run("train", "--data", data, "--out", out, "--seed", str(SEED)), out, data)


@pytest.fixture(scope="module")
def evaluated(trained: Done, tmp_path_factory: pytest.TempPathFactory) -> Done:
    out = tmp_path_factory.mktemp("evaluated") / "new"
    arguments = ("--classifier", trained.folder / "swift.json", "--dev", "--draws", "2")
    written = ("--json", out / "lines.json", "--plots", out / "plots")
    return Done(*run("evaluate", "--data", trained.data, *arguments, *written), out, trained.data)


@pytest.fixture(scope="module")
def lines(evaluated: Done) -> list[dict[str, Any]]:
    return list(json.loads((evaluated.folder / "lines.json").read_text())["lines"])


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_training_tells_its_progress_on_standard_error_alone(trained: Done) -> None:
    assert trained.stdout == ""
    size = SPLITS["train"][0]
    for text in (f"{size} prompts, {size * len(MODELS)} outcomes", "distilling words", "wrote "):
        assert text in trained.stderr


def test_what_was_trained_loads_and_forecasts_every_class(trained: Done) -> None:
    classifier = Classifier.load(trained.folder / "swift.json", device="cpu")
    assert classifier.abilities == CLASSES
    easy, hard = (
        classifier.score([prompt_of_text(text)])[0].success
        for text in ("Bakop mitup zerap lonip fusep bakop 12?", "Bakox mitux zerax lonix fusex 12?")
    )
    assert all(0 < hard[name] < easy[name] < 1 for name in CLASSES)
    assert hard["premium"] > hard["local"]


def test_a_trained_card_has_no_weight_on_the_direction_of_word_problems(trained: Done) -> None:
    classifier = Classifier.load(trained.folder / "swift.json", device="cpu")
    result = f"Kobip has 12 {' '.join(CUES)} and then 40 more of the lonip tumip zerap. How many?"
    assert classifier.read([prompt_of_text(result)]).z[0, -1] != 0
    assert [card.a[-1] for card in classifier.cards.values()] == [0, 0, 0]


def test_the_manifest_says_data_seed_and_what_was_found_in_them(trained: Done) -> None:
    about = read_artifact(trained.folder / "swift.json").manifest.training
    assert about["data_sha256"] == digest(trained.data)
    assert (about["seed"], about["models"]) == (SEED, len(MODELS))
    assert about["prompts"] == SPLITS["train"][0]
    assert about["word_problems"]["prompts"] == 360
    assert 0.35 < about["word_problems"]["correlation"] < 0.8
    assert all(about["valid"][name]["auc"] > 0.65 for name in CLASSES)


def test_the_model_card_says_data_seed_and_quality(trained: Done) -> None:
    manifest = read_artifact(trained.folder / "swift.json").manifest
    card = (trained.folder / "MODEL_CARD.md").read_text("utf-8")
    assert card.startswith(f"# Model card: {manifest.version}\n")
    joined = " ".join(card.split())
    assert f"Data SHA-256 `{digest(trained.data)[:16]}`, seed {SEED}." in joined
    assert "On the 360 word problems of the training data" in joined
    for name in CLASSES:
        assert f"| {name} | {manifest.training['valid'][name]['auc']:.3f} |" in card


def test_an_evaluation_names_the_classifier_and_the_data(trained: Done, evaluated: Done) -> None:
    document = json.loads((evaluated.folder / "lines.json").read_text())
    assert document["classifier"] == read_artifact(trained.folder / "swift.json").manifest.version
    assert document["data_sha256"] == digest(trained.data)
    assert document["draws"] == 2


def test_an_evaluation_tells_its_progress_on_standard_error_and_its_tables_on_standard_output(
    evaluated: Done,
) -> None:
    result = evaluated.stderr.splitlines()
    assert result[0] == "... reading prompts"
    assert "... fitting cards on 500 labels of dev_mmlu, 2 times" in result
    assert all(line.startswith("... ") for line in result)
    assert "... " not in evaluated.stdout
    assert "AUC premium" in evaluated.stdout


def test_every_value_of_the_classifier_stands_beside_length_alone(
    lines: list[dict[str, Any]],
) -> None:
    ours = [line for line in lines if line["what"].startswith(("classifier", "recalibrated"))]
    assert len(ours) > 40
    for line in ours:
        beside = [
            other["what"]
            for other in lines
            if (other["section"], other["name"]) == (line["section"], line["name"])
            and other["what"].startswith("length alone")
        ]
        gained = " minus static mixture"
        assert any(what.endswith(gained) == line["what"].endswith(gained) for what in beside), line


def test_every_value_has_an_interval_around_it(lines: list[dict[str, Any]]) -> None:
    measured = [line for line in lines if not line["what"].startswith("perfect forecasts")]
    assert len(lines) - len(measured) == len(CLASSES)
    for line in measured:
        assert line["low"] < line["high"], line
        # Drawing prompts anew adds chance to calibration errors: their intervals lean upwards.
        least = 0 if "ECE" in line["name"] else line["low"]
        assert least <= line["value"] <= line["high"], line


def test_every_split_is_measured(lines: list[dict[str, Any]]) -> None:
    result = {f"{line['section']} {line['name']}" for line in lines}
    for split in SPLITS:
        if split != "train":
            assert any(split in one for one in result), split


def test_planted_difficulty_is_ranked_better_than_by_length(lines: list[dict[str, Any]]) -> None:
    for name in CLASSES:
        of = {line["what"]: line for line in lines if line["name"] == f"AUC {name}"}
        assert of["classifier"]["low"] > of["shuffled control"]["high"]
        assert of["classifier"]["value"] > of["length alone"]["value"] + 0.05


def test_plots_are_written(evaluated: Done) -> None:
    written = sorted((evaluated.folder / "plots").iterdir())
    names = ("costs", "gaps", "reliability")
    assert [path.name for path in written] == [f"classifier-{name}.png" for name in names]
    for path in written:
        assert path.read_bytes().startswith(PNG)
        assert path.stat().st_size > 10_000
