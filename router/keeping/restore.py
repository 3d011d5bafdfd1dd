"""A copy of a database, put into another one: whole, or not at all."""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Connection, Table, insert

from router.database import Database
from router.keeping.backup import FORMAT, Progress, counted, tables_of
from router.ledger.credits import Credit
from router.migrations.head import HEAD
from router.migrations.version import start_over

_PAGE: Final = 1_000
# What a gateway writes at its first start, before anybody asked for anything.
_MARKS: Final = frozenset(
    {"audit_head", "customers_version", "ledger_epoch", "ledger_limits", "usage_rolled"}
)


class UnfitBackup(ValueError):
    """The file is no backup, is damaged, or is a newer Turnout's; the message says which."""


class Header(NamedTuple):
    """What the first line says; `rows` by table."""

    version: str
    made_at: str
    rows: dict[str, int]


def header_of(line: bytes) -> Header:
    """Read the first line. Raises UnfitBackup."""
    told = _read(line)
    if not isinstance(told, dict) or "turnout_backup" not in told:
        raise UnfitBackup("this is no backup of Turnout's")
    if told["turnout_backup"] != FORMAT or str(told["version"]) > HEAD:
        raise UnfitBackup(
            f"the backup has tables of version {told['version']}, and this Turnout knows them up to"
            f" {HEAD}: restore it with the Turnout that made it"
        )
    return Header(str(told["version"]), str(told["made_at"]), told["rows"])


def holds(database: Database) -> dict[str, int]:
    """How many rows a database has, by table; empty where it is as good as new."""
    with database.reading() as connection:
        rows = counted(connection)
    return {name: count for name, count in rows.items() if count and name not in _MARKS}


def checked(lines: Iterable[bytes]) -> Iterator[Any]:
    """What the lines say, from the second to the last but one.

    Raises UnfitBackup at the end where they are not what was written, or end too early.
    """
    digest = hashlib.sha256()
    for count, line in enumerate(lines):
        told = _read(line)
        if isinstance(told, dict) and "sha256" in told:
            if told != {"lines": count, "sha256": digest.hexdigest()}:
                raise UnfitBackup("the backup is damaged: its checksum is another")
            return
        digest.update(line)
        if count:
            yield told
    raise UnfitBackup("the backup is cut short: it has no last line")


def load(database: Database, lines: Iterable[bytes], progress: Progress) -> list[Credit]:
    """Replace all tables of ours by those of a copy, in one transaction; returns its credits.

    Raises UnfitBackup or DatabaseError; then nothing is changed.
    """
    all_lines = iter(lines)
    first = next(all_lines, b"")
    version = header_of(first).version
    with database.writing() as connection, start_over(connection, version):
        return _loaded(connection, checked(_again(first, all_lines)), progress)


def _again(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _loaded(connection: Connection, told: Iterator[Any], progress: Progress) -> list[Credit]:
    tables, credited = tables_of(connection).tables, []
    loading: _Loading | None = None
    for one in told:
        if isinstance(one, list) and loading is not None:
            loading.add(one)
        elif "credit" in one:
            credited.append(Credit(*one["credit"]))
        else:
            if loading is not None:
                loading.store()
            name = one["table"]
            if name not in tables:
                raise UnfitBackup(f"the backup has a table {name}, which its version has not")
            loading = _Loading(connection, tables[name], one["columns"], progress)
    if loading is not None:
        loading.store()
    return credited


class _Loading:
    """Rows on their way into a table."""

    def __init__(
        self, connection: Connection, table: Table, columns: Sequence[str], progress: Progress
    ) -> None:
        lacking = sorted(set(columns) - set(table.columns.keys()))
        if lacking:
            raise UnfitBackup(f"table {table.name} has no column {', '.join(lacking)}")
        self._connection, self._table, self._progress = connection, table, progress
        self._columns = [(name, _python_type(table, name)) for name in columns]
        self._rows: list[dict[str, Any]] = []
        self._stored = 0

    def add(self, values: Sequence[Any]) -> None:
        self._rows.append(
            {
                name: _value(kind, value)
                for (name, kind), value in zip(self._columns, values, strict=True)
            }
        )
        if len(self._rows) >= _PAGE:
            self.store()

    def store(self) -> None:
        if self._rows:
            self._connection.execute(insert(self._table), self._rows)
            self._stored += len(self._rows)
            self._rows = []
        self._progress(self._table.name, self._stored)


def _python_type(table: Table, name: str) -> Any:
    try:
        return table.columns[name].type.python_type
    except NotImplementedError:
        return None


def _value(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if kind is bytes:
        return base64.b64decode(value)
    return datetime.fromisoformat(value) if kind is datetime else value


def _read(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except ValueError:
        raise UnfitBackup("the backup is damaged: a line of it is no JSON") from None
