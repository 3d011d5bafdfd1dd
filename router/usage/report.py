"""Spend, as people read it: a table, CSV or JSON."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from policies.money import usd
from router.usage.store import SUMS, UsageStore

GROUPS: Final = {
    "organization": "organization",
    "team": "team",
    "key": "key_id",
    "tier": "tier",
    "operation": "operation",
    "backend": "backend",
    "model": "model",
    "route": "route",
    "day": "day",
}


@dataclass(frozen=True, slots=True)
class Report:
    """Totals by some columns, and their own total. Costs are in pico-USD."""

    by: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]

    @property
    def total(self) -> dict[str, int]:
        """The sum of all rows."""
        return {name: sum(row[name] for row in self.rows) for name in (*SUMS, "cost_pico")}


def spend(
    store: UsageStore,
    by: Sequence[str],
    *,
    organization: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> Report:
    """What was spent in days [since, until) (YYYY-MM-DD, UTC), by names of GROUPS.

    Raises KeyError for another name, DatabaseError where the database does not work.
    """
    columns = [GROUPS[name] for name in by]
    where = {} if organization is None else {"organization": organization}
    rows = store.totals(columns, where, since, until)
    for row in rows:
        for name, column in zip(by, columns, strict=True):
            row[name] = row.pop(column)
    return Report(tuple(by), tuple(rows))


def as_json(report: Report) -> str:
    """The report as JSON; costs in dollars, as text, so that no digit is lost."""
    document = {
        "by": report.by,
        "rows": [_in_dollars(row) for row in report.rows],
        "total": _in_dollars(report.total),
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def as_csv(report: Report) -> str:
    """The report as CSV with a header line."""
    out = io.StringIO()
    writer = csv.DictWriter(out, [*report.by, *SUMS, "cost_usd"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(_in_dollars(row) for row in report.rows)
    return out.getvalue()


def _in_dollars(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name != "cost_pico"}
    return {**kept, "cost_usd": usd(row["cost_pico"], least=2)}
