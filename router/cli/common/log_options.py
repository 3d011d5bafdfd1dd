"""What the commands over decision logs share: their options, verdicts, and how they print."""

import json
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from policies.replay.replay import ReplayReport
from router.cli.common.documents import documents_or_end
from router.cli.common.replay_report import named_points
from router.cli.common.saying import say, say_json
from router.cli.common.stores import no_database
from router.cli.common.tables import PlainConsole
from router.database import DatabaseError
from router.loop.outcome_store import OutcomeStore

LOG: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_WIDTH: Final = 140  # of tables that do not go to a terminal

_Option = Callable[[Callable[..., Any]], Callable[..., Any]]
json_option: _Option = click.option("--json", "as_json", is_flag=True, help="JSON, not tables.")
png_option: _Option = click.option(
    "--png",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Draw cost against quality (needs the extra `train`).",
)
logs_option: _Option = click.option(
    "--log",
    "logs",
    multiple=True,
    required=True,
    type=LOG,
    help="A decision log; may be repeated.",
)


def _tiers(_context: click.Context, _option: click.Parameter, pairs: tuple[str, ...]) -> Any:
    """OLD=NEW pairs as a mapping."""
    split = [pair.partition("=") for pair in pairs]
    wrong = [old for old, sign, new in split if not (old and sign and new)]
    if wrong:
        raise click.BadParameter(f"`{wrong[0]}` is not OLD=NEW, such as free=small")
    return {old: new for old, _, new in split}


outcomes_option: _Option = click.option(
    "--config",
    "config_path",
    type=LOG,
    help="turnout.yaml: count the feedback and audits in its database as verdicts.",
)
tiers_option: _Option = click.option(
    "--as-tier",
    "tiers",
    multiple=True,
    callback=_tiers,
    help="OLD=NEW: treat the log's tier OLD as NEW; may be repeated.",
)


def verdicts_of(config_path: Path | None) -> Mapping[tuple[str, str], float]:
    """What customers and audits said of past answers, from the gateway's own database."""
    if config_path is None:
        return {}
    documents = documents_or_end(config_path)
    try:
        store = OutcomeStore(documents.database, keep=documents.config.outcomes.keep)
        try:
            return store.verdicts()
        finally:
            store.close()
    except DatabaseError as error:
        raise no_database(error) from None


def console() -> Console:
    """Where tables go: as wide as the terminal, or wide enough for a file."""
    return PlainConsole(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)


def print_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object, indented."""
    say_json(json.dumps(value, indent=2))


def draw_cost_quality(reports: Mapping[str, ReplayReport], path: Path | None) -> None:
    """Draw the reports' cost against quality, if a path was given for it."""
    if path is None:
        return
    points = named_points(reports)
    if not points:
        raise click.ClickException("there is nothing to draw: no record knows every backend")
    try:
        # matplotlib is no dependency of the gateway
        plot = import_module("router.cli.common.cost_quality_plot")
    except ImportError:
        raise click.ClickException("--png needs matplotlib: pip install 'turnout[train]'") from None
    plot.draw(points, path)
    say(f"drawn: {path}", err=True)
