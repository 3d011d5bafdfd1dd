"""`turnout responses`: what is kept for customers, counted and erased."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click
from rich.table import Table

from router.cli.common.documents import config_option, documents_or_end
from router.cli.common.stores import opened
from router.cli.common.tables import show

if TYPE_CHECKING:  # what it needs is there only where responses are kept
    from router.stored.store import ResponseStore


@click.group()
def responses() -> None:
    """Count and erase the responses that are kept for customers."""


@contextmanager
def _opened(config_path: Path) -> "Iterator[ResponseStore]":
    documents = documents_or_end(config_path)
    section = documents.config.responses
    keys = [key.get_secret_value() for key in section.keys]

    def build(url: str) -> "ResponseStore":
        try:
            opening = import_module("router.stored.opening")
        except ModuleNotFoundError as error:
            hint = f"pip install 'turnout[responses]' (missing: {error.name})"
            raise click.ClickException(f"kept responses need cryptography: {hint}") from None
        store = opening.open_store(url, keys, keep=section.keep, room=section.room)
        return cast("ResponseStore", store)

    with opened(documents, build) as store:
        yield store


@responses.command("list")
@config_option
def list_kept(config_path: Path) -> None:
    """Show how many responses and bytes each customer has."""
    with _opened(config_path) as store:
        totals = store.totals()
    table = Table("Organization")
    for name in ("Responses", "Bytes"):
        table.add_column(name, justify="right", no_wrap=True)
    for organization, count, size in totals:
        table.add_row(organization, f"{count:,}", f"{size:,}")
    show(table)


@responses.command()
@config_option
@click.option("--organization", required=True, help="The customer.")
def erase(config_path: Path, organization: str) -> None:
    """Erase every response of a customer, at once and for good."""
    with _opened(config_path) as store:
        count = store.erase(organization)
    click.echo(f"{count} responses of {organization} are erased.", err=True)
