"""`turnout prices`: what a model costs on the list at a given time."""

import sys
from datetime import UTC, datetime
from typing import NoReturn

import click

from router.backends.catalog import load_catalog
from router.cli.models import format_option, model_rows, price_row, show
from router.prices.list_prices import list_price


@click.command()
@click.option("--provider", "name", required=True, help="A provider of `turnout models`.")
@click.option("--model", help="One model; by default all that the list knows.")
@click.option("--at", help="A day or an instant in UTC: 2026-11-21, 2026-11-21T03:00; default now.")
@click.option(
    "--service-tier",
    type=click.Choice(["standard", "flex", "priority", "batch"]),
    default="standard",
    show_default=True,
    help="Which of the provider's prices for faster or slower service.",
)
@format_option
def prices(name: str, model: str | None, at: str | None, service_tier: str, kind: str) -> None:
    """Show list prices in USD per million tokens, as they were or are at a time.

    Your own `price:` in turnout.yaml overrides them. Exit code 2 where nothing is known.
    """
    provider = load_catalog().get(name)
    if provider is None:
        _give_up(f"No provider '{name}'; see: turnout models")
    instant = _instant(at)
    if model is None:
        show(list(model_rows(provider, instant)), kind)
        return
    listed = list_price(provider.prices or "", model, service_tier)
    if listed is None:
        _give_up(
            f"The list knows no {service_tier} price of '{model}' at {provider.title}. Write in"
            " turnout.yaml what it costs: price: {input: USD, output: USD} per million tokens."
        )
    row = {"model": listed.model, "context_window": listed.context_window}
    show([row | price_row(listed.schedule.at(instant))], kind)


def _instant(at: str | None) -> int:
    """An instant in ms of Unix time."""
    if at is None:
        return int(datetime.now(UTC).timestamp() * 1000)
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        _give_up(f"'{at}' is no time; write 2026-11-21 or 2026-11-21T03:00 (UTC).")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def _give_up(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(2)
