"""`turnout models`: the providers that Turnout knows by name, and what their models cost."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from router.backends.catalog import Provider, load_catalog
from router.prices.list_prices import list_price, listed_models
from router.prices.price import PICO_PER_USD_PER_MILLION, Price

_JSON_ONLY: Final = frozenset({"title", "notes"})  # too long for a line

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
        rows = list(model_rows(catalog[name], int(time.time() * 1000)))
    else:
        click.echo(f"No provider '{name}'. Known: {', '.join(catalog)}.", err=True)
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


def model_rows(provider: Provider, at: int) -> Iterator[dict[str, Any]]:
    """The listed models of a provider with their prices at an instant (ms of Unix time)."""
    for model in listed_models(provider.prices or ""):
        listed = list_price(provider.prices or "", model)
        if listed is not None:
            price = price_row(listed.schedule.at(at))
            yield {"model": model, "context_window": listed.context_window, **price}


def price_row(price: Price) -> dict[str, Any]:
    """A price in USD per million tokens."""
    write = price.input_pico if price.cache_write_pico is None else price.cache_write_pico
    return {
        "input": price.input_pico / PICO_PER_USD_PER_MILLION,
        "output": price.output_pico / PICO_PER_USD_PER_MILLION,
        "cached_input": price.cached_input_pico / PICO_PER_USD_PER_MILLION,
        "cache_write": write / PICO_PER_USD_PER_MILLION,
        "steps": [
            {
                "above": step.above,
                "input": step.input_pico / PICO_PER_USD_PER_MILLION,
                "output": step.output_pico / PICO_PER_USD_PER_MILLION,
            }
            for step in price.steps
        ],
    }


def show(rows: list[dict[str, Any]], kind: str) -> None:
    """Print rows as JSON, or as a table a person can read."""
    if kind == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        click.echo("Nothing is listed; give prices in turnout.yaml.")
        return
    table = Table(box=None, pad_edge=False)
    columns = [column for column in rows[0] if column not in _JSON_ONLY]
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return ", ".join(_step(step) for step in value)
    return "" if value is None else str(value)


def _step(step: Mapping[str, Any]) -> str:
    return f"over {step['above']:,}: {step['input']:g} / {step['output']:g}"
