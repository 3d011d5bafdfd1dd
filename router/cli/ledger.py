"""`turnout ledger`: reconcile, repair, credit, and torture a ledger before trusting it."""

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table

from policies.money import PICO_PER_NANO, to_pico, usd
from router.cli.common.documents import config_option, documents_or_end
from router.drills.ledger_drill import Drill, Findings, Load, drill_organization
from router.errors import LedgerUnavailable
from router.ledger.ledger import Ledger
from router.ledger.quotas.dimensions import quotas
from router.ledger.server.address import AddressError
from router.ledger.server.connection import Disconnected
from router.ledger.server.embedded import Embedded, EmbeddedError
from router.ledger.server.startup import StartupError
from router.usage.journal import JournalConsumer
from router.usage.store import StoreError, UsageStore
from router.world.documents import Documents

_T = TypeVar("_T")
_TROUBLE = (
    AddressError, Disconnected, EmbeddedError, LedgerUnavailable, StartupError, StoreError,
)  # fmt: skip


@click.group()
def ledger() -> None:
    """Reconcile, repair and test the ledger of quotas and usage."""


@ledger.command()
@config_option
def check(config_path: Path) -> None:
    """Compare ledger, journal and stored usage, and name every drift.

    Exit code 0 where they agree, 1 where they do not. Serving may go on meanwhile.
    """
    documents = documents_or_end(config_path)
    sys.exit(_run(_check(documents, mend=False, rebuild=False)))


@ledger.command()
@config_option
@click.option(
    "--rebuild", is_flag=True,
    help="The ledger lost everything: make its calendar windows again, by today's policy.",
)  # fmt: skip
def repair(config_path: Path, *, rebuild: bool) -> None:
    """Write into the ledger what the stored usage and the open leases say.

    Each state is replaced only where nothing has moved since it was looked at, so serving may go
    on. Sliding minutes have no books: they start empty.
    """
    documents = documents_or_end(config_path)
    sys.exit(_run(_check(documents, mend=True, rebuild=rebuild)))


@ledger.command()
@config_option
@click.option("--organization", required=True, help="The customer.")
@click.option("--usd", "amount", default="0", help="Dollars to add; negative takes back; 0 reads.")
@click.option("--id", "credit_id", help="The same id adds once, however often it is sent.")
def credit(config_path: Path, organization: str, amount: str, credit_id: str | None) -> None:
    """Add to a customer's prepaid balance, or read it."""
    try:
        nano = to_pico(amount, signed=True) // PICO_PER_NANO
    except ValueError as error:
        raise click.BadParameter(f"{amount!r} {error}") from None
    if nano and not credit_id:
        raise click.UsageError("name the credit with --id, so that sending it twice is harmless")
    _run(_credit(documents_or_end(config_path), organization, nano, credit_id or "read"))


@ledger.command()
@click.option("--url", help="A ledger; without one, an embedded Valkey in a scratch folder.")
@click.option(
    "--seconds", default=60.0, show_default=True, type=click.FloatRange(5, 3600),
    help="How long the load lasts.",
)  # fmt: skip
@click.option(
    "--gateways", default=4, show_default=True, type=click.IntRange(1, 64),
    help="Processes that share the load; one of them is killed every three seconds.",
)  # fmt: skip
@click.option(
    "--limit", default=1000, show_default=True, help="Requests per window, on one hot key."
)
@click.option("--window", default=10.0, show_default=True, help="The sliding window in seconds.")
def torture(*, url: str | None, seconds: float, gateways: int, limit: int, window: float) -> None:
    """Drill a ledger with load and faults, and print its promises with their figures.

    Gateways are killed, connections cut, scripts flushed, the server paused; an embedded one is
    also stopped for five seconds and killed. The drill works under an organization of its own and
    takes its rows out of the journal. Exit code 1 where a promise broke.
    """
    load = Load(drill_organization(), limit, int(window * 1000), seconds=seconds, abandoned=0.02)
    found = _run(_torture(url, load, gateways))
    _show(found)
    sys.exit(not found.kept)


def _run(task: Coroutine[Any, Any, _T]) -> _T:
    try:
        return asyncio.run(task)
    except _TROUBLE as error:
        raise click.ClickException(str(error)) from None


@asynccontextmanager
async def _connected(documents: Documents) -> AsyncIterator[Ledger]:
    url = documents.config.ledger
    embedded = Embedded(documents.data / "ledger") if url == "embedded" else None
    if embedded is not None:
        await asyncio.to_thread(embedded.start)
        url = embedded.url
    try:
        connected = await Ledger.connect(url, command_seconds=5)
        try:
            yield connected
        finally:
            await connected.close()
    finally:
        if embedded is not None:
            await asyncio.to_thread(embedded.stop)


async def _check(documents: Documents, *, mend: bool, rebuild: bool) -> int:
    store = UsageStore(documents.database)
    try:
        async with _connected(documents) as connected:
            stored = await JournalConsumer(connected.journal(), store).drain()
            audit = connected.audit(store)
            if rebuild:
                policy = documents.policy
                zone = policy.timezone
                tiers = {n: quotas(t.limits, timezone=zone) for n, t in policy.tiers.items()}
                made = await audit.rebuild(tiers, time.time_ns() // 1_000_000)
                click.echo(f"{made} windows made again from {store.count()} stored rows")
            drifts = await audit.check()
            for drift in drifts:
                click.echo(str(drift))
            if mend and drifts:
                mended = await audit.mend(drifts)
                drifts = await audit.check()
                click.echo(f"{mended} states mended; {len(drifts)} drifts left")
            click.echo(
                f"{audit.scopes_checked} scopes, {store.count()} stored rows ({stored} new):"
                f" {len(drifts) or 'no'} drift{'s' * (len(drifts) > 1)}"
            )
            return 1 if drifts else 0
    finally:
        store.close()


async def _credit(documents: Documents, organization: str, nano: int, credit_id: str) -> None:
    async with _connected(documents) as connected:
        balance = await connected.credit(organization, nano, credit_id)
    if nano and not balance.added:
        click.echo(f"The credit {credit_id} was added before: nothing changed.")
    dollars = {
        name: usd(value * PICO_PER_NANO, least=2)
        for name, value in (
            ("granted", balance.granted),
            ("used", balance.used),
            ("held", balance.held),
            ("left", balance.left),
        )
    }
    click.echo("  ".join(f"{name} ${value}" for name, value in dollars.items()))


async def _torture(url: str | None, load: Load, gateways: int) -> Findings:
    if url is not None:
        drill = Drill(url, _anywhere(url))
        return await drill.run(load, workers=gateways, kill=True)
    with tempfile.TemporaryDirectory() as folder:
        async with Embedded(Path(folder)) as embedded:
            faults = [*_anywhere(embedded.url), *_embedded(embedded)]
            drill = Drill(embedded.url, faults)
            return await drill.run(load, workers=gateways, kill=True)


def _anywhere(url: str) -> list[Callable[[], Awaitable[str]]]:
    def sending(name: str, *command: str) -> Callable[[], Awaitable[str]]:
        async def fault() -> str:
            breaker = await Ledger.connect(url, command_seconds=5)
            try:
                await breaker.disturb(*command)
            finally:
                await breaker.close()
            return name

        return fault

    return [
        sending("scripts flushed", "SCRIPT", "FLUSH"),
        sending("all connections cut", "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"),
        sending("server paused for 500 ms", "CLIENT", "PAUSE", "500", "ALL"),
    ]


def _embedded(embedded: Embedded) -> list[Callable[[], Awaitable[str]]]:
    async def stop() -> str:
        pid = embedded.pid or 0
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(5)
        finally:
            os.kill(pid, signal.SIGCONT)
        return "server stopped for 5 s"

    async def kill() -> str:
        os.kill(embedded.pid or 0, signal.SIGKILL)
        await asyncio.to_thread(embedded.start)
        return "server killed and restarted"

    return [stop, kill]


def _show(found: Findings) -> None:
    table = Table("promise", "kept", "figure")
    for promise, kept, figure in found.promises:
        table.add_row(promise, "[green]yes[/]" if kept else "[red]NO[/]", figure)
    figures = Table("figure", "value")
    for name, value in found.figures.items():
        figures.add_row(name, value)
    console = Console()
    console.print(table)
    console.print(figures)
