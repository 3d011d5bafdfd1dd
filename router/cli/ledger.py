"""`turnout ledger`: check, repair, show and credit a ledger, and drill it before trusting it."""

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
import orjson
from rich.table import Table

from policies.money import PICO_PER_NANO, to_pico, usd
from router.cli.common.documents import config_option, documents_or_end
from router.cli.common.state_printer import print_state
from router.cli.common.tables import standard_output
from router.database import DatabaseError
from router.drills.ledger_drill import Drill, drill_organization
from router.drills.ledger_findings import Findings
from router.drills.ledger_worker import DrillLoad
from router.errors import LedgerUnavailable
from router.ledger.check.show import UnknownKey
from router.ledger.check.show import show as show_state
from router.ledger.check.words import Shown
from router.ledger.ledger import Ledger
from router.ledger.quotas.dimensions import quotas
from router.ledger.server.address import AddressError, parse_address
from router.ledger.server.clients import send_to_all
from router.ledger.server.embedded import Embedded, EmbeddedError
from router.ledger.server.errors import Disconnected, StartupError
from router.usage.journal import JournalConsumer
from router.usage.store import UsageStore
from router.world.documents import Documents

_T = TypeVar("_T")
_TROUBLE = (
    AddressError, Disconnected, EmbeddedError, LedgerUnavailable, StartupError, DatabaseError,
    UnknownKey,
)  # fmt: skip


@click.group()
def ledger() -> None:
    """Check, repair, show and test the ledger of quotas and usage."""


@ledger.command()
@config_option
def check(config_path: Path) -> None:
    """Compare ledger, journal and stored usage, and name every drift.

    Exit code 0 where they agree, 1 where they do not. Serving may go on meanwhile.
    """
    documents = documents_or_end(config_path)
    sys.exit(_run(_check(documents, repairing=False, rebuild=False)))


@ledger.command()
@config_option
@click.option(
    "--rebuild", is_flag=True,
    help="The ledger lost everything: make its calendar windows again, by today's policy.",
)  # fmt: skip
def repair(config_path: Path, *, rebuild: bool) -> None:
    """Write into the ledger what the stored usage and the open leases say.

    Each state is replaced only where nothing has moved since it was looked at, so serving may go
    on. Sliding minutes are stored nowhere else: they start empty.
    """
    documents = documents_or_end(config_path)
    sys.exit(_run(_check(documents, repairing=True, rebuild=rebuild)))


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
@click.option(
    "--no-denial-memory", is_flag=True,
    help="Gateways ask the ledger about every request, also right after it denied one.",
)  # fmt: skip
def torture(
    *,
    url: str | None,
    seconds: float,
    gateways: int,
    limit: int,
    window: float,
    no_denial_memory: bool,
) -> None:
    """Drill a ledger with load and faults, and print its promises with their figures.

    Gateways are killed, connections cut, scripts flushed, the server paused; an embedded one is
    also stopped for five seconds and killed. The drill works under an organization of its own and
    takes its rows out of the journal. Exit code 1 where a promise broke.

    One hot key is over its limit most of the time, and a gateway denies from memory, for 250 ms,
    what the ledger just denied: that is most of the load. The figures tell these apart from what
    the ledger answered; with --no-denial-memory it answers everything.
    """
    load = DrillLoad(
        drill_organization(),
        limit,
        int(window * 1000),
        seconds=seconds,
        abandoned=0.02,
        denial_memory=not no_denial_memory,
    )
    findings = _run(_torture(url, load, gateways))
    _show(findings)
    sys.exit(not findings.kept)


@ledger.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for pipes.")
@click.argument("key")
def show(config_path: Path, key: str, *, as_json: bool) -> None:
    """Print what the ledger holds under KEY, in words.

    \b
    KEY may be
      acme             an organization: its scopes, counts and open holds
      k:acme/key1      a scope: o, t, k, u, m for organization, team, key, user, model
      019a...          a hold, by its id (28 hexadecimal digits, as in a usage row)
      lg:{v07}:h       a key of the server: h open holds, j usage journal, t clock,
                       s: scopes, r: closed by the reaper, d: marks; lg:meta

    Amounts are in the unit of their dimension; what a request holds counts until it is settled.
    A limit is shown where the ledger has seen it: limits come with each request, from the policy.
    Nothing is changed. Exit code 1 where the ledger knows nothing of KEY.
    """
    shown = _run(_show_state(documents_or_end(config_path), key))
    if as_json:
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2))
    else:
        print_state(shown, standard_output())


def _run(task: Coroutine[Any, Any, _T]) -> _T:
    try:
        return asyncio.run(task)
    except _TROUBLE as error:
        raise click.ClickException(str(error)) from None


@asynccontextmanager
async def _server(documents: Documents) -> AsyncIterator[str]:
    """The URL of the ledger's server, which is up."""
    url = documents.config.ledger
    if url != "embedded":
        yield url
        return
    async with Embedded(documents.data / "ledger") as embedded:
        yield embedded.url


@asynccontextmanager
async def _connected(documents: Documents) -> AsyncIterator[Ledger]:
    async with _server(documents) as url:
        connected = await Ledger.connect(url, command_seconds=5)
        try:
            yield connected
        finally:
            await connected.close()


async def _show_state(documents: Documents, key: str) -> Shown:
    async with _server(documents) as url:
        return await show_state(parse_address(url), key)


async def _check(documents: Documents, *, repairing: bool, rebuild: bool) -> int:
    store = UsageStore(documents.database)
    try:
        async with _connected(documents) as connected:
            stored = await JournalConsumer(connected.journal(), store).drain()
            checking = connected.check(store)
            if rebuild:
                policy = documents.policy
                zone = policy.timezone
                tiers = {n: quotas(t.limits, timezone=zone) for n, t in policy.tiers.items()}
                made = await checking.rebuild(tiers, time.time_ns() // 1_000_000)
                click.echo(f"{made} windows made again from {store.count()} stored rows")
            drifts = await checking.check()
            for drift in drifts:
                click.echo(str(drift))
            if repairing and drifts:
                repaired = await checking.repair(drifts)
                drifts = await checking.check()
                click.echo(f"{repaired} states repaired; {len(drifts)} drifts left")
            click.echo(
                f"{checking.scopes_checked} scopes, {store.count()} stored rows ({stored} new):"
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


async def _torture(url: str | None, load: DrillLoad, gateways: int) -> Findings:
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
            await send_to_all(parse_address(url), *command)
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


def _show(findings: Findings) -> None:
    table = Table("promise", "kept", "figure")
    for promise, kept, figure in findings.promises:
        table.add_row(promise, "[green]yes[/]" if kept else "[red]NO[/]", figure)
    figures = Table("figure", "value")
    for name, value in findings.figures.items():
        figures.add_row(name, value)
    console = standard_output()
    console.print(table)
    console.print(figures)
