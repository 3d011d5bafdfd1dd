"""`turnout models`: the providers that Turnout knows by name, and what their models cost."""

import json
import sys
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import click
from rich.table import Table

from router.backends.catalog import Provider, load_catalog
from router.cli.common.price_rows import header, model_rows
from router.cli.common.saying import say, say_json
from router.cli.common.tables import PlainConsole
from router.prices.price_list import SHIPPED

_JSON_ONLY: Final = frozenset({"title", "notes", "list"})  # too long for a line
_NOTHING: Final[tuple[Any, ...]] = ("", None, [], {})  # a column of these is left out

format_option = click.option(
    "--format",
    "kind",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="A table for people, or JSON for scripts.",
)


@click.command()
@click.option("--provider", "name", help="Show the models of this provider, with their prices.")
@format_option
def models(name: str | None, kind: str) -> None:
    """List the providers to write as `provider:` in turnout.yaml, or the models of one of them.

    Prices are list prices in USD per million tokens, in force now; your own `price:` overrides
    them. Exit code 2 for a provider that is not known.
    """
    catalog = load_catalog()
    if name is None:
        rows = [provider_row(name, provider) for name, provider in catalog.items()]
    elif name in catalog:
        rows = list(model_rows(SHIPPED, catalog[name].prices, int(time.time() * 1000)))
    else:
        say(f"No provider '{name}'. Known: {', '.join(catalog)}.", err=True)
        sys.exit(2)
    show(rows, kind)


def provider_row(name: str, provider: Provider) -> dict[str, Any]:
    """What a preset says, as one row."""
    return {
        "provider": name,
        "title": provider.title,
        "dialect": provider.dialect,
        "base_url": provider.base_url or "yours to give",
        "key": provider.key_variable or "",
        "list_prices": provider.prices is not None,
        "notes": provider.notes,
    }


def show(rows: list[dict[str, Any]], kind: str) -> None:
    """Print rows as JSON, or as a table a person can read, below the list that they are of."""
    if kind == "json":
        say_json(json.dumps(rows, indent=2))
        return
    if not rows:
        say("Nothing is listed; give prices in turnout.yaml.")
        return
    if "list" in rows[0]:
        say(header(rows[0]["list"]))
    table = Table(box=None, pad_edge=False)
    columns = [
        column
        for column in rows[0]
        if column not in _JSON_ONLY and any(row[column] not in _NOTHING for row in rows)
    ]
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    PlainConsole(width=None if sys.stdout.isatty() else 160).print(table)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{Decimal(str(value)).normalize():f}"
    if isinstance(value, list):
        return ", ".join(_step(step) for step in value)
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_cell(each)}" for name, each in value.items())
    return "" if value is None else str(value)


def _step(step: Mapping[str, Any]) -> str:
    return f"over {step['above']:,}: {_cell(step['input'])} / {_cell(step['output'])}"
