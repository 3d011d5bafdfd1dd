"""`python -m classifiers evaluate`: how good the classifier is, beside what costs nothing."""

from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from classifiers.ability import Vector
from classifiers.metrics import auc, bootstrap, brier, ece
from classifiers.prompt import prompt_of_text
from classifiers.serving import Classifier
from classifiers.training.dataset import CLASSES, read_splits
from classifiers.training.fit import fit_head


@click.command(name="evaluate")
@click.option("--data", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--classifier", "manifest", type=click.Path(path_type=Path), help="default: shipped")
def main(data: Path, manifest: Path | None) -> None:
    """Compare the classifier with prompt length alone and with a constant, on `valid`."""
    splits = read_splits(data, ("train", "valid"))
    train, valid = splits["train"], splits["valid"]
    classifier = Classifier.load(manifest, device="cpu")
    said = classifier.score([prompt_of_text(text) for text in valid.texts])
    lengths = np.log([[len(text) + 1] for text in train.texts])
    unseen = np.log([[len(text) + 1] for text in valid.texts])
    table = Table("ability", "what", "AUC", "95 %", "Brier", "ECE", title=classifier.version)
    for column, name in enumerate(CLASSES):
        a, b = fit_head(lengths, train.by_class[:, column], 0)
        forecasts = {
            "classifier": np.array([one.success[name] for one in said]),
            "length alone": 1 / (1 + np.exp(-(unseen @ a + b))),
            "constant": np.full(len(valid.ids), np.nanmean(train.by_class[:, column])),
        }
        asked = np.isfinite(valid.by_class[:, column])
        truth = valid.by_class[asked, column]
        for what, forecast in forecasts.items():
            p = forecast[asked]
            low, high = _interval(p, truth)
            table.add_row(
                name,
                what,
                f"{auc(p, truth):.3f}",
                f"{low:.3f}-{high:.3f}",
                f"{brier(p, truth):.3f}",
                f"{ece(p, truth):.3f}",
            )
    Console().print(table)


def _interval(said: Vector, truth: Vector) -> tuple[float, float]:
    return bootstrap(lambda rows: auc(said[rows], truth[rows]), len(said))
