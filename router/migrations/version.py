"""Which version a database's tables have, and what is done about it: cheaply, where nothing is.

A database without tables of ours gets those of today from a script of SQL, in one transaction.
Tables of an older version are brought up by Alembic, which is not imported before.
"""

import logging
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, MetaData, inspect, text

from router.migrations.head import HEAD

VERSION_TABLE: Final = "turnout_schema"
_LOG: Final = logging.getLogger("turnout")
_FOLDER: Final = Path(__file__).parent
_MADE: Final = re.compile(r'^CREATE TABLE "?(\w+)', re.MULTILINE)
_VERSION: Final = text(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608
# Whoever comes second waits until the first is done, then looks again.
_LOCKS: Final = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": "SELECT pg_advisory_xact_lock(7817273841)",
}


class UnfitTables(ValueError):
    """The database has tables that this program cannot work with; the message says what to do."""


def bring_up(engine: Engine, wanted: Collection[str]) -> None:
    """See that the tables have this program's version, or give it to them: whole, or not at all.

    Several processes may do it at once: one does it, the others wait for as long as the database
    lets them. Raises UnfitTables where the tables are of a newer version, where others have their
    names, or where one of those `wanted` is not there; SQLAlchemy's errors as they come.
    """
    with engine.connect() as connection:
        version, there = _look(connection)
    if version != HEAD:
        with _locked(engine) as connection:
            version, there = _look(connection)
            if version != HEAD:
                _renew(connection, version, there)
                _, there = _look(connection)
    gone = sorted(set(wanted) - there)
    if gone:
        raise UnfitTables(
            f"it has no table {', '.join(gone)}, although its tables are of version {HEAD}. "
            "Restore it from a backup (`turnout restore`), or name another (`database` in "
            "turnout.yaml)"
        )


def _look(connection: Connection) -> tuple[str | None, set[str]]:
    """The version of the tables, None where none is said; and the names of all tables."""
    there = set(inspect(connection).get_table_names())
    version = connection.execute(_VERSION).scalar() if VERSION_TABLE in there else None
    return version, there


@contextmanager
def _locked(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that no other of these overlaps."""
    with engine.begin() as connection:
        connection.exec_driver_sql(_LOCKS[connection.dialect.name])
        yield connection


def _renew(connection: Connection, version: str | None, there: set[str]) -> None:
    if version is not None and version > HEAD:
        raise UnfitTables(
            f"its tables are of version {version}, and this Turnout knows them up to {HEAD}: a "
            "newer one made them. Start that one, or restore a backup that is older"
        )
    script = script_of_head(connection.dialect.name)
    if version is None and there.isdisjoint(table_names(connection.dialect.name)):
        for statement in script.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
        return
    module: Any = import_module("router.migrations.upgrade")
    module.upgrade(connection)
    _LOG.info("brought the database up", extra={"from": version or "before 0001", "to": HEAD})


def version_of(connection: Connection) -> str | None:
    """The version of the tables; None where none is said."""
    return _look(connection)[0]


def table_names(dialect: str) -> set[str]:
    """The names of the tables of this version, and of the one that holds it."""
    return set(_MADE.findall(script_of_head(dialect)))


@contextmanager
def start_over(connection: Connection, version: str) -> Iterator[None]:
    """Within the connection's transaction: drop the tables of ours, make those of a version (not a
    newer one), and after the block, which fills them, bring them up to this program's.
    """
    dialect = connection.dialect.name
    connection.exec_driver_sql(_LOCKS[dialect])
    ours = MetaData()
    ours.reflect(connection, only=sorted(_look(connection)[1] & table_names(dialect)))
    ours.drop_all(connection)
    if version == HEAD:
        _renew(connection, None, set())
        yield
        return
    module: Any = import_module("router.migrations.upgrade")
    module.upgrade(connection, version)
    yield
    module.upgrade(connection)


def script_of_head(dialect: str) -> str:
    """The statements that make an empty database one of this version."""
    return (_FOLDER / f"head.{dialect}.sql").read_text("utf-8")
