"""What commands print: text for eyes, JSON for programs, and tables, whose library is imported when
one is printed.

Names come from customers, backends and files: none reaches a terminal as anything but text.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import click

from router.cli.common.lazy import imported
from router.printable import printable_beside_colours, safe_json

_TABLES: Final = "router.cli.common.tables"


def say(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    """Print lines of text; `err`: on standard error. Colours stay; what else steers, does not."""
    click.echo(printable_beside_colours(text, keep="\n"), err=err, nl=nl)


def say_json(document: bytes | str) -> None:
    """Print a document of JSON."""
    click.echo(safe_json(document if isinstance(document, str) else document.decode()))


def say_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table for eyes; its first column is never folded."""
    imported(_TABLES).show_rows(columns, rows)
