"""The usage table in SQL: SQLite by default, PostgreSQL by URL, through SQLAlchemy Core.

Adding a row twice is harmless: its primary key is the hold's id and the number of its correction.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import func, select, tuple_

from router.database import Database
from router.usage.rollup_rows import METADATA as OF_ROLLUPS
from router.usage.rollups import add_up, late, pruned_until, take_horizon
from router.usage.rows import METADATA, USAGE
from router.usage.sums import SERVED, Asked, Begins, Days, Equal, Told, Untold, summed_up
from router.usage_row import UsageRow

_NANO: Final = 10**9
_PREDICTED: Final = ("predicted_nano", "judged")
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
            self._database.make(OF_ROLLUPS)
            self._made = True

    def add(self, rows: Sequence[tuple[Any, ...]]) -> int:
        """Store rows (in the order of NAMES); returns how many were new.

        All of them or none. Those of hours that are rolled up are added to the rollups, too.
        """
        if not rows:
            return 0
        self.prepare()
        with self._database.writing() as connection:
            unrolled = late(connection, rows, take_horizon(connection))
            added = self._insertion.add(connection, rows)
            if unrolled:
                add_up(
                    connection, tuple_(USAGE.c.hold_id, USAGE.c.seq).in_(unrolled), self._database
                )
            return added

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
        asked: list[Asked] = [
            Days(since, until),
            *(Equal(name, value) for name, value in where.items()),
        ]
        if month is not None:
            asked.append(Begins("period", f"{month}-"))
        found = self._sums(by, (*SUMS, "cost_pico"), asked)
        return sorted(found, key=lambda row: [(row[n] is not None, row[n] or "") for n in by])

    def backends(self, since: str | None, until: str | None) -> list[dict[str, Any]]:
        """What each backend did in days [since, until): sums of use, time, energy, probability; and
        of the rows that were stored beside a baseline, what that would have cost (`baseline_pico`),
        and for how many requests nobody could say so, which count there at what they cost
        (`uncompared`). What nobody knows the backend of is named UNKNOWN, where it cost anything.
        """
        named = ("cost_pico", "baseline_pico", *_DONE, "uncompared", "metered", *_PREDICTED)
        found = self._sums(("backend", "energy_source"), named, [Days(since, until), SERVED])
        backends: dict[str, dict[str, Any]] = {}
        for row in found:
            name = UNKNOWN if row["backend"] is None else row["backend"]
            whole = backends.setdefault(name, {"backend": name, "energy_source": None})
            for summed in named:
                whole[summed] = whole.get(summed, 0) + row[summed]
            sources = filter(None, (whole["energy_source"], row["energy_source"]))
            whole["energy_source"] = max(sources, default=None)
        for whole in backends.values():
            nano, judged = (whole.pop(name) for name in _PREDICTED)
            whole["predicted"] = nano / judged / _NANO if judged else None
        return [backends[name] for name in sorted(backends)]

    def baselines(self, since: str | None, until: str | None) -> list[str]:
        """The baselines beside which rows of days [since, until) were stored."""
        rows = self._sums(("baseline",), ("counted",), [Days(since, until), Told("baseline")])
        return sorted(row["baseline"] for row in rows)

    def cascades(self, since: str | None, until: str | None) -> list[dict[str, Any]]:
        """What cascades did in days [since, until), by the verifiers that fired: how often, what
        was paid for rejected answers, for judges and in all, and what the last step alone costs."""
        costs = ("rejected_pico", "judge_pico", "cost_pico", "direct_pico")
        asked: list[Asked] = [Days(since, until), Told("verifier")]
        rows = self._sums(("verifier",), ("counted", *costs), asked)
        return sorted(
            ({"requests": row.pop("counted"), **row} for row in rows),
            key=lambda row: str(row["verifier"]),
        )

    def gone(
        self, since: str | None, until: str | None, *, unpriced: bool = False
    ) -> list[dict[str, Any]]:
        """What each backend did in rows of these days that are no longer there (see `each`)."""
        asked: list[Asked] = [Days(since, until), SERVED, *([Untold("baseline")] * unpriced)]
        rows = self._sums(("backend",), ("counted", "requests", "cost_pico"), asked, gone=True)
        return [
            row | {"backend": UNKNOWN if row["backend"] is None else row["backend"]} for row in rows
        ]

    def firsts(self, hold_ids: Sequence[str]) -> dict[str, UsageRow]:
        """The rows of these holds that are no corrections, by hold."""
        statement = select(USAGE).where(USAGE.c.hold_id.in_(hold_ids), USAGE.c.seq == 0)
        return {row["hold_id"]: UsageRow(**row) for row in self._rows(statement)}

    def each(
        self, since: str | None, until: str | None, *, unpriced: bool = False
    ) -> Iterator[UsageRow]:
        """Every row of days [since, until), a correction right behind what it corrects; `unpriced`:
        only those that were stored beside no baseline. Few are held in memory at a time. Rows that
        are gone, or are to go, are told by `gone`.
        """
        statement = Days(since, until).of_rows(select(USAGE))
        statement = statement.where(USAGE.c.admitted_at >= pruned_until())
        statement = statement.order_by(USAGE.c.hold_id, USAGE.c.seq)
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

    def _sums(
        self, by: Sequence[str], names: Sequence[str], asked: Sequence[Asked], *, gone: bool = False
    ) -> list[dict[str, Any]]:
        self.prepare()
        with self._database.reading() as connection:
            return summed_up(connection, by, names, asked, gone=gone)

    def _rows(self, statement: Any) -> list[dict[str, Any]]:
        self.prepare()
        with self._database.reading() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]
