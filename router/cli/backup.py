"""`turnout backup`, `restore` and `copy`: the database, carried elsewhere."""

import gzip
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

import click

from policies.money import PICO_PER_NANO, usd
from router.cli.common.documents import config_option, documents_or_end
from router.cli.common.ledgers import connected, run, server_of
from router.cli.common.saying import say
from router.cli.common.stores import no_database
from router.database import Database, DatabaseError
from router.keeping.backup import lines_of
from router.keeping.restore import UnfitBackup, checked, header_of, holds, load
from router.ledger.credits import Credit, credits_given
from router.ledger.server.address import parse_address
from router.ledger.server.clients import client_at
from router.private_files import private
from router.usage.rollups import Rollups
from router.world.documents import Documents

_STEP: Final = 50_000  # rows between two lines of progress


@click.command()
@config_option
@click.option("--without-ledger", is_flag=True, help="Leave out credits of prepaid balances.")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
def backup(config_path: Path, file: str, *, without_ledger: bool) -> None:
    """Write a consistent copy of the database to FILE (- for standard output) while gateways serve.

    It holds customers, hashes of keys, usage and all else that is stored, and of the ledger what
    cannot be made again from that: the credits of prepaid balances. It has a checksum, and is
    gzipped JSON, a line a row.
    """
    documents = documents_or_end(config_path)
    credited = [] if without_ledger else run(_credited(documents))
    with _database(documents.database) as database, _written(file) as out:
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=6, mtime=0, filename="") as zipped:
            zipped.writelines(lines_of(database, made_at, credited, _progress))


@click.command()
@config_option
@click.option("--force", is_flag=True, help="Replace what the database holds.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--credits", "balances", is_flag=True, help="Give the ledger its credits alone.")
@click.argument("file", type=click.Path(dir_okay=False, exists=True, allow_dash=True))
def restore(config_path: Path, file: str, *, force: bool, dry_run: bool, balances: bool) -> None:
    """Put a backup into the database of turnout.yaml, whatever it is: SQLite or PostgreSQL.

    All of it or nothing, in one transaction. A database that holds anything is refused without
    --force. Stop the gateways first. After the ledger was lost, too, give it the credits of prepaid
    balances again (--credits: each adds once, however often), then `turnout ledger repair`.
    """
    documents = documents_or_end(config_path)
    try:
        with _read(file) as lines:
            if balances:
                run(_give(documents, _credits_in(lines), dry_run=dry_run))
            else:
                _restore(documents.database, lines, force=force, dry_run=dry_run)
    except (UnfitBackup, OSError, EOFError) as error:
        raise click.ClickException(str(error)) from None


@click.command("copy")
@config_option
@click.option("--to", "target", required=True, metavar="URL", help="As `database` in turnout.yaml.")
@click.option("--force", is_flag=True, help="Replace what the other database holds.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
def copy_database(config_path: Path, target: str, *, force: bool, dry_run: bool) -> None:
    """Copy the database into another one, such as a PostgreSQL; then name that in turnout.yaml.

    \b
      turnout copy --to postgresql+psycopg://turnout@db.internal/turnout

    Stop the gateways first: what they store after the copy began is not in it.
    """
    documents = documents_or_end(config_path)
    if target == documents.database:
        raise click.ClickException("that is the database itself; nothing was done")
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    with (
        _database(documents.database) as database,
        closing(lines_of(database, made_at, [], _quiet)) as lines,  # a refusal reads few of them
    ):
        try:
            _restore(target, lines, force=force, dry_run=dry_run)
        except UnfitBackup as error:
            raise click.ClickException(str(error)) from None


def _restore(url: str, lines: Iterable[bytes], *, force: bool, dry_run: bool) -> None:
    rest = iter(lines)
    first = next(rest, b"")
    header = header_of(first)
    try:
        database = Database(url)
        try:
            _announce(header.made_at, header.rows, there := holds(database), database)
            if there and not force:
                raise click.ClickException(
                    "the database is not empty; --force replaces what it holds. Nothing was changed"
                )
            if dry_run:
                return
            credited = load(database, _with(first, rest), _progress)
        finally:
            database.close()
    except DatabaseError as error:
        raise no_database(error) from None
    say(f"Done: {sum(header.rows.values()):,} rows.", err=True)
    if credited:
        say(
            f"{len(credited):,} credits of prepaid balances are in it. If the ledger was lost, too:"
            " `turnout restore FILE --credits`, then `turnout ledger repair`.",
            err=True,
        )


def _announce(
    made_at: str, rows: dict[str, int], there: dict[str, int], database: Database
) -> None:
    say(f"A copy of {made_at}, {sum(rows.values()):,} rows: {_counts(rows)}.", err=True)
    name = database.engine.url.render_as_string(hide_password=True)
    held = f"holds {_counts(there)}, which would go" if there else "is empty"
    say(f"Into {name}, which {held}.", err=True)


def _counts(rows: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in rows.items() if count) or "nothing"


def _with(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _credits_in(lines: Iterable[bytes]) -> list[Credit]:
    rest = iter(lines)
    first = next(rest, b"")
    header_of(first)
    told = checked(_with(first, rest))
    return [Credit(*one["credit"]) for one in told if isinstance(one, dict) and "credit" in one]


async def _credited(documents: Documents) -> list[Credit]:
    async with server_of(documents) as url, client_at(parse_address(url)) as client:
        return await credits_given(client)


async def _give(documents: Documents, credited: list[Credit], *, dry_run: bool) -> None:
    async with connected(documents) as ledger:
        for one in credited:
            added = not dry_run
            if added:
                added = (await ledger.credit(one.organization, one.nano_usd, one.credit_id)).added
            dollars = usd(abs(one.nano_usd) * PICO_PER_NANO, least=2)
            sign = "-" if one.nano_usd < 0 else ""
            did = "added" if added else "would add, once" if dry_run else "was there"
            say(f"{one.organization} {one.credit_id} {sign}${dollars}: {did}", err=True)


@contextmanager
def _database(url: str) -> Iterator[Database]:
    """The database to read, with tables of this version."""
    try:
        rollups = Rollups(url)
        rollups.prepare()
        rollups.close()
        database = Database(url)
        try:
            yield database
        finally:
            database.close()
    except DatabaseError as error:
        raise no_database(error) from None


@contextmanager
def _written(file: str) -> Iterator[IO[bytes]]:
    """A file for its owner alone, which is there when it is whole."""
    if file == "-":
        yield sys.stdout.buffer
        return
    path = Path(file)
    if path.exists():
        raise click.ClickException(f"{file} is there already; name another file")
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            with open(part, "xb", opener=private) as out:  # Path's takes no opener
                yield out
                out.flush()
                os.fsync(out.fileno())
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise click.ClickException(f"cannot write {file}: {error.strerror}") from None


@contextmanager
def _read(file: str) -> Iterator[Iterable[bytes]]:
    if file == "-":
        with gzip.open(sys.stdin.buffer) as lines:
            yield lines
    else:
        with gzip.open(file) as lines:
            yield lines


def _progress(table: str, rows: int) -> None:
    if rows and rows % _STEP == 0:
        say(f"  {table}: {rows:,} rows", err=True)


def _quiet(_table: str, _rows: int) -> None:
    """Whoever reads the copy tells its progress."""
