"""Decisions in SQL: SQLite by default, PostgreSQL by URL, through SQLAlchemy Core."""

from collections.abc import Sequence
from typing import Any, Final

import orjson
from sqlalchemy import Select, delete, select

from policies.value import value
from router.database import Database
from router.decisions.tables import METADATA, RECORDS

_PRUNED: Final = 5_000  # rows of one statement
_APART_MS: Final = 3_000  # denials that are told together, and their row's instant
_MOST_CROWDS: Final = 2_000  # rows that are looked through for an id among others


@value
class Stored:
    """One row; `record` is plain data (`router.decisions.entry`)."""

    id: str
    at_ms: int
    organization: str
    team: str | None
    key_id: str | None
    tier: str | None
    denied: str | None
    level: str | None
    count: int
    record: dict[str, Any]


@value
class Wanted:
    """Which decisions are asked for, the newest first. None: all; `since` and `until` are Unix
    milliseconds, `before` the instant and id behind which a page goes on.
    """

    organization: str | None = None
    team: str | None = None
    key_id: str | None = None
    denied: bool | None = None
    since: int | None = None
    until: int | None = None
    before: tuple[int, str] | None = None
    limit: int = 100


class DecisionStore:
    """Every method is one short transaction that blocks, and may raise DatabaseError."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._records = self._database.insertion(RECORDS)
        self._database.make(METADATA)

    def add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Store rows, in the order of the table's columns; twice is once."""
        if rows:
            with self._database.writing() as connection:
                self._records.add(connection, rows)

    def find(self, id_: str) -> Stored | None:
        """The decision of a request; of one that was denied with others like it, their row."""
        with self._database.reading() as connection:
            row = connection.execute(select(RECORDS).where(RECORDS.c.decision == id_)).first()
            return _stored(row) if row is not None else self._among_others(connection, id_)

    def _among_others(self, connection: Any, id_: str) -> Stored | None:
        try:
            at = int(id_[:12], 16)  # ids begin with their instant
        except ValueError:
            return None
        near = RECORDS.c.at.between(at - _APART_MS, at + _APART_MS) & (RECORDS.c.count > 1)
        rows = connection.execute(select(RECORDS).where(near).limit(_MOST_CROWDS))
        every = (_stored(row) for row in rows)
        return next((each for each in every if id_ in each.record.get("ids", ())), None)

    def page(self, wanted: Wanted) -> list[Stored]:
        """The decisions that are wanted, the newest first."""
        newest = (RECORDS.c.at.desc(), RECORDS.c.decision.desc())
        statement = _where(select(RECORDS), wanted).order_by(*newest).limit(wanted.limit)
        with self._database.reading() as connection:
            return [_stored(row) for row in connection.execute(statement)]

    def prune(self, before_ms: int) -> int:
        """Forget some of what was decided before an instant; returns how many rows that were."""
        old = select(RECORDS.c.decision).where(RECORDS.c.at < before_ms).limit(_PRUNED)
        with self._database.writing() as connection:
            return connection.execute(delete(RECORDS).where(RECORDS.c.decision.in_(old))).rowcount

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()


def _where(statement: Select[Any], wanted: Wanted) -> Select[Any]:
    for name in ("organization", "team", "key_id"):
        value_ = getattr(wanted, name)
        if value_ is not None:
            statement = statement.where(RECORDS.c[name] == value_)
    if wanted.denied is not None:
        is_denied = RECORDS.c.denied.is_not(None)
        statement = statement.where(is_denied if wanted.denied else ~is_denied)
    if wanted.since is not None:
        statement = statement.where(RECORDS.c.at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(RECORDS.c.at < wanted.until)
    if wanted.before is not None:
        at, id_ = wanted.before
        behind = (RECORDS.c.at < at) | ((RECORDS.c.at == at) & (RECORDS.c.decision < id_))
        statement = statement.where(behind)
    return statement


def _stored(row: Any) -> Stored:
    id_, at, organization, team, key, tier, denied, level, count, record = row
    data = orjson.loads(record)
    return Stored(id_, at, organization, team, key, tier, denied, level, count, data)
