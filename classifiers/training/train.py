"""`python -m classifiers train`: outcomes in, artifact out."""

import platform
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from threadpoolctl import threadpool_limits

from classifiers.artifact import FORMAT, SHIPPED, Artifact, Manifest, digest_of, write_artifact
from classifiers.cards.ability import Ability
from classifiers.cards.card_format import to_json
from classifiers.cards.metrics import adaptive_ece, auc, brier
from classifiers.prompt import prompt_of_text
from classifiers.serving import Classifier
from classifiers.text.lexical_features import FEATURES_VERSION
from classifiers.training.bags import Bags, read_bags
from classifiers.training.dataset import (
    CLASSES,
    Outcomes,
    file_digest,
    read_training,
)
from classifiers.training.export import OPSET, TrunkWeights, to_onnx
from classifiers.training.fit import LANDMARKS, SAMPLE, FittedTrunk, fit_head, fit_trunk
from classifiers.training.model_card import model_card
from classifiers.training.problems import cross_validated, gaps
from classifiers.training.table import distil
from classifiers.training.targets import targets

NAME: Final = "swift"
WORD_SIZE: Final = 128
PARITY: Final = 0.02  # deviations of z: votes are rounded to float16
_VERSIONS: Final = ("numpy", "scipy", "scikit-learn", "onnx", "onnxruntime-gpu", "tokenizers")


@click.command(name="train")
@click.option("--data", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", default=SHIPPED.parent, type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", default=21, help="Same seed, data and versions: same trunk, to the byte.")
@click.option("--any-licence", is_flag=True, help="Also train on rows of unverified licence.")
def main(data: Path, out: Path, seed: int, any_licence: bool) -> None:
    """Train the classifier on an outcomes file; write trunk, ability cards and manifest."""
    console = Console(stderr=True)
    train, valid = read_training(data, any_licence=any_licence)
    if len(train.ids) < LANDMARKS:
        raise click.ClickException(f"{len(train.ids)} prompts are too few: it takes {LANDMARKS}.")
    console.print(f"{len(train.ids)} prompts, {np.isfinite(train.by_model).sum()} outcomes")
    bags = read_bags(train.texts)
    with threadpool_limits(1):  # several round in another order, and give other bytes
        fitted = _fit(train, bags, console, seed)
    problems, correlation = cross_validated(bags.lexical, gaps(train), seed)
    about = {
        "data_sha256": file_digest(data),
        "seed": seed,
        "prompts": len(train.ids),
        "models": len(train.models),
        "word_problems": {"prompts": problems, "correlation": round(correlation, 3)},
        "commit": _commit(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _VERSIONS},
    }
    artifact = _artifact(fitted, train, valid, about)
    path = write_artifact(out, artifact)
    card = model_card(artifact.manifest, len(artifact.onnx), LANDMARKS)
    (out / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    console.print(f"wrote {path} ({len(artifact.onnx) / 1e6:.1f} MB): {artifact.manifest.version}")
    console.print(artifact.manifest.training["valid"])


def _fit(train: Outcomes, bags: Bags, console: Console, seed: int) -> FittedTrunk:
    with Progress(console=console) as bar:
        task = bar.add_task("distilling words", total=None)
        table = distil(
            train.texts,
            size=WORD_SIZE,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    console.print("fitting votes, landmarks and z (a minute or two)")
    return fit_trunk(table, bags, targets(train), gaps(train), seed)


def _artifact(
    fitted: FittedTrunk, train: Outcomes, valid: Outcomes, about: dict[str, Any]
) -> Artifact:
    onnx = to_onnx(fitted.weights)
    manifest = manifest_of(fitted.weights, onnx)
    trunk = Classifier.from_artifact(Artifact(manifest, onnx, {}), device="cpu")
    check_parity(trunk, train, fitted)
    z = _read(trunk, valid)
    cards: dict[str, bytes] = {}
    metrics: dict[str, Any] = {}
    for index, name in enumerate(CLASSES):
        scores = train.by_class[:, index]
        a, b = fit_head(fitted.unseen_z, scores, index)
        card = Ability(
            name, manifest.version, a.astype(np.float32), b, outcomes=int(np.isfinite(scores).sum())
        )
        metrics[name] = _quality(card, z, valid.by_class[:, index])
        today = datetime.now(UTC).date().isoformat()
        card = replace(card, fitted={"date": today, "on": "training data", **metrics[name]})
        cards[f"{name}.json"] = to_json(card)
    digests = {name: digest_of(card) for name, card in cards.items()}
    finished = replace(manifest, cards=digests, training={**about, "valid": metrics})
    return Artifact(finished, onnx, cards)


def check_parity(trunk: Classifier, train: Outcomes, fitted: FittedTrunk) -> None:
    """End the training if serving would compute other numbers than it was fitted on."""
    prompts = [prompt_of_text(text) for text in train.texts[:SAMPLE]]
    apart = float(np.abs(trunk.read(prompts).z - fitted.sample_z).max())
    if not apart <= PARITY:  # not a number is no parity either
        raise click.ClickException(f"the graph's z is {apart:.3f} away from the fitted one")


def manifest_of(weights: TrunkWeights, onnx: bytes) -> Manifest:
    """The manifest of a trunk without cards."""
    return Manifest(
        name=NAME,
        format=FORMAT,
        features_version=FEATURES_VERSION,
        onnx=f"{NAME}.onnx",
        sha256=digest_of(onnx),
        opset=OPSET,
        z_size=weights.z_size,
        embedding_size=weights.embedding_size,
        cards={},
    )


def _quality(card: Ability, z: NDArray[np.float32], truth: NDArray[np.float32]) -> dict[str, float]:
    asked = np.isfinite(truth)
    forecast = card.probabilities(z[asked], z[asked])
    return {
        "auc": round(auc(forecast, truth[asked]), 4),
        "brier": round(brier(forecast, truth[asked]), 4),
        "ece": round(adaptive_ece(forecast, truth[asked]), 4),
    }


def _read(classifier: Classifier, outcomes: Outcomes) -> NDArray[np.float32]:
    prompts = [prompt_of_text(text) for text in outcomes.texts]
    parts = [classifier.read(prompts[at : at + 32]).z for at in range(0, len(prompts), 32)]
    return np.concatenate(parts)


def _commit() -> str:
    """This program's commit, or "unknown" without git or outside a repository."""
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    here = Path(__file__).parent
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=here)
    except FileNotFoundError:
        return "unknown"
    return done.stdout.strip() or "unknown"
