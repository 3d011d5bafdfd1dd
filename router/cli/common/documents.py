"""The documents for a command: read, or the command ends with every mistake and exit code 2.

What the full reader needs is imported when a command asks for it.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from policies.findings import DocumentError, render
from router.cli.common.lazy import imported
from router.cli.common.saying import say
from router.settings import CONFIG, environment
from router.world.outline import Outline, outline

if TYPE_CHECKING:
    from router.world.documents import Documents

_FULL_READER: Final = "router.world.documents"

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


def outline_or_end(config_path: Path) -> Outline:
    """Return where things are and which tiers there are, fast; or end the command as
    `documents_or_end` does, which looks where anything is in doubt.
    """
    found = outline(config_path, environment())
    return documents_or_end(config_path).outline() if found is None else found


def documents_or_end(config_path: Path) -> "Documents":
    """Return both documents, or end the command with every mistake on standard error."""
    try:
        read: Documents = imported(_FULL_READER).read_documents(config_path, environment())
        return read
    except DocumentError as error:
        end_with_findings(error)


def end_with_findings(error: DocumentError) -> NoReturn:
    """Print every finding on standard error and end with exit code 2."""
    say(render(error.findings), err=True)
    sys.exit(2)
