"""`turnout audit`: who changed what, and whether the log of it is whole."""

import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
import orjson

from router.audit.entry import Entry
from router.audit.verify import verify as verify_log
from router.cli.common.customers import open_log
from router.cli.common.documents import config_option, outline_or_end
from router.cli.common.saying import say, say_json, say_rows
from router.cli.common.stores import opened
from router.printable import safe_json

_NOTED = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


@click.group()
def audit() -> None:
    """Who changed what, from where; and whether the log of it is whole."""


@audit.command()
@config_option
@click.option(
    "--noted",
    metavar="SEQ:HASH",
    help="Number and hash of a row that was the newest once: whether it still stands as it was.",
)
def verify(config_path: Path, noted: str | None) -> None:
    """Read all of the log and follow its chain; exit code 1 where anything was changed or is gone.

    The last line is SEQ:HASH of the newest row. Note it where nobody of this machine can write:
    with --noted, a log that somebody wrote anew from its beginning is found out, too.
    """
    known = None
    if noted is not None:
        match = _NOTED.fullmatch(noted)
        if match is None:
            raise click.BadParameter(
                "write it as verify printed it: 12:4af0...", param_hint="--noted"
            )
        known = (int(match[1]), match[2])
    with opened(outline_or_end(config_path), open_log) as log:
        found = verify_log(log, known)
    for problem in found.problems:
        say(problem, err=True)
    whole = "not whole" if found.problems else "whole"
    say(f"{found.rows} rows, from {found.first} to {found.seq}: {whole}", err=True)
    say(f"{found.seq}:{found.hash}")
    sys.exit(1 if found.problems else 0)


@audit.command("list")
@config_option
@click.option("--organization", help="Only changes of this customer.")
@click.option("--action", help="Only this: keys.create, organizations.suspend ...")
@click.option(
    "--most",
    type=click.IntRange(1, 1_000_000),
    default=50,
    show_default=True,
    help="How many, at most.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="A table for eyes; JSON, one row a line, with what was before and after.",
)
def list_rows(
    config_path: Path, organization: str | None, action: str | None, most: int, form: str
) -> None:
    """List who changed what, the newest change first."""
    with opened(outline_or_end(config_path), open_log) as log:
        rows = log.page(most=most, organization=organization, action=action)
    if form == "json":
        for row in rows:
            say_json(safe_json(orjson.dumps(_record(row)).decode()))
        return
    columns = ("Row", "When (UTC)", "Who", "From", "What", "Of what")
    say_rows(columns, map(_line, rows))


def _line(row: Entry) -> tuple[object, ...]:
    when = f"{datetime.fromtimestamp(row.at / 1000, UTC):%Y-%m-%d %H:%M:%S}"
    return row.seq, when, row.actor, row.address, row.action, row.target


def _record(row: Entry) -> dict[str, object]:
    return {
        "seq": row.seq,
        "at": f"{datetime.fromtimestamp(row.at / 1000, UTC).isoformat()[:23]}Z",
        "actor": row.actor,
        "credential": row.credential,
        "address": row.address,
        "request_id": row.request_id,
        "action": row.action,
        "target": row.target,
        "organization": row.organization,
        "before": orjson.loads(row.before),
        "after": orjson.loads(row.after),
        "hash": row.hash(),
    }
