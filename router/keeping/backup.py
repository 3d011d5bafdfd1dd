"""A copy of the database as lines of text: what `turnout backup` writes and `copy` sends.

The first line says what it is, then come tables, each with its columns and rows, credits of prepaid
balances, and a line with the number of lines before it and their SHA-256. Every line is JSON.
"""

import base64
import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import orjson
from sqlalchemy import Connection, MetaData, func, inspect, select

from router.database import Database
from router.ledger.credits import Credit
from router.migrations.version import VERSION_TABLE, table_names, version_of

FORMAT: Final = 1
_PAGE: Final = 1_000
Progress = Callable[[str, int], None]


@contextmanager
def snapshot(database: Database) -> Iterator[Connection]:
    """A connection that sees the database as it is now, whoever writes meanwhile."""
    with database.reading() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")  # a snapshot: the file is written ahead
        else:
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


def tables_of(connection: Connection) -> MetaData:
    """The tables of ours that are there, as the database describes them."""
    there = MetaData()
    ours = set(inspect(connection).get_table_names()) & table_names(connection.dialect.name)
    there.reflect(connection, only=sorted(ours - {VERSION_TABLE}))
    return there


def counted(connection: Connection) -> dict[str, int]:
    """How many rows each table of ours has."""
    return {
        name: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
        for name, table in sorted(tables_of(connection).tables.items())
    }


def lines_of(
    database: Database, made_at: str, credited: Iterable[Credit], progress: Progress
) -> Generator[bytes, None, None]:
    """The lines of a copy of the database as it is at the first of them. Raises DatabaseError.

    Close it where not all of them are read.
    """
    digest, count = hashlib.sha256(), 0
    for line in _lines(database, made_at, credited, progress):
        digest.update(line)
        count += 1
        yield line
    yield _line({"lines": count, "sha256": digest.hexdigest()})


def _lines(
    database: Database, made_at: str, credited: Iterable[Credit], progress: Progress
) -> Iterator[bytes]:
    with snapshot(database) as connection:
        head = {"turnout_backup": FORMAT, "version": version_of(connection), "made_at": made_at}
        yield _line(head | {"rows": counted(connection)})
        for name, table in sorted(tables_of(connection).tables.items()):
            yield _line({"table": name, "columns": table.columns.keys()})
            read = 0
            rows = connection.execution_options(yield_per=_PAGE).execute(select(table))
            for page in rows.partitions():
                yield from (_line(list(row)) for row in page)
                read += len(page)
                progress(name, read)
    for credit in credited:
        yield _line({"credit": list(credit)})


def _line(value: Any) -> bytes:
    return orjson.dumps(value, default=_as_text, option=orjson.OPT_APPEND_NEWLINE)


def _as_text(value: object) -> str:
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode()
    raise TypeError(f"a backup cannot hold {type(value).__name__}")
