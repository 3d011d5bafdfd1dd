"""Sums of usage: of rollups as far as they go, and of rows from there on, in one statement."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from sqlalchemy import (
    Connection,
    Select,
    String,
    cast,
    func,
    literal_column,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.sql.elements import ColumnElement

from router.usage.rollup_rows import (
    COUNTS,
    HOUR,
    KEYS,
    MICRO,
    MONEY,
    OF_A_DAY,
    ROLLUPS,
    high_and_low,
)
from router.usage.rollups import pruned_until, rolled_until
from router.usage.rows import USAGE


class Asked(Protocol):
    """A condition, on keys that rows and rollups have."""

    def holds(self, key: str, column: ColumnElement[Any]) -> ColumnElement[bool] | None:
        """The condition on a column of the name `key`, None where it says nothing of it."""


class Days(NamedTuple):
    """Only days [since, until), ISO."""

    since: str | None
    until: str | None

    def holds(self, key: str, column: ColumnElement[Any]) -> ColumnElement[bool] | None:
        """See Asked."""
        if key != "day" or (self.since is None and self.until is None):
            return None
        if self.since is None:
            return column < self.until
        if self.until is None:
            return column >= self.since
        return (column >= self.since) & (column < self.until)

    def of_rows(self, statement: Select[Any]) -> Select[Any]:
        """The statement, of these days alone."""
        held = self.holds("day", USAGE.c.day)
        return statement if held is None else statement.where(held)


class Equal(NamedTuple):
    """Only where a key has this value."""

    key: str
    value: object

    def holds(self, key: str, column: ColumnElement[Any]) -> ColumnElement[bool] | None:
        """See Asked."""
        return column == self.value if key == self.key else None


class Begins(NamedTuple):
    """Only where a key begins so."""

    key: str
    value: str

    def holds(self, key: str, column: ColumnElement[Any]) -> ColumnElement[bool] | None:
        """See Asked."""
        return column.startswith(self.value) if key == self.key else None


class Told(NamedTuple):
    """Only where a key is not empty."""

    key: str

    def holds(self, key: str, column: ColumnElement[Any]) -> ColumnElement[bool] | None:
        """See Asked."""
        return column.is_not(None) if key == self.key else None


class Untold(NamedTuple):
    """Only where a key is empty."""

    key: str

    def holds(self, key: str, column: ColumnElement[Any]) -> ColumnElement[bool] | None:
        """See Asked."""
        return column.is_(None) if key == self.key else None


# What is told apart by rows alone: as many as there are, and empty once they are gone.
OF_ROWS: Final[dict[str, ColumnElement[Any]]] = {"run": USAGE.c.run}
_UNTOLD: Final[dict[str, ColumnElement[Any]]] = dict.fromkeys(OF_ROWS, cast(null(), String))
SERVED: Final = Equal("served", 1)


def of_gone() -> ColumnElement[bool]:
    """Of rollups: those whose rows are no longer there."""
    return or_(ROLLUPS.c.hour == OF_A_DAY, ROLLUPS.c.hour < pruned_until() // HOUR)


def summed_up(
    connection: Connection,
    by: Sequence[str],
    names: Sequence[str],
    asked: Sequence[Asked],
    *,
    gone: bool = False,
) -> list[dict[str, Any]]:
    """Sums (`names` of MONEY and COUNTS) by KEYS; `gone`: of what has no rows any more alone.

    Whole numbers, exact: a sum over rollups is that over their rows.
    """
    rows = _grouped(by, KEYS | OF_ROWS, asked, _of_rows(names))
    keys = {name: ROLLUPS.c[name] for name in KEYS}
    rollups = _grouped(by, keys | _UNTOLD, asked, _of_rollups(names))
    by_row = not OF_ROWS.keys().isdisjoint(by)
    if gone or by_row:
        rollups = rollups.where(of_gone())
    since = pruned_until() if by_row else rolled_until()
    rows = rows.where(USAGE.c.admitted_at >= since)
    statement: Any = rollups if gone else union_all(rollups, rows)
    whole: dict[tuple[Any, ...], list[int]] = {}
    for row in connection.execute(statement):
        there = whole.setdefault(tuple(row[: len(by)]), [0] * len(names))
        for n, name in enumerate(names):
            high, low = row[len(by) + 2 * n : len(by) + 2 * n + 2]
            there[n] += int(high or 0) * (MICRO if name in MONEY else 1) + int(low or 0)
    return [
        dict(zip(by, key, strict=True)) | dict(zip(names, sums, strict=True))
        for key, sums in whole.items()
    ]


def _grouped(
    by: Sequence[str],
    keys: Mapping[str, ColumnElement[Any]],
    asked: Sequence[Asked],
    sums: Sequence[ColumnElement[Any]],
) -> Select[Any]:
    columns = [keys[name] for name in by]
    statement = select(*columns, *sums)
    for name, column in keys.items():
        for condition in asked:
            held = condition.holds(name, column)
            statement = statement if held is None else statement.where(held)
    return statement.group_by(*columns) if columns else statement


def _of_rows(names: Sequence[str]) -> list[ColumnElement[Any]]:
    """Two columns of each name, the second empty where the first is all."""
    columns: list[ColumnElement[Any]] = []
    for name in names:
        if name in MONEY:
            columns += high_and_low(MONEY[name])
        else:
            columns += [func.sum(COUNTS[name]), literal_column("0")]
    return columns


def _of_rollups(names: Sequence[str]) -> list[ColumnElement[Any]]:
    columns: list[ColumnElement[Any]] = []
    for name in names:
        if name in MONEY:
            columns += [func.sum(ROLLUPS.c[f"{name}_{part}"]) for part in ("high", "low")]
        else:
            columns += [func.sum(ROLLUPS.c[name]), literal_column("0")]
    return columns
