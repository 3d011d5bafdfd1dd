"""How commands reach the ledger of a configuration, and what they say where they cannot."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import click

from router.database import DatabaseError
from router.errors import LedgerUnavailable
from router.ledger.check.show import UnknownKey
from router.ledger.ledger import Ledger
from router.ledger.server.address import AddressError
from router.ledger.server.embedded import Embedded, EmbeddedError
from router.ledger.server.errors import Disconnected, StartupError
from router.world.documents import Documents

_T = TypeVar("_T")
_TROUBLE: Final = (
    AddressError, Disconnected, EmbeddedError, LedgerUnavailable, StartupError, DatabaseError,
)  # fmt: skip


class Unreachable(click.ClickException):
    """Ledger or database could not be asked."""

    exit_code = 3


def run(task: Coroutine[Any, Any, _T]) -> _T:
    """Run a command's work; what goes wrong with ledger or database ends it with one line, and an
    exit code of its own: it is no drift.
    """
    try:
        return asyncio.run(task)
    except UnknownKey as error:
        raise click.ClickException(str(error)) from None
    except _TROUBLE as error:
        raise Unreachable(str(error)) from None


@asynccontextmanager
async def server_of(documents: Documents) -> AsyncIterator[str]:
    """The URL of the ledger's server, which is up."""
    url = documents.config.ledger
    if url != "embedded":
        yield url
        return
    async with Embedded(documents.data / "ledger") as embedded:
        yield embedded.url


@asynccontextmanager
async def connected(documents: Documents) -> AsyncIterator[Ledger]:
    """The ledger of a configuration, connected."""
    async with server_of(documents) as url:
        reached = await Ledger.connect(url, command_seconds=5)
        try:
            yield reached
        finally:
            await reached.close()
