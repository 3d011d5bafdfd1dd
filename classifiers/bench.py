"""`python -m classifiers bench`: what a classification costs, on one core."""

import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.table import Table

from classifiers.artifact import ArtifactError
from classifiers.prompt import Prompt, prompt_of_text
from classifiers.serving import Classifier
from classifiers.text.features import encode
from classifiers.text.reading import READS_IN

BATCH: Final = 32
_SYLLABLES: Final = ("ba", "con", "der", "ex", "form", "gra", "hi", "in", "jet", "ka", "tion")
_OPTIONS: Final = "\nA. 12 percent\nB. 3.5 kg\nC. none of these\nD. both"


@dataclass(frozen=True, slots=True)
class Timing:
    """Microseconds per prompt; `budget` is what the design allows, 0 where it names none."""

    what: str
    p50: float
    p99: float
    budget: float = 0.0


@click.command(name="bench")
@click.option("--classifier", "manifest", type=click.Path(path_type=Path), help="default: shipped")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="cpu")
@click.option("--rounds", type=click.IntRange(min=1), default=2000, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def main(manifest: Path | None, device: str, rounds: int, as_json: bool) -> None:
    """Time reading, scoring and loading. Run it on a quiet machine: the budgets are for one."""
    began = time.perf_counter()
    try:
        classifier = Classifier.load(manifest, device=device)
    except ArtifactError as error:
        raise click.ClickException(str(error)) from None
    loading = time.perf_counter() - began
    timings = measure(classifier, rounds)
    timings.append(Timing("load the classifier", loading * 1e6, loading * 1e6))
    if as_json:
        click.echo(json.dumps([asdict(timing) for timing in timings]))
    else:
        _show(classifier, timings)


def measure(classifier: Classifier, rounds: int) -> list[Timing]:
    """Time one prompt at a time and batches, on texts of made-up words."""
    kilobyte, megabyte = prompt_of_text(text_of(1024)), prompt_of_text(text_of(1 << 20))
    many = [prompt_of_text(text_of(1024, seed)) for seed in range(BATCH)]
    short = [prompt_of_text(text_of(300, seed)) for seed in range(BATCH)]
    few = max(1, rounds // BATCH)
    return [
        _timed("read 1 KB", lambda: encode([kilobyte]), rounds),
        _timed("read and score 1 KB", lambda: classifier.score([kilobyte]), rounds, budget=250),
        _timed("read and score 1 MB", lambda: classifier.score([megabyte]), few, budget=2000),
        _per_prompt("batch of 32, 1 KB each", classifier, many, few, 200),
        _per_prompt("batch of 32, 300 B each", classifier, short, few, 200),
    ]


def text_of(size: int, seed: int = 0) -> str:
    """A text of that many characters: made-up words, numbers, signs, answer options."""
    pick = random.Random(seed)  # noqa: S311 - reproducible text, no secret
    words = ["".join(pick.choices(_SYLLABLES, k=pick.randint(1, 4))) for _ in range(400)]
    words += ["3.5", "12", "(x", "y)", "=", "the", "of", "is"] * 10
    text = " ".join(pick.choices(words, k=size // 5))
    return text[: max(0, size - len(_OPTIONS))] + _OPTIONS


def _per_prompt(
    what: str, classifier: Classifier, prompts: Sequence[Prompt], rounds: int, budget: float
) -> Timing:
    whole = _timed(what, lambda: classifier.score(prompts), rounds)
    return Timing(what, whole.p50 / len(prompts), whole.p99 / len(prompts), budget)


def _timed(what: str, work: Callable[[], object], rounds: int, budget: float = 0.0) -> Timing:
    for _ in range(max(3, rounds // 20)):
        work()
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1e6)
    taken.sort()
    slow = taken[min(len(taken) - 1, rounds * 99 // 100)]
    return Timing(what, statistics.median(taken), slow, budget)


def _show(classifier: Classifier, timings: Sequence[Timing]) -> None:
    title = f"{classifier.version} on {classifier.provider}, one thread, reading in {READS_IN}"
    table = Table("what", "p50 µs", "p99 µs", "a second", "budget µs", "", title=title)
    for one in timings:
        met = "" if not one.budget else "yes" if one.p50 <= one.budget else "no"
        rate = f"{1e6 / one.p50:,.0f}"
        budget = f"{one.budget:.0f}" if one.budget else ""
        table.add_row(one.what, f"{one.p50:.0f}", f"{one.p99:.0f}", rate, budget, met)
    Console().print(table)
