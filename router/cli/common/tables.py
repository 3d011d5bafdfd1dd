"""The tables that commands print for eyes.

Names come from customers, backends and files: none is read as markup, and none reaches a terminal
as anything but text. What does not fit a terminal is folded, and a pipe gets every line whole.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from router.printable import printable

_WIDE: Final = 10_000  # a pipe has no edge


class PlainConsole(Console):
    """A console that takes text for what it is: no markup, no emoji codes, no escape sequences."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a text to print."""
        return super().render_str(printable(text, keep="\n"), **options)


def narrow(title: str) -> Table:
    """Return a table whose columns stand close together."""
    return Table(
        title=title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0), show_edge=False
    )


def standard_output() -> Console:
    """Return standard output, as wide as the terminal, or without an edge where it is a pipe."""
    console = PlainConsole()
    return console if console.is_terminal else PlainConsole(width=_WIDE)


def show(table: Table, console: Console | None = None) -> None:
    """Print a table (without `console`, on standard output), never cutting a cell."""
    for column in table.columns:
        column.overflow = "fold"
        column.header, column.footer = _plain(column.header), _plain(column.footer)
        cells = column._cells  # noqa: SLF001 # rich has no other way to change one
        cells[:] = map(_plain, cells)
    if isinstance(table.title, str):
        table.title = Text(printable(table.title), style="table.title")
    (console or standard_output()).print(table)


def show_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows on standard output; the first column is what other commands are told."""
    table = Table(Column(columns[0], no_wrap=True), *columns[1:])
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    show(table)


def _plain(cell: Any) -> Any:
    return Text(printable(cell, keep="\n")) if isinstance(cell, str) else cell
