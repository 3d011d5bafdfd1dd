"""`python -m classifiers train`: outcomes in, artifact out."""

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from rich.console import Console
from rich.progress import Progress

from classifiers.ability import Ability, to_json
from classifiers.artifact import FORMAT, SHIPPED, Artifact, Manifest, digest_of, write_artifact
from classifiers.features import FEATURES_VERSION
from classifiers.metrics import auc, brier, ece
from classifiers.prompt import prompt_of_text
from classifiers.serving import Classifier
from classifiers.training.dataset import (
    CLASSES,
    Outcomes,
    file_digest,
    read_splits,
    without_overlap,
)
from classifiers.training.export import OPSET, TrunkWeights, to_onnx
from classifiers.training.fit import fit_head, fit_trunk, raw_inputs
from classifiers.training.table import distil

NAME: Final = "swift"
HELD_BACK: Final = ("valid", "dev_mmlu", "dev_gsm8k")
_VERSIONS: Final = ("numpy", "scikit-learn", "onnx", "onnxruntime-gpu", "tokenizers")


@click.command(name="train")
@click.option("--data", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", default=SHIPPED.parent, type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", default=20, help="Same seed, same data, same versions: same artifact.")
def main(data: Path, out: Path, seed: int) -> None:
    """Train the classifier on an outcomes file and write artifact, cards and manifest."""
    console = Console(stderr=True)
    splits = read_splits(data, ("train", *HELD_BACK))
    train = without_overlap(splits["train"], [splits[name] for name in HELD_BACK])
    console.print(f"{len(train.ids)} prompts, {np.isfinite(train.by_model).sum()} outcomes")
    weights = _trunk(train, console, seed)
    artifact = _artifact(weights, train, splits["valid"], data, seed)
    path = write_artifact(out, artifact)
    console.print(f"wrote {path} ({len(artifact.onnx) / 1e6:.1f} MB trunk)")


def _trunk(train: Outcomes, console: Console, seed: int) -> TrunkWeights:
    np.random.default_rng(seed)
    with Progress(console=console) as bar:
        task = bar.add_task("distilling words", total=None)
        table = distil(
            train.texts,
            size=128,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    console.print("reading prompts, fitting the trunk")
    bags, hands = raw_inputs(train.texts, table)
    return fit_trunk(table, bags, hands, train.by_model)


def _artifact(
    weights: TrunkWeights, train: Outcomes, valid: Outcomes, data: Path, seed: int
) -> Artifact:
    onnx = to_onnx(weights)
    manifest = Manifest(
        name=NAME,
        format=FORMAT,
        features_version=FEATURES_VERSION,
        onnx=f"{NAME}.onnx",
        sha256=digest_of(onnx),
        opset=OPSET,
        z_size=weights.out.shape[1],
        embedding_size=weights.embedding_size,
        cards={},
    )
    bare = Classifier.from_artifact(Artifact(manifest, onnx, {}), device="cpu")
    seen, unseen = _read(bare, train), _read(bare, valid)
    cards: dict[str, bytes] = {}
    metrics: dict[str, Any] = {}
    for column, name in enumerate(CLASSES):
        a, b = fit_head(seen, train.by_class[:, column])
        truth = valid.by_class[:, column]
        asked = np.isfinite(truth)
        card = Ability(
            name, manifest.version, a, b, outcomes=int(np.isfinite(train.by_class[:, column]).sum())
        )
        said = card.probabilities(unseen[asked], unseen[asked])
        metrics[name] = {
            "auc": round(auc(said, truth[asked]), 4),
            "brier": round(brier(said, truth[asked]), 4),
            "ece": round(ece(said, truth[asked]), 4),
        }
        fitted = {
            "on": "training data",
            "date": datetime.now(UTC).date().isoformat(),
            **metrics[name],
        }
        cards[f"{name}.json"] = to_json(
            Ability(name, card.classifier, a, b, outcomes=card.outcomes, fitted=fitted)
        )
    training = {
        "data_sha256": file_digest(data),
        "seed": seed,
        "commit": _commit(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _VERSIONS},
        "valid": metrics,
    }
    digests = {name: digest_of(card) for name, card in cards.items()}
    finished = Manifest(**{**_fields(manifest), "cards": digests, "training": training})
    return Artifact(finished, onnx, cards)


def _fields(manifest: Manifest) -> dict[str, Any]:
    return {name: getattr(manifest, name) for name in Manifest.__dataclass_fields__}


def _read(classifier: Classifier, outcomes: Outcomes) -> Any:
    parts = [
        classifier.read([prompt_of_text(text) for text in outcomes.texts[start : start + 32]]).z
        for start in range(0, len(outcomes.texts), 32)
    ]
    return np.concatenate(parts)


def _commit() -> str:
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
