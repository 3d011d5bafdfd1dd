"""`python -m classifiers episodes`: a new domain with few labels, played on training data alone.

One source of the training data at a time is kept out of the trunk and of the cards it starts with,
or half of a task, where the other half is to help.
Then a few of its outcomes, of one weak and one strong model, fit two cards, and the rest of the
source is routed by them. The constants of `classifiers.cards.recalibrate`,
`classifiers.cards.correction` and `classifiers.cards.rbf` were chosen here: the sets that
`evaluate --dev` reports have no say in it.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray

from classifiers.artifact import Artifact
from classifiers.cards.ability import Ability
from classifiers.serving import Classifier
from classifiers.training.bags import Bags, read_bags
from classifiers.training.dataset import CLASSES, Outcomes, asked, read_training
from classifiers.training.export import to_onnx
from classifiers.training.fit import fit_head, fit_trunk
from classifiers.training.forecasts import read_split
from classifiers.training.problems import WORD_PROBLEMS, gaps
from classifiers.training.report import Measurement, show
from classifiers.training.sections import FewLabels
from classifiers.training.table import WordTable, distil
from classifiers.training.targets import targets
from classifiers.training.train import WORD_SIZE, manifest_of


@dataclass(frozen=True, slots=True)
class Episode:
    """A source kept out; who answers, and the classes whose cards these two start from.

    With a task, every second prompt of that task is kept out instead.
    """

    source: str
    weak: str
    strong: str
    start: tuple[str, str]
    labels: tuple[int, ...]
    task: str = ""

    def kept_out(self, train: Outcomes) -> NDArray[np.bool_]:
        """Which prompts the trunk must not have seen."""
        kept_out = np.array([source == self.source for source in train.sources])
        if self.task:
            mine = np.flatnonzero([task == self.task for task in train.tasks])
            kept_out[:] = False
            kept_out[mine[::2]] = True
        return kept_out


EPISODES: Final = (
    Episode(
        "mmlu_pro",
        "Mixtral-8x7B-Instruct-v0.1",
        "gemini-1.5-pro-002",
        ("moe", "premium"),
        (300, 500, 1500),
    ),
    Episode(
        "llmrouter_ulab",
        "mistral-7b-instruct-v0.3",
        "llama-3.3-nemotron-super-49b-v1",
        ("local", "moe"),
        (300, 500, 1500),
    ),
    Episode(
        "zeroeval_crux",
        "Mixtral-8x7B-Instruct-v0.1",
        "gpt-4-turbo-2024-04-09",
        ("moe", "premium"),
        (300,),
    ),
    Episode(
        "zeroeval_math-l5",
        "Qwen2-7B-Instruct",
        "gpt-4-turbo-2024-04-09",
        ("local", "premium"),
        (300,),
    ),
    Episode("zeroeval_zebra-grid", "deepseek-v2.5-0908", "gpt-4-0314", ("moe", "premium"), (200,)),
    Episode(
        "llmrouter_ulab",
        "mistral-7b-instruct-v0.3",
        "llama-3.3-nemotron-super-49b-v1",
        ("local", "moe"),
        (100,),
        task=WORD_PROBLEMS,
    ),
)


@click.command(name="episodes")
@click.option("--data", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--draws",
    default=5,
    show_default=True,
    type=click.IntRange(min=1),
    help="Random draws of the few labels.",
)
@click.option("--seed", default=20, show_default=True)
def main(data: Path, draws: int, seed: int) -> None:
    """Play new domains on the training data: fit cards on few labels, route the rest by them.

    This is how a change to the fitting of cards is judged without looking at the dev sets.
    """
    train, _ = read_training(data)
    click.echo("... distilling words", err=True)
    table = distil(train.texts, size=WORD_SIZE, progress=lambda done, total: None)
    material = _Material(train, read_bags(train.texts), table, seed)
    lines: list[Measurement] = []
    for episode in EPISODES:
        click.echo(f"... {episode.source}", err=True)
        lines += _play(episode, material, draws)
    show(lines)


@dataclass(frozen=True, slots=True, eq=False)
class _Material:
    """What every episode is cut from."""

    train: Outcomes
    bags: Bags
    table: WordTable
    seed: int


def _play(episode: Episode, material: _Material, draws: int) -> Iterator[Measurement]:
    train = material.train
    kept_out = episode.kept_out(train)
    others = np.flatnonzero(~kept_out)
    rest = asked(train.select(others))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a prompt without a class has no mean
        goals = targets(rest)
    fitted = fit_trunk(material.table, material.bags.take(others), goals, gaps(rest), material.seed)
    onnx = to_onnx(fitted.weights)
    manifest = manifest_of(fitted.weights, onnx)
    cards = {}
    for role, name in zip(("moe", "premium"), episode.start, strict=True):
        column = CLASSES.index(name)
        a, b = fit_head(fitted.unseen_z, rest.by_class[:, column], column)
        cards[role] = Ability(role, manifest.version, a.astype(np.float32), b)
    new = _pair(train.select(np.flatnonzero(kept_out)), episode)
    trunk = Classifier.from_artifact(Artifact(manifest, onnx, {}), device="cpu")
    readings = read_split(trunk, new)
    for labels in episode.labels:
        name = f"half of {episode.task}" if episode.task else episode.source
        yield from FewLabels(readings, cards, labels, draws).lines(name, labels, {})


def _pair(outcomes: Outcomes, episode: Episode) -> Outcomes:
    """The prompts both models answered; the weak one as `moe`, the strong one as `premium`."""
    scores: NDArray[np.float32] = np.column_stack(
        [
            outcomes.by_model[:, outcomes.models.index(name)]
            for name in (episode.weak, episode.strong)
        ]
    )
    both = np.flatnonzero(np.isfinite(scores).all(axis=1))
    empty = np.full((len(both), 1), np.nan, dtype=np.float32)
    return replace(outcomes.select(both), by_class=np.hstack([empty, scores[both]]))
