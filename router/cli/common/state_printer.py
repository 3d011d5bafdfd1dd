"""Plain data as a person reads it: names and values, lists of alike things as tables."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from router.usage.report import usd

_PICO_PER_NANO = 1000


def print_state(state: Mapping[str, Any], console: Console) -> None:
    """Print nested data. Names that end in `_at` are instants in Unix milliseconds; amounts whose
    `unit` is nano-USD are shown as dollars.
    """
    _print(state, console, depth=0)


def _print(state: Mapping[str, Any], console: Console, depth: int) -> None:
    margin = "  " * depth
    for name, value in state.items():
        if isinstance(value, Mapping):
            console.print(f"{margin}[bold]{_title(name)}[/]")
            _print(value, console, depth + 1)
        elif _is_list_of_maps(value):
            console.print(f"{margin}[bold]{_title(name)}[/]: {len(value) or 'none'}")
            _print_all(value, console, depth + 1)
        elif value is not None:
            console.print(f"{margin}{_title(name)}: {_text(name, value, state)}", highlight=False)


def _print_all(states: Sequence[Mapping[str, Any]], console: Console, depth: int) -> None:
    """Print alike things as a table, or one below the other where they hold further lists."""
    if any(_is_list_of_maps(value) for state in states for value in state.values()):
        for state in states:
            _print(state, console, depth)
            console.print()
        return
    names = list(dict.fromkeys(name for state in states for name in state))
    table = Table(*(_title(name) for name in names))
    for state in states:
        table.add_row(*(_text(name, state.get(name), state) for name in names))
    if names:
        console.print(table)


def _is_list_of_maps(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, Mapping) for one in value)


def _title(name: str) -> str:
    return name.removesuffix("_at").replace("_", " ")


def _text(name: str, value: Any, state: Mapping[str, Any]) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{_title(key)} {_text(key, part, value)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return " ".join(str(part) for part in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _number(name, value, state)
    return "" if value is None else str(value)


def _number(name: str, value: int, state: Mapping[str, Any]) -> str:
    if name.endswith("_at"):
        return _instant(value)
    if name == "cost_pico":
        return f"${usd(value)}"
    money = state.get("unit") == "nano-USD"
    return f"${usd(value * _PICO_PER_NANO)}" if money else f"{value}"


def _instant(ms: int) -> str:
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).isoformat(" ", "milliseconds")[:-6] + "Z"
    except (OverflowError, ValueError):
        return "never"
