"""`turnout outcomes`: the judged answers, as a file that `turnout calibrate` reads."""

import json
from pathlib import Path
from typing import Any

import click
import numpy as np

from router.cli.common.documents import config_option, documents_or_end
from router.cli.common.saying import say
from router.cli.common.stores import opened
from router.cli.common.streams import STANDARD, any_file, writing
from router.loop.outcome_store import JudgedDecision
from router.loop.prompt_store import PromptStore
from router.printable import safe_json


def _line(outcome: JudgedDecision, prompt: bytes | None) -> dict[str, Any]:
    """A line of an outcomes file: with the prompt where it was kept, else with its numbers."""
    read: dict[str, Any] = (
        {"z": _numbers(outcome.z), "embedding": _numbers(outcome.embedding)}
        if prompt is None
        else json.loads(prompt)
    )
    return read | {
        "backend": outcome.ability,
        "score": outcome.score,
        "by": outcome.by,
        "source": outcome.source,
        "route": outcome.route,
        "classifier": outcome.classifier,
        "at": outcome.at,
    }


def _numbers(data: bytes) -> list[float]:
    return [round(float(number), 6) for number in np.frombuffer(data, np.float32)]


@click.command()
@config_option
@click.option("--ability", help="Only outcomes of this card; default: of all.")
@click.option("--out", type=any_file, default=STANDARD, help="A file; default: standard output.")
def outcomes(config_path: Path, ability: str | None, out: Path) -> None:
    """Write the stored outcomes as JSON lines, oldest first.

    The file is what `turnout calibrate --outcomes` reads. A line holds the prompt where
    `outcomes.prompts` was on when it was asked, else what the classifier made of it, which only the
    same classifier understands.
    """
    documents = documents_or_end(config_path)
    count = 0

    def build(url: str) -> PromptStore:
        return PromptStore(url, keep=documents.config.outcomes.keep)

    with opened(documents, build) as store, writing(out) as sink:
        for outcome, prompt in store.outcomes(ability):
            line = safe_json(json.dumps(_line(outcome, prompt), ensure_ascii=False))
            sink.write(f"{line}\n".encode())
            count += 1
    if not count:
        of = "" if ability is None else f" of {ability!r}"
        say(f"there are no outcomes{of}", err=True)
        return
    say(f"{count} outcomes", err=True)
