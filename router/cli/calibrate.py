"""`turnout calibrate`: an ability card for a backend, from outcomes or from probe prompts."""

from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import click

from classifiers.ability import Ability, to_json
from classifiers.artifact import ArtifactError
from classifiers.drift import drift
from classifiers.outcomes import Outcome, OutcomeError, by_backend, observations, read_outcomes
from classifiers.recalibrate import TooFewOutcomes, fit_card, nearest
from classifiers.serving import Classifier
from router.cli.documents import config_option, documents_or_end
from router.cli.probe import probe_backend


@click.command()
@click.argument("backend", required=False)
@click.option("--backend", "named", help="The backend of turnout.yaml to ask; like the argument.")
@click.option("--outcomes", type=click.File("rb"), help="JSONL of judged answers, instead.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The card to write.")
@config_option
@click.option("--yes", is_flag=True, help="Spend the estimated cost without asking.")
@click.option("--limit", type=click.IntRange(30), help="Ask at most so many probe prompts.")
def calibrate(
    *,
    backend: str | None,
    named: str | None,
    outcomes: BinaryIO | None,
    out: Path | None,
    config_path: Path,
    yes: bool,
    limit: int | None,
) -> None:
    """Fit an ability card: how likely BACKEND answers well, given what the classifier sees.

    With --outcomes FILE.jsonl the card is fitted on lines of
    {"messages": [...], "backend": "moe", "score": 0..1} and named after `backend`. Without it,
    BACKEND of turnout.yaml is asked probe prompts with checkable answers; what it will cost is said
    first, and an interrupted run goes on where it stopped. The card starts from the shipped card of
    the same name, else from the nearest one.

    Use the card with `turnout score --ability CARD.json`, or under `classifier.cards` in
    turnout.yaml.
    """
    name = backend or named
    if (name is None) == (outcomes is None):  # one of the two
        raise click.UsageError("name a BACKEND to ask, or give --outcomes FILE.jsonl")
    try:
        judged = read_outcomes(outcomes) if outcomes else None
        if judged is None:
            documents = documents_or_end(config_path)
            answers = (out or Path(f"{name}.json")).with_suffix(".probes.jsonl")
            judged = probe_backend(documents, str(name), answers=answers, yes=yes, limit=limit)
        _write_cards(judged, out)
    except (ArtifactError, OutcomeError, TooFewOutcomes, ValueError) as error:
        raise click.ClickException(str(error)) from None


def _write_cards(judged: list[Outcome], out: Path | None) -> None:
    groups = by_backend(judged)
    if not groups:
        raise click.ClickException("the file holds no outcomes")
    if out is not None and len(groups) > 1:
        raise click.ClickException(
            f"the file holds outcomes of {', '.join(groups)}: leave --out away to write one card "
            "each, NAME.json"
        )
    classifier = Classifier.load(device="cpu")
    today = datetime.now(UTC).date().isoformat()
    for name, group in groups.items():
        seen = observations(classifier, group)
        base = nearest(classifier.cards, name, seen)
        before = drift(base.probabilities(seen.z, seen.embedding), seen.scores)
        card = fit_card(base, seen, date=today, name=name)
        path = out or Path(f"{name}.json")
        path.write_bytes(to_json(card))
        _report(card, before.error, before.chance, path)


def _report(card: Ability, error: float, chance: float, path: Path) -> None:
    fitted = card.fitted
    click.echo(
        f"{card.name}: {card.outcomes} outcomes, started from {fitted['base']}\n"
        f"  calibration error {error:.3f} before (chance alone gives up to {chance:.3f}), "
        f"{fitted['ece']:.3f} after, cross-validated\n"
        f"  log loss {fitted['log_loss_before']:.3f} before, {fitted['log_loss']:.3f} after; "
        f"correction: {fitted['correction']}\n"
        f"  wrote {path}",
        err=True,
    )
    if fitted["log_loss"] >= fitted["log_loss_before"]:
        click.echo(
            f"  It forecasts these outcomes no better than {fitted['base']} did: stay with that, "
            "or come back with more outcomes.",
            err=True,
        )
