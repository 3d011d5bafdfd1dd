"""Plain data as a person reads it: names and values, lists of alike things as tables."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from policies.money import PICO_PER_NANO, usd
from router.printable import printable

_NANO_USD: Final = "nano-USD"
_GAP: Final = 2  # between two columns


def print_state(state: Mapping[str, Any], console: Console, depth: int = 0) -> None:
    """Print nested data. Names that end in `_at` are instants in Unix milliseconds; amounts whose
    `unit` is nano-USD are shown as dollars.
    """
    for name, value in state.items():
        if _is_list_of_maps(value):
            _line(console, depth, name, f"{len(value) or 'none'}", style="bold")
            _print_all(value, console, depth + 1)
        elif value is not None:
            _line(console, depth, name, _text(name, value, state))


def _line(console: Console, depth: int, name: str, text: str, style: str = "") -> None:
    """One name and its value: never read as markup, since customers choose names."""
    title = Text("  " * depth + printable(_title(name)), style)
    console.print(title.append(f": {printable(text)}", style="none"), soft_wrap=True)


def _print_all(states: Sequence[Mapping[str, Any]], console: Console, depth: int) -> None:
    """Print alike things as a table, or one below the other where they hold further lists."""
    if any(_is_list_of_maps(value) for state in states for value in state.values()):
        for state in states:
            print_state(state, console, depth)
            console.print()
        return
    names = list(dict.fromkeys(name for state in states for name in state))
    rows = [[_text(name, state.get(name), state) for name in names] for state in states]
    columns = zip(map(_title, names), *rows, strict=True)
    if sum(max(map(len, column)) + _GAP for column in columns) > console.width:
        for state in states:  # a table would break words
            print_state(state, console, depth)
            console.print()
    elif names:
        titles = [Column(Text(printable(_title(name)))) for name in names]
        table = Table(*titles, box=None, pad_edge=False)
        for row in rows:
            table.add_row(*(Text(printable(cell)) for cell in row))
        console.print(table)


def _is_list_of_maps(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, Mapping) for one in value)


def _title(name: str) -> str:
    return name.removesuffix("_at").removesuffix("_pico").replace("_", " ")


def _text(name: str, value: Any, state: Mapping[str, Any]) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{_title(key)} {_text(key, part, value)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return " ".join(str(part) for part in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return _number(name, value, state)
    if name == "unit" and value == _NANO_USD:
        return "USD"
    return "" if value is None else str(value)


def _number(name: str, value: int, state: Mapping[str, Any]) -> str:
    if name.endswith("_at"):
        return _instant(value)
    if name == "cost_pico":
        return f"${usd(value)}"
    money = state.get("unit") == _NANO_USD
    return f"${usd(value * PICO_PER_NANO)}" if money else f"{value}"


def _instant(ms: int) -> str:
    try:
        moment = datetime.fromtimestamp(ms / 1000, UTC).replace(tzinfo=None)
    except (OverflowError, ValueError):
        return "never"
    detail = "milliseconds" if ms % 1000 else "minutes"
    return moment.isoformat(" ", detail) + "Z"
