"""Ask a backend the probe prompts: cost first, then a progress bar; a broken run goes on."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from classifiers.outcome_files import JudgedAnswer
from classifiers.probing.probes import Probe, probes
from classifiers.prompt import prompt_of_text
from policies.findings import suggestion
from policies.money import to_usd, usd_rounded
from router.backends.backend import Backend
from router.cli.common.tables import say
from router.cli.probing.answers import ProbeAnswers
from router.cli.probing.probe_run import ProbeRun
from router.domain import Usage
from router.printable import printable
from router.world.documents import Documents

ANSWER_TOKENS: Final = 1000  # the most a probe may answer, unless --max-tokens says more
LIKELY_TOKENS: Final = 150
MANY: Final = 0.1  # of the probes without an answer make the run fail
GO_ON: Final = "run the same command again to go on"


class ProbingStopped(click.ClickException):
    """Ctrl-C, with what is kept of the run."""

    exit_code = 130


@dataclass(frozen=True, slots=True)
class Probed:
    """The outcomes of all probes that were answered. `missing` says, in words, which were not;
    `many` whether a card on the others is doubtful."""

    outcomes: list[JudgedAnswer]
    missing: str = ""
    many: bool = False


def probe_backend(
    documents: Documents,
    name: str,
    *,
    answers: Path,
    yes: bool,
    limit: int | None,
    tokens: int = ANSWER_TOKENS,
) -> Probed:
    """Ask every probe that was not asked yet; returns the outcomes of all.

    Scores are kept in `answers` as they come (no text), so that a run that broke off goes on.
    Ends with a ClickException where the backend is unknown or does not answer.
    """
    backend, all_ = _backend(documents, name), probes()
    chosen = all_[:limit]
    saved = ProbeAnswers(answers, name, backend.model, {probe.id for probe in all_})
    open_ = [probe for probe in chosen if probe.id not in saved.scores]
    missing = ""
    if open_:
        _confirm(documents, name, open_, yes, tokens)
        missing = _ask(backend, open_, saved, tokens)
    else:
        say(f"{name}: {len(chosen)} answered before ({answers}), none asked", err=True)
    outcomes = [
        JudgedAnswer(name, saved.scores[probe.id], prompt_of_text(probe.text), by="probes")
        for probe in chosen
        if probe.id in saved.scores
    ]
    unanswered = len(chosen) - len(outcomes)
    if unanswered:
        missing = (
            f"{unanswered} of {len(chosen)} probes were not answered: {missing}. R{GO_ON[1:]}."
        )
    return Probed(outcomes, missing, unanswered > MANY * len(chosen))


def _backend(documents: Documents, name: str) -> Backend:
    if name not in documents.backends:
        hint = suggestion(name, documents.backends, what="backends")
        raise click.ClickException(f"{documents.config_path} has no backend {name!r}: {hint}")
    return documents.backends[name]


def _confirm(
    documents: Documents, name: str, open_: Sequence[Probe], yes: bool, most_tokens: int
) -> None:
    price = documents.prices.price(name)
    tokens = sum(len(probe.text) // 4 + 10 for probe in open_)
    answers = min(LIKELY_TOKENS, most_tokens) * len(open_)
    likely = price.cost(Usage(tokens, answers))
    most = price.cost(Usage(tokens, most_tokens * len(open_)))
    say(
        f"{name}: {len(open_)} probe prompts, about {tokens} tokens in; likely "
        f"${usd_rounded(to_usd(likely), 4)}, at "
        f"most ${usd_rounded(to_usd(most), 4)} at the prices of {documents.config_path}",
        err=True,
    )
    if most > 0 and not yes:
        click.confirm("Ask them?", abort=True, err=True)


def _ask(backend: Backend, open_: Sequence[Probe], saved: ProbeAnswers, tokens: int) -> str:
    """Ask them; return why some were not answered. ClickException where the run ended early."""
    with saved.open() as file, Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(escape(f"asking {printable(backend.name)}"), total=len(open_))

        def keep(probe: str, score: float) -> None:
            saved.add(file, probe, score)
            bar.advance(task)

        probe_run = ProbeRun(backend, tokens, keep)
        try:
            asyncio.run(probe_run.run(open_))
        except KeyboardInterrupt:
            raise ProbingStopped(f"stopped: {_so_far(saved)}") from None
    if probe_run.ended:
        why = probe_run.ended.rstrip(".")
        raise click.ClickException(f"{backend.name} does not answer: {why}. {_so_far(saved)}")
    return "; ".join(f"{why} ({count})" for why, count in probe_run.reasons.most_common(3))


def _so_far(saved: ProbeAnswers) -> str:
    return f"{len(saved.scores)} answers are kept in {saved.path}; {GO_ON}."
