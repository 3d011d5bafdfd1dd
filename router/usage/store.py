"""The usage table in SQL: SQLite by default, PostgreSQL by URL, through SQLAlchemy Core.

Adding a row twice is harmless: its primary key is the hold's id and the number of its correction.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.sql.elements import ColumnElement

from router.database import Database
from router.usage.rows import METADATA, USAGE

_MICRO: Final = 10**6
SUMS: Final = (
    *("requests", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"),
    *("images", "seconds", "characters", "searches", "bytes"),
)


class UsageStore:
    """Usage in SQL. The table is made by `prepare`, or when it is first used.

    Every method is one short transaction, blocks (call it off the loop), may raise DatabaseError.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._insertion = self._database.insertion(USAGE)
        self._made = False

    def prepare(self) -> None:
        """Make the table, or see that the one that is there is ours."""
        if not self._made:
            self._database.make(METADATA)
            self._made = True

    def add(self, rows: Sequence[tuple[Any, ...]]) -> int:
        """Store rows (in the order of NAMES); returns how many were new.

        All of them or none.
        """
        if not rows:
            return 0
        self.prepare()
        with self._database.writing() as connection:
            return self._insertion.add(connection, rows)

    def totals(
        self, by: Sequence[str], where: Mapping[str, str], since: str | None, until: str | None
    ) -> list[dict[str, Any]]:
        """Sums of the rows whose columns equal `where`, in days [since, until), grouped `by`."""
        columns: list[ColumnElement[Any]] = [USAGE.c[name] for name in by]
        sums = [func.sum(USAGE.c[name]).label(name) for name in SUMS]
        # Two sums of pico-USD, since one may not fit 64 bits.
        cost = USAGE.c.cost_pico
        high, low = func.sum(cost // _MICRO).label("high"), func.sum(cost % _MICRO).label("low")
        statement = select(*columns, *sums, high, low).group_by(*columns).order_by(*columns)
        for name, value in where.items():
            statement = statement.where(USAGE.c[name] == value)
        return [_total(row) for row in self._rows(_within(statement, since, until))]

    def backends(self, since: str | None, until: str | None) -> list[dict[str, Any]]:
        """What each backend did in days [since, until): sums of use, time, energy, probability."""
        sums = (
            "requests",
            "input_tokens",
            "output_tokens",
            "cached_tokens",
            "busy_ms",
            "energy_mj",
        )
        cost = USAGE.c.cost_pico
        statement = (
            select(
                USAGE.c.backend,
                *(func.coalesce(func.sum(USAGE.c[name]), 0).label(name) for name in sums),
                func.sum(cost // _MICRO).label("high"),
                func.sum(cost % _MICRO).label("low"),
                func.avg(USAGE.c.predicted).label("predicted"),
                func.count(USAGE.c.energy_mj).label("metered"),
                func.max(USAGE.c.energy_source).label("energy_source"),
            )
            .where(USAGE.c.backend.is_not(None))
            .group_by(USAGE.c.backend)
            .order_by(USAGE.c.backend)
        )
        statement = _within(statement, since, until)
        return [
            {**row, "cost_pico": int(row["high"]) * _MICRO + int(row["low"])}
            for row in self._rows(statement)
        ]

    def cascades(self, since: str | None, until: str | None) -> list[dict[str, Any]]:
        """What cascades did in days [since, until), by the verifiers that fired: how often, what
        was paid for rejected answers, for judges and in all, and what the last step alone costs."""
        costs = ("rejected_pico", "judge_pico", "cost_pico", "direct_pico")
        sums = [
            part
            for name in costs
            for part in (
                func.sum(USAGE.c[name] // _MICRO).label(f"{name}_high"),
                func.sum(USAGE.c[name] % _MICRO).label(f"{name}_low"),
            )
        ]
        verifier = USAGE.c.verifier
        counted = func.count().label("requests")
        statement = select(verifier, counted, *sums).where(verifier.is_not(None))
        statement = _within(statement.group_by(verifier).order_by(verifier), since, until)
        return [
            {
                "verifier": row["verifier"],
                "requests": int(row["requests"]),
                **{n: int(row[f"{n}_high"]) * _MICRO + int(row[f"{n}_low"]) for n in costs},
            }
            for row in self._rows(statement)
        ]

    def count(self) -> int:
        """How many rows there are."""
        (row,) = self._rows(select(func.count().label("rows")).select_from(USAGE))
        return int(row["rows"])

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def _rows(self, statement: Any) -> list[dict[str, Any]]:
        self.prepare()
        with self._database.reading() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]


def _within(statement: Select[Any], since: str | None, until: str | None) -> Select[Any]:
    if since is not None:
        statement = statement.where(USAGE.c.day >= since)
    return statement if until is None else statement.where(USAGE.c.day < until)


def _total(row: Mapping[str, Any]) -> dict[str, Any]:
    total = {name: value for name, value in row.items() if name not in {"high", "low"}}
    for name in SUMS:
        total[name] = int(total[name] or 0)
    total["cost_pico"] = int(row["high"] or 0) * _MICRO + int(row["low"] or 0)
    return total
