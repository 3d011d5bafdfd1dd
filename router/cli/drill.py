"""`turnout drill`: break a copy of this deployment on purpose, and say what was kept."""

import asyncio
import secrets
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

import click
import orjson
from rich.table import Table
from rich.text import Text

from policies.findings import DocumentError
from router.cli.common.documents import config_option, end_with_findings
from router.cli.common.saying import say, say_json
from router.cli.common.tables import narrow, show, standard_output
from router.database import DatabaseError
from router.drills.copied import CannotRun
from router.drills.faults import LEDGER, chosen
from router.drills.findings import DrillFindings
from router.drills.report_page import HEADINGS, cells, page
from router.drills.run import Wanted, run_drill
from router.errors import LedgerUnavailable
from router.ledger.server.address import AddressError
from router.ledger.server.embedded import EmbeddedError
from router.ledger.server.errors import Disconnected, StartupError

_TROUBLE: Final = (
    CannotRun, AddressError, Disconnected, EmbeddedError, LedgerUnavailable, StartupError,
    DatabaseError,
)  # fmt: skip
_STYLES: Final = {"kept": "green", "broken": "bold red", "not run": "yellow"}
_INTERRUPTED: Final = 130
_HELP: Final = """\
Break a copy of this deployment on purpose, and say which promises held.

It reads your turnout.yaml and policy, and starts a copy in a folder of its own: two gateways, a
ledger, a database, and a stand-in for each backend. Customers of each of your tiers send
requests while one part after the other is killed, stalled, filled or set wrong. Then each
request that was admitted is looked for in the books, one by one.

\b
What is hurt is only what the drill started. Your ledger, database, backends and collectors are
never contacted, and no key of a provider is read. Nothing is left when it ends, or on Ctrl-C.

\b
kill-gateway    SIGKILL in the middle of streams; started again
kill-ledger     SIGKILL of the ledger's server; started again
stall-ledger    SIGSTOP of the ledger's server, then SIGCONT
stall-backend   SIGSTOP of the busiest backend's stand-in
stall-client    clients that stop reading
fill            a full disk for gateways (RLIMIT_FSIZE; no root), the ledger dead
backend         429, 500, garbage, half streams, late answers
roll            both gateways restarted in turn behind a balancer
reload          a broken policy
skew            the ledger's clock an hour ahead, then behind (needs a C compiler)
ledger          the ledger alone under load and faults, without gateways

Exit code 0: every promise was kept; 1: one was broken; 2: it could not be run. What this
machine lacks the means for is "not run", with the reason, and never "kept".

\b
turnout drill --report drill.md
turnout drill --only kill,fill --requests 500
turnout drill --only ledger --ledger redis://host:6379/5 --seconds 60
"""


class _NoDrill(click.ClickException):
    """The drill could not be run."""

    exit_code = 2


@click.command(help=_HELP)
@config_option
@click.option("--only", help="Faults, with commas between; `kill` and `stall` mean all of theirs.")
@click.option(
    "--requests", default=60, show_default=True, type=click.IntRange(4, 100_000),
    help="Sent for each fault at least, shared by the tiers.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), help="What is asked, again as in another drill.")
@click.option(
    "--report", "report_path", type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the page to this file, as Markdown.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for pipes.")
@click.option(
    "--seconds", default=6.0, show_default=True, type=click.FloatRange(2, 86_400),
    help="Of the ledger's own load, in the fault `ledger`.",
)  # fmt: skip
@click.option(
    "--ledger", "ledger_url",
    help="With --only ledger: drill this server, a Redis or Valkey before you trust it.",
)  # fmt: skip
@click.option(
    "--no-denial-memory", is_flag=True,
    help="With --only ledger: every request asks the ledger, also right after a denial.",
)  # fmt: skip
def drill(
    *,
    config_path: Path,
    only: str | None,
    requests: int,
    seed: int | None,
    report_path: Path | None,
    as_json: bool,
    seconds: float,
    ledger_url: str | None,
    no_denial_memory: bool,
) -> None:
    """Run the drill that the options ask for; ends the process with its status."""
    wanted = Wanted(
        config_path,
        _faults(only, ledger_url, asks=no_denial_memory),
        requests,
        secrets.randbelow(10**6) if seed is None else seed,
        seconds,
        ledger_url,
        no_denial_memory,
    )
    found = _run(run_drill(wanted, lambda line: say(line, err=True)))
    if report_path is not None:
        _write(report_path, page(found))
    if as_json:
        say_json(orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2))
    else:
        _show(found, report_path)
    sys.exit(found.status)


def _faults(only: str | None, ledger_url: str | None, *, asks: bool) -> list[str]:
    try:
        names = chosen(only)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--only") from None
    if (ledger_url is not None or asks) and names != [LEDGER]:
        raise click.UsageError(
            "--ledger and --no-denial-memory go with --only ledger: every other fault is of what"
            " the drill itself started"
        )
    return names


def _run(task: Coroutine[Any, Any, DrillFindings]) -> DrillFindings:
    """Run a drill; a signal ends it, and everything that it started."""

    async def heeding() -> DrillFindings:
        running = asyncio.current_task()
        if running is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        return await task

    try:
        return asyncio.run(heeding())
    except DocumentError as error:
        end_with_findings(error)
    except _TROUBLE as error:
        raise _NoDrill(f"the drill could not be run: {error}") from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("The drill was ended; nothing of it is left.", err=True)
        sys.exit(_INTERRUPTED)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _NoDrill(f"the report cannot be written: {error}") from None


def _show(found: DrillFindings, report_path: Path | None) -> None:
    """Print the page for a terminal."""
    console = standard_output()
    show(_table(found), console)
    for title, lines in (
        ("Not run", [f"{each.name}: {each.why}" for each in found.faults if each.why]),
        ("What your settings mean when something breaks", found.meaning),
        ("Worth knowing", _notes(found)),
    ):
        if lines:
            console.print(Text(f"\n{title}", "bold"))
        for line in lines:
            console.print(Text(f"  {line.replace('`', '')}"))
    console.print()
    for name, promise in found.broken:
        console.print(Text(f"BROKEN {name or 'all'}: {promise.text}: {promise.figure}", "bold red"))
    console.print(Text(found.verdict, "bold red" if found.broken else "bold"))
    seed = f"Again: --seed {found.seed}."
    console.print(Text(f"{seed} Report: {report_path}." if report_path else seed, "dim"))


def _notes(found: DrillFindings) -> list[str]:
    return [f"{each.name}: {note}" for each in found.faults for note in each.notes if each.matched]


def _table(found: DrillFindings) -> Table:
    table = narrow(f"Fault drill of {found.config}, {found.at}")
    for heading in HEADINGS:
        right = heading not in {"fault", "verdict"}
        table.add_column(heading, justify="right" if right else "left", no_wrap=right)
    for each in found.faults:
        name, verdict, *rest = cells(each)
        table.add_row(name, Text(verdict, _STYLES[verdict]), *rest)
    return table
