"""Tables for eyes: what does not fit a terminal is folded, and a pipe gets every line whole."""

from typing import Final

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

_WIDE: Final = 10_000  # a pipe has no edge


def narrow(title: str) -> Table:
    """Return a table whose columns stand close together."""
    return Table(
        title=title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0), show_edge=False
    )


def standard_output() -> Console:
    """Return standard output, as wide as the terminal, or without an edge where it is a pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDE)


def show(table: Table, console: Console | None = None) -> None:
    """Print a table (without `console`, on standard output), never cutting a cell."""
    for column in table.columns:
        column.overflow = "fold"
    (console or standard_output()).print(table)
