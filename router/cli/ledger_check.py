"""`turnout ledger check` and `repair`: ledger and books compared, and made to agree."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import orjson

from router.cli.common.customers_in_use import own_calendars
from router.cli.common.documents import config_option, documents_or_end
from router.cli.common.ledgers import connected, run
from router.cli.common.saying import say, say_json
from router.ledger.check.check import LedgerCheck
from router.ledger.check.findings import CheckReport, Finding
from router.ledger.clock_state import ClockState
from router.ledger.ledger_clock import LedgerClock
from router.ledger.server.server_clocks import span_words
from router.usage.books import LedgerBooks
from router.usage.journal import JournalConsumer
from router.usage.store import UsageStore
from router.world.books import BookWorld, WorldBooks
from router.world.documents import Documents
from router.world.snapshot import tier_quotas

_REPAIR: Final = "`turnout ledger repair --config {path}` makes it again from the books."
_BALANCES: Final = (
    "Credits are not in the books: give those of prepaid balances again, with `turnout ledger"
    " credit`."
)
_OTHER_BOOKS: Final = (
    "The books know of less than prepaid balances have paid for. Is this the database that every"
    " gateway writes, and no old backup?"
)
_FOLLOWS: Final = (
    "the ledger's time: {behind} behind -> what its server's clock says, which is what this machine"
    " says. What is open keeps its lease; a day or month that has ended meanwhile ends now, and"
    " sliding minutes start empty, which is at most one more minute's worth."
)
_MINUTES: Final = (
    "Sliding minutes are stored nowhere else: they start empty, which is at most one more minute's"
    " worth."
)


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def check(config_path: Path, *, as_json: bool) -> None:
    """Compare ledger, journal and stored usage, and name every drift.

    It goes from the books outwards: what each customer used, by the limits of the tier of each row,
    must be what the ledger counts. It names what the ledger lost, as a whole (flushed, an old
    snapshot) or a window; every figure that differs; and, as no drift, limits that are younger than
    their window or stand at one gateway only.

    Exit code 0 where they agree, 1 where they do not, 3 where ledger or database cannot be
    reached. Serving may go on meanwhile.
    """
    documents = documents_or_end(config_path)
    sys.exit(run(_check(documents, config_path, as_json=as_json)))


@click.command()
@config_option
@click.option("--yes", is_flag=True, help="Do not ask, for scripts.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option(
    "--give-back",
    is_flag=True,
    help="With --yes: also give prepaid balances back what the books do not know.",
)
@click.option("--rebuild", is_flag=True, hidden=True, help="What a lost ledger once needed.")
def repair(config_path: Path, *, yes: bool, dry_run: bool, give_back: bool, rebuild: bool) -> None:
    """Write into the ledger what the stored usage and the open requests say.

    It shows each change and why, and asks before it makes any. A state is replaced only where
    nothing has moved since it was looked at, so serving may go on. What the ledger lost is made
    again from the books, and gateways that noticed say that it is whole.

    Where the books know of less than a prepaid balance has paid for, they may be the wrong ones: an
    old backup, another database. Giving that back is asked for by itself, and left out of --yes
    unless you say --give-back.

    Exit code 0 where ledger and books then agree, 1 where they do not or where you said no, 2
    where nobody can be asked and --yes is not given.
    """
    del rebuild  # repairing makes again what is lost
    documents = documents_or_end(config_path)
    sys.exit(run(_repair(documents, yes=yes, dry_run=dry_run, give_back=give_back)))


@dataclass(frozen=True, slots=True)
class _Check:
    """A check that can begin, and how many rows were stored for it."""

    ledger: LedgerCheck
    stored: int
    clock: LedgerClock


@asynccontextmanager
async def _checking(documents: Documents) -> AsyncIterator[_Check]:
    store, books = UsageStore(documents.database), LedgerBooks(documents.database)
    tiers, _ = tier_quotas(documents.policy)
    try:
        async with connected(documents) as reached:
            world = BookWorld.of(documents)
            calendars = own_calendars(documents.database)
            entered = WorldBooks(lambda: world, calendars.get)
            stored = await JournalConsumer(reached.journal(), store, books=entered).drain()
            yield _Check(reached.check(books, tiers, calendars), stored, reached.clock())
    finally:
        books.close()
        store.close()


async def _check(documents: Documents, path: Path, *, as_json: bool) -> int:
    async with _checking(documents) as checking:
        report, clock = await checking.ledger.check(), await checking.clock.look()
    if as_json:
        said = _as_json(report, checking.stored) | {"clock": clock.trouble}
        say_json(orjson.dumps(said, option=orjson.OPT_INDENT_2))
        return 0 if report.agrees else 1
    if clock.trouble is not None:
        say(clock.trouble)
    if report.loss is not None:
        say(f"{report.loss} {_REPAIR.format(path=path)}")
    for finding in report.drifts:
        say(str(finding))
    for finding in report.notes:
        say(f"no drift: {finding}")
    say(_summary(report, checking.stored))
    return 0 if report.agrees else 1


async def _repair(documents: Documents, *, yes: bool, dry_run: bool, give_back: bool) -> int:
    async with _checking(documents) as checking:
        report, clock = await checking.ledger.check(), await checking.clock.look()
        _explain(report)
        follows = _explain_clock(clock)
        if (report.agrees and not follows) or dry_run:
            say(_summary(report, checking.stored))
            return 0 if report.agrees else 1
        if not _agreed(yes=yes):
            say("Nothing was changed.")
            return 1
        changes = report.changes
        if not _gives_back(changes, yes=yes, agreed=give_back):
            changes = [each for each in changes if not each.gives_back]
        repaired = await checking.ledger.repair(changes)
        if follows:
            await checking.clock.follow()
            say("The ledger's time follows its server's clock.")
        after = await checking.ledger.check()
        if report.lost and not after.changes:
            await checking.ledger.declare_whole()
            after.lost = {}
    say(f"{repaired} of {len(changes)} repaired.")
    for finding in after.drifts:
        say(str(finding))
    say(_summary(after, checking.stored))
    return 0 if after.agrees else 1


def _explain(report: CheckReport) -> None:
    """Show what repairing changes, and why."""
    if report.loss is not None:
        say(report.loss)
    for finding in report.changes:
        say(finding.change)
    if any(finding.row.period == "endless" for finding in report.changes if report.lost):
        say(_BALANCES)
    if report.lost:
        say(_MINUTES)


def _explain_clock(clock: ClockState) -> bool:
    """Show what is amiss with the clock; whether repairing lets the ledger's time follow it."""
    if clock.trouble is not None:
        say(clock.trouble)
    if clock.is_behind and clock.agrees:
        say(_FOLLOWS.format(behind=span_words(clock.ahead)))
        return True
    if clock.is_behind:
        say("The ledger's time stays as it is until these two clocks agree.")
    return False


def _agreed(*, yes: bool) -> bool:
    """Whether the operator wants it. Raises UsageError where nobody can be asked."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise click.UsageError(
            "repairing changes what customers may spend, and nobody is here to be asked: read what"
            " it would change with --dry-run, then say --yes."
        )
    return click.confirm("Continue?")


def _gives_back(changes: Sequence[Finding], *, yes: bool, agreed: bool) -> bool:
    """Whether prepaid balances are to be given back what the books do not know."""
    giving = [each for each in changes if each.gives_back]
    if not giving or agreed:
        return True
    say(_OTHER_BOOKS)
    if yes:
        say("Left as they are: say --give-back to lower them.")
        return False
    return click.confirm("Give it back?")


def _summary(report: CheckReport, stored: int) -> str:
    drifts = len(report.drifts)
    said = f"{drifts or 'no'} drift{'s' * (drifts > 1)}"
    if report.lost and not drifts:
        said = "the ledger lost what it held"
    scopes = f"{report.scopes:,} scope{'s' * (report.scopes != 1)}"
    rows = f"{report.rows:,} stored row{'s' * (report.rows != 1)}"
    return f"{scopes}, {rows} ({stored:,} new): {said}"


def _as_json(report: CheckReport, stored: int) -> dict[str, Any]:
    return {
        "agrees": report.agrees,
        "lost": report.loss,
        "findings": [finding.as_json() for finding in report.findings],
        "scopes": report.scopes,
        "stored_rows": report.rows,
        "new_rows": stored,
    }
