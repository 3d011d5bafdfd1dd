"""The SQL database of keys, usage and outcomes: one place that says how it is opened."""

import contextlib
import sqlite3
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL


def open_database(url: str) -> Engine:
    """Return an engine for SQLite or PostgreSQL; connects when it is first used.

    SQLite writes ahead, so that those who read and the one who writes do not wait for each other.
    Raises SQLAlchemyError or ImportError for a URL that names no usable database.
    """
    sqlite = url.startswith("sqlite")
    engine = create_engine(url, pool_pre_ping=not sqlite)
    if sqlite:
        event.listen(engine, "connect", _write_ahead)
    return engine


class Changes:
    """Tells whether anything was written to a database, for those who look again and again.

    Asking SQLite costs microseconds and does not wait: it may be done on the serving loop. Of other
    databases nothing is known.
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
