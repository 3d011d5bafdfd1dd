"""`turnout responses`: what is kept for customers, counted and erased."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click
from rich.table import Table

from router.cli.common.documents import config_option, documents_or_end
from router.cli.common.saying import say
from router.cli.common.stores import opened
from router.cli.common.tables import show

if TYPE_CHECKING:  # what it needs is there only where responses are kept
    from router.stored.conversation_store import ConversationStore
    from router.stored.store import ResponseStore


@click.group()
def responses() -> None:
    """Count and erase the responses and conversations that are kept for customers."""


@contextmanager
def _opened(config_path: Path) -> "Iterator[tuple[ResponseStore, ConversationStore]]":
    documents = documents_or_end(config_path)
    section = documents.config.responses
    keys = [key.get_secret_value() for key in section.keys]
    try:
        opening = import_module("router.stored.opening")
    except ModuleNotFoundError as error:
        hint = f"pip install 'turnout[responses]' (missing: {error.name})"
        raise click.ClickException(f"kept responses need cryptography: {hint}") from None
    terms = {"keep": section.keep, "room": section.room}

    def build(url: str) -> "ResponseStore":
        return cast("ResponseStore", opening.open_store(url, keys, **terms))

    def build_conversations(url: str) -> "ConversationStore":
        return cast("ConversationStore", opening.open_conversations(url, keys, **terms))

    with opened(documents, build) as store, opened(documents, build_conversations) as beside:
        yield store, beside


@responses.command("list")
@config_option
def list_kept(config_path: Path) -> None:
    """Show how many responses and conversations each customer has, and their bytes."""
    with _opened(config_path) as (store, conversations):
        responses_of = {organization: (count, size) for organization, count, size in store.totals()}
        conversations_of = conversations.totals()
    table = Table("Organization")
    for name in ("Responses", "Bytes", "Conversations", "Their bytes"):
        table.add_column(name, justify="right", no_wrap=True)
    for organization in sorted({*responses_of, *conversations_of}):
        numbers = (
            *responses_of.get(organization, (0, 0)),
            *conversations_of.get(organization, (0, 0)),
        )
        table.add_row(organization, *[f"{number:,}" for number in numbers])
    show(table)


@responses.command()
@config_option
@click.option("--organization", required=True, help="The customer.")
def erase(config_path: Path, organization: str) -> None:
    """Erase every response and conversation of a customer, at once and for good."""
    with _opened(config_path) as (store, conversations):
        count, talks = store.erase(organization), conversations.erase(organization)
    say(f"{count} responses and {talks} conversations of {organization} are erased.", err=True)
