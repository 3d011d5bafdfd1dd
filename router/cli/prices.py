"""`turnout prices`: what a model costs on the list at a given time, and what list that is."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import click

from policies.findings import nearest
from router.backends.catalog import load_catalog
from router.cli.common.documents import config_option, documents_or_end
from router.cli.common.price_changes import changed_rows
from router.cli.common.price_rows import (
    header,
    list_row,
    model_rows,
    origin_rows,
    schedule_rows,
    tier_rows,
)
from router.cli.common.saying import say
from router.cli.models import format_option, show
from router.prices.likeness import is_same_model
from router.prices.list_files import ListError
from router.prices.list_prices import STANDARD, list_price, listed_models
from router.prices.price_list import SHIPPED, PriceList, read_list
from router.world.documents import price_file_of

_file = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option(
    "--provider", "name", help="A provider of `turnout models`; without: the list itself."
)
@click.option("--model", help="One model, with all that is listed of it; by default all models.")
@click.option("--at", help="A day or an instant in UTC: 2026-11-21, 2026-11-21T03:00; default now.")
@click.option(
    "--service-tier",
    type=click.Choice(["standard", "flex", "priority", "fast", "batch"]),
    help="Which of the provider's prices for faster or slower service; default standard, of one"
    " --model all.",
)
@click.option(
    "--list", "file", type=_file, help="Read this list instead of the one that turnout.yaml names."
)
@click.option(
    "--compare",
    type=_file,
    help="Show what this list would change for the backends of turnout.yaml.",
)
@config_option
@format_option
def prices(
    *,
    name: str | None,
    model: str | None,
    at: str | None,
    service_tier: str | None,
    file: Path | None,
    compare: Path | None,
    config_path: Path,
    kind: str,
) -> None:
    """Show list prices in USD per million tokens, as they were or are at a time, with source,
    version and day of the list. Your own `price:` in turnout.yaml overrides them.

    To refresh the list, get a newer one (PyPI's genai-prices publishes its own as data.json), look
    at what it would change with --compare, and name it in turnout.yaml as `prices: FILE`; a running
    gateway takes it up. Exit code 2 where nothing is known, or a list cannot be used.
    """
    instant = _instant(at)
    if compare is not None:
        _compare(config_path, compare, instant, kind)
        return
    listing = _list_or_end(file or price_file_of(config_path))
    if name is None and model is not None:
        _give_up("--model needs --provider; see: turnout models")
    if name is None:
        show(origin_rows(listing, datetime.now(UTC).date()), kind)
        return
    provider = load_catalog().get(name)
    if provider is None:
        _give_up(f"No provider '{name}'; see: turnout models")
    if model is None:
        show(list(model_rows(listing, provider.prices, instant, service_tier or STANDARD)), kind)
        return
    rows = list(tier_rows(listing, provider.prices or "", model, instant, service_tier))
    if not rows:
        close = nearest(model, listed_models(provider.prices or "", listing))
        similar = "" if close is None else f" Did you mean '{close}'?"
        _give_up(
            f"The list knows no {service_tier or STANDARD} price of '{model}' at {provider.title}."
            f"{similar} Write in turnout.yaml what it costs: price: {{input: USD, output: USD}} per"
            " million tokens."
        )
    _show_model(listing, provider.prices or "", model, rows, kind)


def _show_model(
    listing: PriceList, provider: str, model: str, rows: list[dict[str, object]], kind: str
) -> None:
    """All that is listed of a model: as JSON in its rows, to people with what was and will be."""
    listed, row = list_price(provider, model, listing=listing), listing.find(provider, model)
    over_time = [] if listed is None else schedule_rows(listed.schedule.entries)
    note = None if row is None else row.price_comments
    if row is not None and not is_same_model(model, row):
        say(f"'{model}' is priced as '{row.id}': it has no row of its own.", err=True)
    if kind == "json":
        rows[0] |= {"over_time": over_time, "note": note}
    show(rows, kind)
    if kind == "json":
        return
    if len(over_time) > 1:
        say("\nOver time, hours in UTC; of those that hold, the last counts:")
        show(over_time, kind)
    if note:
        say(f"\nThe list notes: {note}")


def _compare(config_path: Path, compare: Path, at: int, kind: str) -> None:
    """Show what another list would change."""
    documents = documents_or_end(config_path)
    other = _list_or_end(compare)
    rows = list(changed_rows(documents, other, at))
    if kind == "json":
        show(rows, kind)
        return
    today = datetime.now(UTC).date()
    for word, listing in (("before", documents.loaded.listing), ("after ", other)):
        say(f"{word}  {header(list_row(listing, None, today))}")
    if rows:
        show(rows, kind)
    else:
        say(f"Nothing changes for the {len(documents.backends)} backends of {config_path}.")


def _list_or_end(path: Path | None) -> PriceList:
    """The list of a file, or the shipped one; a list that cannot be used ends the command."""
    if path is None:
        return SHIPPED
    try:
        return read_list(path)
    except ListError as error:
        _give_up(f"{path}: {error}")


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
    say(message, err=True)
    sys.exit(2)
