"""The SQL database of keys, usage and outcomes: one place that says how it is opened."""

import contextlib
import sqlite3
from typing import Any

from sqlalchemy import Engine, create_engine, event


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


def _write_ahead(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA busy_timeout=5000")
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        # The mode stays with the file. Changing it does not wait for others: whoever is in the way
        # is a store of ours that changes it too.
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode=WAL")
