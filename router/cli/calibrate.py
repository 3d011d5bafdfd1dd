"""`turnout calibrate`: an ability card for a backend, from outcomes or from probe prompts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click

from classifiers.artifact import ArtifactError
from classifiers.cards.ability import Ability
from classifiers.cards.card_format import to_json
from classifiers.cards.drift import drift
from classifiers.cards.fit_card import LEAST_OUTCOMES, fit_card, nearest
from classifiers.cards.observations import MOST_OUTCOMES
from classifiers.outcome_files import (
    JudgedAnswer,
    OutcomeError,
    by_backend,
    check_numbers,
    observations,
    read_outcomes,
    sampled,
)
from classifiers.probing.walls.table import WALLS
from classifiers.serving import Classifier
from router.cli.common.card_files import STDOUT, cannot_write, card_path, write_card
from router.cli.common.documents import config_option, documents_or_end
from router.cli.common.saying import say
from router.cli.probing.probe import ANSWER_TOKENS, probe_backend

Groups = Mapping[str, Sequence[JudgedAnswer]]


@click.command()
@click.argument("backend", required=False)
@click.option("--backend", "named", help="The backend of turnout.yaml to ask; like the argument.")
@click.option("--outcomes", type=click.File("rb"), help="JSONL of judged answers, instead.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The card to write, - for standard output; default: NAME.json in this folder.",
)
@config_option
@click.option("--yes", is_flag=True, help="Spend the estimated cost without asking.")
@click.option("--limit", type=click.IntRange(30), help="Ask at most so many probe prompts.")
@click.option(
    "--max-tokens",
    type=click.IntRange(1),
    default=ANSWER_TOKENS,
    show_default=True,
    help="The most a probe's answer may take; models that reason first need more.",
)
@click.option(
    "--wall",
    type=click.Choice([*WALLS, "none"]),
    help="Run a model's Python behind this wall alone; none skips the probes that ask for code.",
)
def calibrate(
    *,
    backend: str | None,
    named: str | None,
    outcomes: BinaryIO | None,
    out: Path | None,
    config_path: Path,
    yes: bool,
    limit: int | None,
    max_tokens: int,
    wall: str | None,
) -> None:
    """Fit an ability card: how likely BACKEND answers well, given what the classifier sees.

    With --outcomes FILE.jsonl the card is fitted on lines of
    {"messages": [...], "backend": "moe", "score": 0..1} and named after `backend`; a file of
    several backends gives one card each, without --out, and none where one of them has too few
    lines. Of more than 5,000 lines of a backend, 5,000 drawn at random are used.

    Without it, BACKEND of turnout.yaml is asked probe prompts with checkable answers; what it will
    cost is said first, and an interrupted run goes on where it stopped: scores are kept beside the
    card in NAME.probes.jsonl. Answers that are cut or hold no text do not count. Where more than a
    tenth of the probes stay without an answer, the exit code is 1. Python that a model wrote is run
    behind a wall that proved itself just before (bubblewrap, or WebAssembly with the extra
    `wall`); without one, the probes that ask for code are skipped, and the card says so.

    The card starts from the shipped card of the same name, else from the nearest one. Use it with
    `turnout score --ability CARD.json`, or under `classifier.cards` in turnout.yaml.
    """
    if backend and named:
        raise click.UsageError("name the BACKEND once: as the argument or with --backend")
    name = backend or named
    if (name is None) == (outcomes is None):  # one of the two
        raise click.UsageError("name a BACKEND to ask, or give --outcomes FILE.jsonl")
    try:
        if outcomes is not None:
            _from_file(outcomes, out)
        else:
            walls = tuple(WALLS) if wall is None else tuple({wall} & WALLS.keys())
            how = {"yes": yes, "limit": limit, "tokens": max_tokens, "walls": walls}
            _from_probes(str(name), config_path, card_path(str(name), out), **how)
    except (ArtifactError, OutcomeError) as error:
        raise click.ClickException(str(error)) from None


def _from_file(outcomes: BinaryIO, out: Path | None) -> None:
    groups = by_backend(read_outcomes(outcomes))
    if not groups:
        raise click.ClickException("the file holds no outcomes")
    if out is not None and len(groups) > 1:
        raise click.ClickException(
            f"the file holds outcomes of {', '.join(groups)}: leave --out away to write one card "
            "each, NAME.json"
        )
    paths = {name: card_path(name, out) for name in groups}
    source = Path(outcomes.name)
    for path in paths.values():
        if source.exists() and path.exists() and source.samefile(path):
            raise click.ClickException(
                f"the card would be written over the outcomes in {path}: give another --out"
            )
    _write_cards(groups, paths)


def _from_probes(name: str, config_path: Path, path: Path, **how: Any) -> None:
    """Ask a backend the probes, keeping its scores beside the card, and fit the card."""
    beside = card_path(name, None) if path == STDOUT else path
    answers = beside.with_suffix(".probes.jsonl")
    try:
        probed = probe_backend(documents_or_end(config_path), name, answers=answers, **how)
    except OSError as error:
        raise cannot_write(answers, error) from None
    if probed.missing:
        say(f"{name}: {probed.missing}", err=True)
    _write_cards({name: probed.outcomes}, {name: path}, code_probes=probed.code)
    if probed.many:
        raise click.ClickException(
            f"the card rests on the {len(probed.outcomes)} probes that were answered"
        )


def _write_cards(groups: Groups, paths: Mapping[str, Path], *, code_probes: str = "") -> None:
    """Fit all, then write all: a group that cannot be fitted leaves no card of another behind. What
    became of the probes that ask for code stands in the card, too."""
    for name, group in groups.items():
        if len(group) < LEAST_OUTCOMES:
            raise click.ClickException(
                f"{name}: {len(group)} outcomes are too few to fit a card: it takes at least "
                f"{LEAST_OUTCOMES}; from 200 on the card also learns what this traffic is like, "
                "and 1,500 are plenty. No card was written."
            )
    classifier = Classifier.load(device="cpu")
    for group in groups.values():
        check_numbers(classifier, group)
    fitted = [_fit(classifier, name, group) for name, group in groups.items()]
    for card, report in fitted:
        path = paths[card.name]
        said = {"code_probes": code_probes} if code_probes else {}
        write_card(path, to_json(replace(card, fitted={**card.fitted, **said})))
        say(f"{report}\n  wrote {'the card' if path == STDOUT else path}", err=True)


def _fit(classifier: Classifier, name: str, group: Sequence[JudgedAnswer]) -> tuple[Ability, str]:
    if len(group) > MOST_OUTCOMES:
        say(f"{name}: {MOST_OUTCOMES} of {len(group)} outcomes are used, drawn at random", err=True)
    outcomes = observations(classifier, sampled(group))
    base = nearest(classifier.cards, name, outcomes)
    before = drift(base.probabilities(outcomes.z, outcomes.embedding), outcomes.scores)
    today = datetime.now(UTC).date().isoformat()
    card = fit_card(base, outcomes, date=today, name=name)
    return card, _report(card, before.error, before.chance)


def _report(card: Ability, error: float, chance: float) -> str:
    fitted = card.fitted
    report = (
        f"{card.name}: {card.outcomes} outcomes, started from {fitted['base']}\n"
        f"  calibration error {error:.3f} before (chance alone gives up to {chance:.3f}), "
        f"{fitted['ece']:.3f} after, cross-validated\n"
        f"  log loss {fitted['log_loss_before']:.3f} before, {fitted['log_loss']:.3f} after; "
        f"correction: {fitted['correction']}"
    )
    if fitted["log_loss"] >= fitted["log_loss_before"]:
        report += (
            f"\n  It forecasts these outcomes no better than {fitted['base']} did: stay with that, "
            "or come back with more outcomes."
        )
    return report
