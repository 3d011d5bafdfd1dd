"""`turnout recalibrate`: refit the running cards on outcomes, promote what is better, roll back."""

from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import click

from classifiers.artifact import ArtifactError
from classifiers.drift import drift
from classifiers.outcomes import OutcomeError, by_backend, observations, read_outcomes
from classifiers.recalibrate import TooFewOutcomes, nearest, recalibrate
from classifiers.serving import Classifier
from classifiers.shelf import NothingToRollBack, Shelf


@click.command(name="recalibrate")
@click.option("--outcomes", type=click.File("rb"), help="JSONL of judged answers.")
@click.option(
    "--cards",
    default="cards",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the promoted cards and their history.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be promoted; write nothing.")
@click.option("--roll-back", metavar="ABILITY", help="Return to the card before the running one.")
def recalibrate_command(
    outcomes: BinaryIO | None, cards: Path, dry_run: bool, roll_back: str | None
) -> None:
    """Refit ability cards on outcomes and promote those that forecast better beyond the noise.

    Every backend in the file is treated alone. Its running card is the one in --cards, else the
    shipped one. The refitted card takes over only if it forecasts held-back outcomes better by more
    than chance explains; otherwise nothing changes, and the reason is printed. Exit code 0 either
    way, 1 when the input cannot be used.
    """
    shelf = Shelf(cards)
    try:
        if roll_back:
            _roll_back(shelf, roll_back)
        elif outcomes:
            _refit(shelf, outcomes, dry_run)
        else:
            raise click.UsageError("give --outcomes FILE.jsonl, or --roll-back ABILITY")
    except (ArtifactError, OutcomeError, TooFewOutcomes, NothingToRollBack, ValueError) as error:
        raise click.ClickException(str(error)) from None


def _roll_back(shelf: Shelf, name: str) -> None:
    path = shelf.roll_back(name)
    click.echo(f"{name}: back to {'the shipped card' if path is None else 'the card before'}")


def _refit(shelf: Shelf, source: BinaryIO, dry_run: bool) -> None:
    classifier = Classifier.load(device="cpu")
    today = datetime.now(UTC).date().isoformat()
    for name, outcomes in by_backend(read_outcomes(source)).items():
        seen = observations(classifier, outcomes)
        running = shelf.current(name) or nearest(classifier.cards, name, seen)
        state = drift(running.probabilities(seen.z, seen.embedding), seen.scores)
        click.echo(
            f"{name}: {seen.size} outcomes; calibration error {state.error:.3f} "
            f"(chance alone up to {state.chance:.3f}){', DRIFT' if state.alarm else ''}"
        )
        verdict = recalibrate(running, seen, date=today)
        click.echo(f"  {verdict.reason}")
        if verdict.promoted and not dry_run:
            click.echo(f"  promoted: {shelf.promote(verdict.card)}")
        else:
            click.echo("  would be promoted" if verdict.promoted else "  refused: no change")
