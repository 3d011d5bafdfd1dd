"""Ask a backend the probe prompts: cost first, then a progress bar; a broken run goes on."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from classifiers.outcome_files import JudgedAnswer
from classifiers.probing.checks import RUN
from classifiers.probing.probes import Probe, probes
from classifiers.probing.walls.table import open_wall
from classifiers.probing.walls.wall import NoWall, Wall
from classifiers.prompt import prompt_of_text
from policies.findings import suggestion
from policies.money import to_usd, usd_rounded
from router.backends.backend import Backend
from router.cli.common.saying import say
from router.cli.probing.answers import ProbeAnswers
from router.cli.probing.probe_run import ProbeRun
from router.domain import Usage
from router.printable import printable
from router.world.documents import Documents

ANSWER_TOKENS: Final = 1000  # the most a probe may answer, unless --max-tokens says more
LIKELY_TOKENS: Final = 150
MANY: Final = 0.1  # of the probes without an answer make the run fail
GO_ON: Final = "run the same command again to go on"
HELP: Final = 'Install bubblewrap, or: pip install "turnout[wall]"'


class ProbingStopped(click.ClickException):
    """Ctrl-C, with what is kept of the run."""

    exit_code = 130


@dataclass(frozen=True, slots=True)
class Probed:
    """The outcomes of all probes that were answered. `missing` says, in words, which were not;
    `many` whether a card on the others is doubtful, `code` what became of those that ask for
    code."""

    outcomes: list[JudgedAnswer]
    missing: str = ""
    many: bool = False
    code: str = ""


def probe_backend(
    documents: Documents,
    name: str,
    *,
    answers: Path,
    yes: bool,
    limit: int | None,
    walls: Sequence[str],
    tokens: int = ANSWER_TOKENS,
) -> Probed:
    """Ask every probe that was not asked yet; returns the outcomes of all.

    Scores are kept in `answers` as they come (no text), so that a run that broke off goes on. Code
    is run behind the first of `walls` that holds; where none does, it is not asked for.
    Ends with a ClickException where the backend is unknown or does not answer.
    """
    backend, all_ = _backend(documents, name), probes()
    saved = ProbeAnswers(answers, name, backend.model, {probe.id for probe in all_})
    missing = ""
    with _wall_for(all_[:limit], saved, walls) as (wall, code):
        judged = (probe for probe in all_ if wall or probe.kind != RUN or probe.id in saved.scores)
        chosen = list(islice(judged, limit))
        if code:
            say(f"{name}: {code}", err=True)
        if open_ := [probe for probe in chosen if probe.id not in saved.scores]:
            _confirm(documents, name, open_, yes, tokens)
            missing = _ask(backend, open_, saved, tokens, wall)
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
    return Probed(outcomes, missing, unanswered > MANY * len(chosen), code)


@contextmanager
def _wall_for(
    chosen: Sequence[Probe], saved: ProbeAnswers, walls: Sequence[str]
) -> Iterator[tuple[Wall | None, str]]:
    """The wall to run code behind, where some is still to be asked for, and what to say of it."""
    code = sum(probe.kind == RUN and probe.id not in saved.scores for probe in chosen)
    if not code:
        yield None, ""
        return
    with ExitStack() as stack:
        try:
            wall = stack.enter_context(open_wall(walls))
        except NoWall as error:
            why = f"{code} code probes are skipped: no wall to run a model's Python behind"
            yield None, f"{why} ({error}). {HELP}"
        else:
            yield wall, f"a model's Python runs behind {wall.name}, which proved that it holds"


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


def _ask(
    backend: Backend, open_: Sequence[Probe], saved: ProbeAnswers, tokens: int, wall: Wall | None
) -> str:
    """Ask them; return why some were not answered. ClickException where the run ended early."""
    with saved.open() as file, Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(escape(f"asking {printable(backend.name)}"), total=len(open_))

        def keep(probe: str, score: float) -> None:
            saved.add(file, probe, score)
            bar.advance(task)

        probe_run = ProbeRun(backend, tokens, keep, wall)
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
