"""The usage table in SQL: SQLite by default, PostgreSQL by URL, through SQLAlchemy Core.

Adding a row twice is harmless: its primary key is the hold's id and the number of its correction.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Select, case, func, literal_column, select
from sqlalchemy.sql.elements import ColumnElement

from router.database import Database
from router.usage.rows import METADATA, USAGE
from router.usage_row import UsageRow

_MICRO: Final = 10**6
UNKNOWN: Final = "unknown"  # in place of a backend
_DONE: Final = ("requests", "input_tokens", "output_tokens", "busy_ms", "energy_mj")
_PAGE: Final = 1_000  # rows in memory at a time
SUMS: Final = (
    *("requests", "input_tokens", "output_tokens"),
    *("cached_tokens", "cache_write_tokens", "reasoning_tokens"),
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
        self,
        by: Sequence[str],
        where: Mapping[str, str],
        since: str | None,
        until: str | None,
        month: str | None = None,
    ) -> list[dict[str, Any]]:
        """Sums of the rows whose columns equal `where`, in days [since, until), grouped `by`;
        `month` (YYYY-MM): only of billing periods that begin in it.
        """
        columns = [_column(name) for name in by]
        sums = [func.sum(USAGE.c[name]).label(name) for name in SUMS]
        statement = select(*columns, *sums, *_exact("cost_pico", USAGE.c.cost_pico))
        for name, value in where.items():
            statement = statement.where(USAGE.c[name] == value)
        if month is not None:
            statement = statement.where(_column("period").startswith(f"{month}-"))
        statement = _within(statement, since, until).group_by(*columns).order_by(*columns)
        return [
            {name: row[name] for name in by}
            | {name: int(row[name] or 0) for name in SUMS}
            | {"cost_pico": _whole(row, "cost_pico")}
            for row in self._rows(statement)
        ]

    def backends(self, since: str | None, until: str | None) -> list[dict[str, Any]]:
        """What each backend did in days [since, until): sums of use, time, energy, probability; and
        of the rows that were stored beside a baseline, what that would have cost (`baseline_pico`),
        and for how many requests nobody could say so, which count there at what they cost
        (`uncompared`). What nobody knows the backend of is named UNKNOWN, where it cost anything.
        """
        beside = USAGE.c.baseline.is_not(None)
        uncompared = beside & USAGE.c.baseline_pico.is_(None)
        baseline = func.coalesce(USAGE.c.baseline_pico, USAGE.c.cost_pico)
        sums: dict[str, ColumnElement[Any]] = {name: USAGE.c[name] for name in _DONE}
        sums["uncompared"] = case((uncompared, USAGE.c.requests), else_=0)
        backend = func.coalesce(USAGE.c.backend, literal_column(f"'{UNKNOWN}'")).label("backend")
        statement = (
            select(
                backend,
                *(func.coalesce(func.sum(each), 0).label(name) for name, each in sums.items()),
                *_exact("cost_pico", USAGE.c.cost_pico),
                *_exact("baseline_pico", case((beside, baseline), else_=0)),
                func.avg(USAGE.c.predicted).label("predicted"),
                func.count(USAGE.c.energy_mj).label("metered"),
                func.max(USAGE.c.energy_source).label("energy_source"),
            )
            .where(USAGE.c.backend.is_not(None) | (USAGE.c.cost_pico != 0))
            .group_by(backend)
            .order_by(backend)
        )
        return [
            dict(row)
            | {name: int(row[name]) for name in sums}
            | {name: _whole(row, name) for name in ("cost_pico", "baseline_pico")}
            for row in self._rows(_within(statement, since, until))
        ]

    def baselines(self, since: str | None, until: str | None) -> list[str]:
        """The baselines beside which rows of days [since, until) were stored."""
        statement = select(USAGE.c.baseline).where(USAGE.c.baseline.is_not(None)).distinct()
        rows = self._rows(_within(statement.order_by(USAGE.c.baseline), since, until))
        return [row["baseline"] for row in rows]

    def cascades(self, since: str | None, until: str | None) -> list[dict[str, Any]]:
        """What cascades did in days [since, until), by the verifiers that fired: how often, what
        was paid for rejected answers, for judges and in all, and what the last step alone costs."""
        costs = ("rejected_pico", "judge_pico", "cost_pico", "direct_pico")
        sums = [part for name in costs for part in _exact(name, USAGE.c[name])]
        verifier = USAGE.c.verifier
        counted = func.count().label("requests")
        statement = select(verifier, counted, *sums).where(verifier.is_not(None))
        statement = _within(statement.group_by(verifier).order_by(verifier), since, until)
        return [
            {
                "verifier": row["verifier"],
                "requests": int(row["requests"]),
                **{name: _whole(row, name) for name in costs},
            }
            for row in self._rows(statement)
        ]

    def firsts(self, hold_ids: Sequence[str]) -> dict[str, UsageRow]:
        """The rows of these holds that are no corrections, by hold."""
        statement = select(USAGE).where(USAGE.c.hold_id.in_(hold_ids), USAGE.c.seq == 0)
        return {row["hold_id"]: UsageRow(**row) for row in self._rows(statement)}

    def each(
        self, since: str | None, until: str | None, *, unpriced: bool = False
    ) -> Iterator[UsageRow]:
        """Every row of days [since, until), a correction right behind what it corrects; `unpriced`:
        only those that were stored beside no baseline. Few are held in memory at a time.
        """
        statement = _within(select(USAGE), since, until).order_by(USAGE.c.hold_id, USAGE.c.seq)
        if unpriced:
            statement = statement.where(USAGE.c.baseline.is_(None))
        self.prepare()
        with self._database.reading() as connection:
            for row in connection.execution_options(yield_per=_PAGE).execute(statement):
                yield UsageRow._make(row)

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


def _column(name: str) -> ColumnElement[Any]:
    """A column of the table; the billing period of rows that were stored without one is the month
    of their day.
    """
    if name != "period":
        return USAGE.c[name]
    return literal_column("coalesce(usage.period, substr(usage.day, 1, 7) || '-01')").label(name)


def _exact(name: str, pico: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """The sum of a column of pico-USD, in two parts, since one may not fit 64 bits."""
    return [
        func.sum(pico // _MICRO).label(f"{name}_high"),
        func.sum(pico % _MICRO).label(f"{name}_low"),
    ]


def _whole(row: Mapping[str, Any], name: str) -> int:
    """The sum whose parts a row has."""
    return int(row[f"{name}_high"] or 0) * _MICRO + int(row[f"{name}_low"] or 0)
