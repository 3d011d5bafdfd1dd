"""The SQL database of keys, usage and outcomes: how it is opened, and what its failures are.

SQLAlchemy's errors are translated here and nowhere else.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from importlib import import_module
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from router.migrations.version import UnfitTables, bring_up
from router.private_files import make_private_file

# Whose INSERT can say what to do about keys that exist, by dialect. An engine has imported its own
# when it is made; the other one would cost every command a tenth of its time (ADR 168).
_DIALECTS: Final[Mapping[str, str]] = {
    "sqlite": "sqlalchemy.dialects.sqlite",
    "postgresql": "sqlalchemy.dialects.postgresql",
}
# `info` of a column that tables lack which were made before they had a version.
LATER: Final = {"later": True}
# In `info` of an index: of which rows alone it is, in SQL. As an option of each dialect it would
# have SQLAlchemy import them all, a fifth of a second at every start.
WHERE: Final = "where"
_MOST_PARAMETERS: Final = 999  # the most variables of a statement in any SQLite
# Several processes that begin with one empty database: each table is made by one, and the others
# find that it is there, or are locked out for a moment. They look again, after these many seconds.
_PATIENCE: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 2.0, 2.0)
_LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_PRIMARY: Final = 0xFF  # SQLite's extended codes hold the code in their last byte
# PostgreSQL: unique_violation (of its own catalogue), duplicate_table, _object, _column and
# _schema, serialization_failure, deadlock_detected, lock_not_available, cannot_connect_now.
_PASSING: Final = frozenset(
    {"23505", "42P07", "42710", "42701", "42P06", "40001", "40P01", "55P03", "57P03"}
)


# The transactions that this thread is in, by the address of their database: see Database.together.
_NONE: Final[Mapping[URL, Connection]] = MappingProxyType({})
_TOGETHER: Final = ContextVar("together", default=_NONE)


class DatabaseError(RuntimeError):
    """The database cannot be used now, and nothing was stored.

    `kind` is what the library calls it, short enough for a command's last line. `passing`: another
    process is in the way, and will not be for long.
    """

    def __init__(self, error: Exception) -> None:
        first = (str(getattr(error, "orig", None) or error).splitlines() or [""])[0]
        super().__init__(f"The database does not work: {first}")
        self.kind = type(error).__name__
        self.passing = _is_passing(getattr(error, "orig", None))


class ForeignTable(DatabaseError):
    """The tables are of a newer version, or another program's: see `Database.make`."""


class Database:
    """A store's way into the database; it connects when it is first used, and blocks.

    Raises DatabaseError, whatever is done with it, where the database cannot be used.
    """

    def __init__(self, url: str) -> None:
        try:
            self.engine = open_database(url)
            self._insert = _insert_of(self.engine)
        except (SQLAlchemyError, ImportError, KeyError) as error:
            raise DatabaseError(error) from None
        self._changes = Changes(self.engine)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read on."""
        joined = _TOGETHER.get().get(self.engine.url)
        if joined is not None:
            with _translated():
                yield joined
            return
        with _translated(), self.engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection in a transaction: all of the block is stored at its end, or nothing."""
        joined = _TOGETHER.get().get(self.engine.url)
        if joined is not None:
            with _translated(), joined.begin_nested():
                yield joined
            return
        with _translated(), self.engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def together(self) -> Iterator[Connection]:
        """One transaction for what this thread does in the block, by whatever stores of the same
        database: all of it is stored at its end, or nothing.

        Such a block within another one is a part of it. SQLite lets one of them in at a time.
        """
        joined = _TOGETHER.get()
        if self.engine.url in joined:
            with self.writing() as connection:
                yield connection
            return
        with _translated(), self.engine.begin() as connection:
            if self.engine.dialect.name == "sqlite":  # else what was read may be old when it writes
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            token = _TOGETHER.set({**joined, self.engine.url: connection})
            try:
                yield connection
            finally:
                _TOGETHER.reset(token)

    def make(self, metadata: MetaData) -> None:
        """Bring the database to the version of this program, and see that it has these tables.

        Costs two questions where nothing is to be done. Several processes may do it at once:
        whoever comes second looks again, for about eight seconds, and those of each lock (five, in
        SQLite). Raises ForeignTable where the tables are of a newer version or of another program,
        so that it is told at the start and not by a failing statement later; nothing is changed
        then. Columns and tables that only others know do no harm. See docs/storage.md.
        """
        for seconds in _PATIENCE:
            try:
                self._make(metadata)
            except DatabaseError as error:
                if not error.passing:
                    raise
                time.sleep(seconds)
            else:
                return
        self._make(metadata)

    def _make(self, metadata: MetaData) -> None:
        try:
            bring_up(self.engine, metadata.tables)
        except UnfitTables as error:
            raise ForeignTable(error) from None
        except SQLAlchemyError as error:
            raise DatabaseError(error) from error

    def insert(self, table: Table) -> Any:
        """An INSERT that can say what to do about keys that exist."""
        return self._insert(table)

    def insertion(self, table: Table) -> "Insertion":
        """Return what adds many rows to a table at once."""
        return Insertion(self.engine, table)

    def version(self) -> int | None:
        """A value that differs after any change of the database, or None: see Changes."""
        return self._changes.version()

    def close(self) -> None:
        """Give the connections back."""
        self._changes.close()
        self.engine.dispose()


def _insert_of(engine: Engine) -> Any:
    """The INSERT of an engine's dialect. Raises KeyError for one that no store is made for."""
    return import_module(_DIALECTS[engine.dialect.name]).insert


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Translate the library's errors."""
    try:
        yield
    except SQLAlchemyError as error:
        raise DatabaseError(error) from error


def _is_passing(error: BaseException | None) -> bool:
    """Whether a driver's error says that another process was first, or is busy."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        words = str(error)
        return code & _PRIMARY in _LOCKED or "already exists" in words or "duplicate" in words
    return getattr(error, "sqlstate", None) in _PASSING


def open_database(url: str) -> Engine:
    """Return an engine for SQLite or PostgreSQL; connects when it is first used.

    SQLite writes ahead, so that those who read and the one who writes do not wait for each other.
    Its file is made for its owner alone, and so is what SQLite puts beside it. Raises
    SQLAlchemyError or ImportError for a URL that names no usable database.
    """
    sqlite = url.startswith("sqlite")
    engine = create_engine(url, pool_pre_ping=not sqlite)
    if sqlite:
        event.listen(engine, "do_connect", _make_file)
        event.listen(engine, "connect", _write_ahead)
    return engine


def _make_file(dialect: Any, _record: Any, args: Sequence[Any], _options: Any) -> None:
    """Make the file of a connection that is about to open, before SQLite makes it for everybody."""
    name = str(args[0]) if args else ":memory:"
    if name != ":memory:" and not name.startswith("file:"):
        with contextlib.suppress(OSError):  # SQLite says better why
            make_private_file(Path(name))


class Insertion:
    """Adds rows, in the order of the table's columns, to a table, unless their keys exist.

    SQLite gets many rows in one statement. With one row each, its driver releases the interpreter's
    lock once a row, and on a busy gateway gets it back milliseconds later, while everybody else
    waits for the database. Statements come in few sizes: the driver keeps each one prepared, and
    one of a hundred rows takes 100 KB.
    """

    def __init__(self, engine: Engine, table: Table) -> None:
        insert = _insert_of(engine)(table).on_conflict_do_nothing()
        self._columns = table.columns.keys()
        compiled = insert.compile(dialect=engine.dialect, column_keys=self._columns)
        self._one = str(compiled)
        most = max(1, _MOST_PARAMETERS // len(self._columns)) if compiled.positional else 0
        self._statements = {rows: self._statement(rows) for rows in _sizes(most)}

    def add(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        """Add rows within the connection's transaction; returns how many were new."""
        # The driver's own statement: binding through SQLAlchemy costs more than storing.
        if rows and not self._statements:
            named = [dict(zip(self._columns, row, strict=True)) for row in rows]
            return connection.exec_driver_sql(self._one, named).rowcount
        added = first = 0
        for size, statement in self._statements.items():
            while len(rows) - first >= size:
                values = tuple(chain.from_iterable(rows[first : first + size]))
                added += connection.exec_driver_sql(statement, values).rowcount
                first += size
        return added

    def _statement(self, count: int) -> str:
        values = f"({', '.join('?' * len(self._columns))})"
        return self._one.replace(values, ", ".join([values] * count))


def _sizes(most: int) -> list[int]:
    """The sizes of statements, in rows: the largest, and every power of two below it."""
    powers = (1 << bit for bit in reversed(range(most.bit_length())))
    return list(dict.fromkeys((most, *powers))) if most else []


class Changes:
    """Tells whether anything was written to a database, for callers that poll.

    Asking SQLite costs microseconds and does not wait, so the serving loop may do it. For other
    databases the answer is not known.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Any = None  # sqlite3's own

    def version(self) -> int | None:
        """A value that differs after any change of the file; None where that cannot be told."""
        if not _is_file(self._engine.url):
            return None
        try:
            if self._connection is None:
                dialect = self._engine.dialect
                args, options = dialect.create_connect_args(self._engine.url)
                self._connection = dialect.connect(*args, **{**options, "timeout": 0})
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error:
            return None

    def close(self) -> None:
        """Close the connection that it asks on."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _is_file(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and url.database not in {None, "", ":memory:"}


def _write_ahead(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA busy_timeout=5000")
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        # The mode stays with the file. Changing it does not wait for others: whoever is in the way
        # is a store of ours that changes it too.
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode=WAL")
