"""The documents for a command: read, or the command ends with every mistake and exit code 2."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from policies.findings import DocumentError, render
from router.cli.common.tables import say
from router.settings import CONFIG, environment
from router.world.documents import Documents, read_documents

config_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("turnout.yaml"),
    envvar=CONFIG,
    show_default=True,
    show_envvar=True,
    help="The configuration file.",
)


def documents_or_end(config_path: Path) -> Documents:
    """Return both documents, or end the command with every mistake on standard error."""
    try:
        return read_documents(config_path, environment())
    except DocumentError as error:
        end_with_findings(error)


def end_with_findings(error: DocumentError) -> NoReturn:
    """Print every finding on standard error and end with exit code 2."""
    say(render(error.findings), err=True)
    sys.exit(2)
