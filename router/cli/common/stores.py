"""A store in the database for a command: opened, closed, and its failures in plain words."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

import click

from router.database import DatabaseError, ForeignTable
from router.world.data_folder import Placed, make_data_folder


class Closable(Protocol):
    """What is opened here."""

    def close(self) -> None:
        """Give the connections back."""


Store = TypeVar("Store", bound=Closable)


@contextmanager
def opened(documents: Placed, build: Callable[[str], Store]) -> Iterator[Store]:
    """Open a store in the documents' database; a database that does not answer ends the command."""
    make_data_folder(documents)
    try:
        store = build(documents.database)
        try:
            yield store
        finally:
            store.close()
    except DatabaseError as error:
        raise no_database(error) from None


def no_database(error: DatabaseError) -> click.ClickException:
    """What ends a command whose database cannot be used."""
    if isinstance(error, ForeignTable):
        return click.ClickException(str(error))
    return click.ClickException(
        f"the database does not answer ({error.kind}); check `database` in turnout.yaml"
    )
