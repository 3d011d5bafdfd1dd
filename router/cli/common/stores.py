"""A store in the database for a command: opened, closed, and its failures said plainly."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

import click
from sqlalchemy.exc import SQLAlchemyError

from router.world.documents import Documents


class Closable(Protocol):
    """What is opened here."""

    def close(self) -> None:
        """Give the connections back."""


Store = TypeVar("Store", bound=Closable)


@contextmanager
def opened(documents: Documents, build: Callable[[str], Store]) -> Iterator[Store]:
    """Open a store in the documents' database; a database that does not answer ends the command."""
    documents.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        store = build(documents.database)
        try:
            yield store
        finally:
            store.close()
    except SQLAlchemyError as error:
        reason = type(error).__name__
        raise click.ClickException(
            f"the database does not answer ({reason}); check `database` in turnout.yaml"
        ) from None
