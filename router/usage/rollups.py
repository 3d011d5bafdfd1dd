"""Rows of usage become rollups, and go when their time is over: in small steps, each a transaction.

Whoever stores rows or rolls them up holds the row of `usage_rolled` for as long: a row that comes
late, for an hour that is rolled up, is added to the rollups by whoever stores it.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Connection, delete, func, or_, select, tuple_, update
from sqlalchemy.sql.elements import ColumnElement

from router.database import Database
from router.usage.rollup_rows import (
    COUNTS,
    HOUR,
    HOUR_MS,
    KEYS,
    METADATA,
    OF_A_DAY,
    PARTS,
    ROLLED,
    ROLLUPS,
    sums_of_rollups,
    sums_of_rows,
)
from router.usage.rows import METADATA as OF_ROWS
from router.usage.rows import USAGE

STEP: Final = 5_000  # rows in one transaction: others wait that long, a tenth of a second
_ADDED: Final = (*COUNTS, *PARTS)
_SMALLEST: Final = ("first_at", "first_hold")


class Horizon(NamedTuple):
    """Up to which instants (Unix milliseconds) rows are rolled up, and gone."""

    rolled: int
    pruned: int


def take_horizon(connection: Connection) -> Horizon:
    """The horizon, which nobody else moves until the transaction ends. Its first statement."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    found = connection.execute(select(ROLLED.c.rolled, ROLLED.c.pruned).with_for_update()).first()
    return Horizon(0, 0) if found is None else Horizon(*found)


def rolled_until() -> Any:
    """The horizon's first instant, within a statement."""
    return select(func.coalesce(func.max(ROLLED.c.rolled), 0)).scalar_subquery()


def pruned_until() -> Any:
    """The horizon's second instant, within a statement."""
    return select(func.coalesce(func.max(ROLLED.c.pruned), 0)).scalar_subquery()


class Rollups:
    """Every method is one short transaction that blocks, and may raise DatabaseError."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._made = False

    def prepare(self) -> None:
        """Make the tables, and the row of the horizon."""
        if self._made:
            return
        for metadata in (OF_ROWS, METADATA):
            self._database.make(metadata)
        row = {"number": 0, "rolled": 0, "pruned": 0, "holder": "", "held_until": 0}
        with self._database.writing() as connection:
            insert = self._database.insert(ROLLED).values(row)
            connection.execute(insert.on_conflict_do_nothing())
        self._made = True

    def horizon(self) -> Horizon:
        """Up to which instants rows are rolled up, and gone."""
        self.prepare()
        with self._database.reading() as connection:
            found = connection.execute(select(ROLLED.c.rolled, ROLLED.c.pruned)).first()
        return Horizon(0, 0) if found is None else Horizon(*found)

    def lease(self, holder: str, now_ms: int, ms: int) -> bool:
        """Become, or stay, the one gateway that does this; for so many milliseconds."""
        self.prepare()
        free = or_(ROLLED.c.holder == holder, ROLLED.c.held_until <= now_ms)
        taken = update(ROLLED).where(free).values(holder=holder, held_until=now_ms + ms)
        with self._database.writing() as connection:
            return connection.execute(taken).rowcount == 1

    def roll(self, until: int) -> int:
        """Roll up the next rows that were admitted before an instant: of one hour, and few.
        Returns how many; 0 when all are.
        """
        self.prepare()
        with self._database.writing() as connection:
            start = take_horizon(connection).rolled
            at = USAGE.c.admitted_at
            first = connection.execute(select(func.min(at)).where(at >= start)).scalar()
            if first is None or first >= until:
                return 0
            end = min((first // HOUR_MS + 1) * HOUR_MS, until)
            beyond = select(at).where(at >= first, at < end).order_by(at).offset(STEP).limit(1)
            edge = connection.execute(beyond).scalar()
            if edge is not None:
                end = max(edge, first + 1)
            rolled = add_up(connection, (at >= first) & (at < end), self._database)
            connection.execute(update(ROLLED).values(rolled=end))
        return rolled

    def prune(self, until: int) -> int:
        """Delete the next rows that were admitted before an instant, and are rolled up: few.
        Returns how many; 0 when all are.
        """
        self.prepare()
        at, keys = USAGE.c.admitted_at, (USAGE.c.hold_id, USAGE.c.seq)
        with self._database.writing() as connection:
            horizon = take_horizon(connection)
            edge = min(until, horizon.rolled) // HOUR_MS * HOUR_MS
            oldest = select(*keys).where(at < edge).order_by(at).limit(STEP)
            gone = connection.execute(delete(USAGE).where(tuple_(*keys).in_(oldest))).rowcount
            if edge > horizon.pruned:
                connection.execute(update(ROLLED).values(pruned=edge))
        return gone

    def fold(self, until: int) -> int:
        """Make days of the next hours of rollups before an instant whose rows are gone: few.
        Returns how many; 0 when all are.
        """
        self.prepare()
        hour = ROLLUPS.c.hour
        with self._database.writing() as connection:
            edge = min(until, take_horizon(connection).pruned) // HOUR_MS
            old = select(func.min(hour)).where(hour != OF_A_DAY, hour < edge)
            first = connection.execute(old).scalar()
            if first is None:
                return 0
            keys = [ROLLUPS.c[name] for name in KEYS]
            of_it = select(*keys, *sums_of_rollups()).where(hour == first).group_by(*keys)
            rows = [dict(row) for row in connection.execute(of_it).mappings()]
            _add(connection, [{"hour": OF_A_DAY} | row for row in rows], self._database)
            return connection.execute(delete(ROLLUPS).where(hour == first)).rowcount

    def forget(self, until_day: str) -> int:
        """Delete rollups of days before one (ISO), whose rows are gone; returns how many."""
        self.prepare()
        with self._database.writing() as connection:
            take_horizon(connection)
            old = (ROLLUPS.c.hour == OF_A_DAY) & (ROLLUPS.c.day < until_day)
            some = select(ROLLUPS.c.id).where(old).limit(STEP)
            return connection.execute(delete(ROLLUPS).where(ROLLUPS.c.id.in_(some))).rowcount

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()


def add_up(connection: Connection, where: ColumnElement[bool], database: Database) -> int:
    """Add rows of usage to the rollups of their hours; returns how many rows."""
    hour = (USAGE.c.admitted_at // HOUR).label("hour")
    keys = [each.label(name) for name, each in KEYS.items()]
    by = [hour, *keys]
    found = select(*by, *sums_of_rows()).where(where).group_by(*by)
    rows = [dict(row) for row in connection.execute(found).mappings()]
    _add(connection, rows, database)
    return sum(int(row["counted"]) for row in rows)


def _add(connection: Connection, rows: Sequence[Mapping[str, Any]], database: Database) -> None:
    """Add sums to the rollups of their hours and keys."""
    if not rows:
        return
    insert = database.insert(ROLLUPS)
    new, there = insert.excluded, ROLLUPS.c
    smaller = func.min if connection.dialect.name == "sqlite" else func.least
    grown = {name: there[name] + new[name] for name in _ADDED}
    grown |= {name: smaller(there[name], new[name]) for name in _SMALLEST}
    statement = insert.on_conflict_do_update(index_elements=["id"], set_=grown)
    whole = [
        {**row, **{name: int(row[name]) for name in _ADDED}, "id": _digest(row)} for row in rows
    ]
    connection.execute(statement, whole)


def _digest(row: Mapping[str, Any]) -> str:
    told = orjson.dumps([row["hour"], *(row[name] for name in KEYS)])
    return blake2b(told, digest_size=16).hexdigest()


def late(connection: Connection, rows: Sequence[Any], horizon: Horizon) -> list[tuple[str, int]]:
    """Which of these rows were admitted before the horizon and are not stored: to be rolled up by
    whoever stores them.
    """
    keys = [(row[0], row[1]) for row in rows if row[3] < horizon.rolled]
    if not keys:
        return []
    of_them = USAGE.c.hold_id.in_([hold for hold, _ in keys])
    stored = select(USAGE.c.hold_id, USAGE.c.seq).where(of_them)
    there = {(hold, seq) for hold, seq in connection.execute(stored)}
    return [key for key in dict.fromkeys(keys) if key not in there]
