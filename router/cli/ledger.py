"""`turnout ledger`: check, repair, show and credit a ledger, and drill it before trusting it."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import orjson
from rich.table import Table
from rich.text import Text

from policies.money import PICO_PER_NANO, to_pico, usd
from router.cli.common.documents import config_option, documents_or_end
from router.cli.common.ledgers import connected, run, server_of
from router.cli.common.state_printer import print_state
from router.cli.common.tables import say, say_json, standard_output
from router.cli.ledger_check import check, repair
from router.drills.ledger_drill import Drill, drill_organization
from router.drills.ledger_findings import Findings
from router.drills.ledger_worker import DrillLoad
from router.ledger.check.show import show as show_state
from router.ledger.check.words import Shown
from router.ledger.server.address import parse_address
from router.ledger.server.clients import send_to_all
from router.ledger.server.embedded import Embedded
from router.world.documents import Documents


@click.group()
def ledger() -> None:
    """Check, repair, show and test the ledger of quotas and usage."""


ledger.add_command(check)
ledger.add_command(repair)


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
    run(_credit(documents_or_end(config_path), organization, nano, credit_id or "read"))


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
    findings = run(_torture(url, load, gateways))
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
    shown = run(_show_state(documents_or_end(config_path), key))
    if as_json:
        say_json(orjson.dumps(shown, option=orjson.OPT_INDENT_2))
    else:
        print_state(shown, standard_output())


async def _show_state(documents: Documents, key: str) -> Shown:
    async with server_of(documents) as url:
        return await show_state(parse_address(url), key)


async def _credit(documents: Documents, organization: str, nano: int, credit_id: str) -> None:
    async with connected(documents) as reached:
        balance = await reached.credit(organization, nano, credit_id)
    if nano and not balance.added:
        say(f"The credit {credit_id} was added before: nothing changed.")
    dollars = {
        name: f"{'-' if value < 0 else ''}${usd(abs(value) * PICO_PER_NANO, least=2)}"
        for name, value in (
            ("granted", balance.granted),
            ("used", balance.used),
            ("held", balance.held),
            ("left", balance.left),
        )
    }
    say("  ".join(f"{name} {value}" for name, value in dollars.items()))


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
        verdict = Text("yes", "green") if kept else Text("NO", "red")
        table.add_row(promise, verdict, figure)
    figures = Table("figure", "value")
    for name, value in findings.figures.items():
        figures.add_row(name, value)
    console = standard_output()
    console.print(table)
    console.print(figures)
