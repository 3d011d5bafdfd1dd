"""The tables of `turnout usage`."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from policies.money import usd
from router.cli.common.saying import say
from router.cli.common.tables import narrow, show
from router.usage.report import NO_MARKUP, Report
from router.usage.store import SUMS

_USUAL, _PARTS, _UNITS = SUMS[:3], SUMS[3:6], SUMS[6:]  # of every request, of its tokens, beside


def show_report(report: Report) -> None:
    """Print the tables of a report, an empty line between them."""
    for n, table in enumerate(tables_of(report)):
        say("\n" * (n > 0), nl=False)
        show(table)


def tables_of(report: Report) -> list[Table]:
    """Return what everybody looks for, and then what few requests have, in tables that fit 80
    columns each. What nobody used gets no column.
    """
    money = {"cost_pico": "USD"}
    if report.markup != NO_MARKUP:
        money["price_pico"] = f"USD x {report.markup.normalize():f}"
    tables = [_table(report, _USUAL, money)]
    for names in (_PARTS, _UNITS):
        used = [name for name in names if report.total[name]]
        if used:
            tables.append(_table(report, used, {}))
    return tables


def _table(report: Report, counted: Sequence[str], money: Mapping[str, str]) -> Table:
    """A line for each row that has any of it. Names are folded where they must, numbers never."""
    total, table = report.total, narrow("")
    table.title, table.show_footer = None, True
    for n, name in enumerate(report.by):
        table.add_column(name, "total" if n == 0 else "")
    for name in counted:
        heading = name.replace("_tokens", "").replace("_", " ")
        table.add_column(heading, f"{total[name]:,}", justify="right", no_wrap=True)
    for name, heading in money.items():
        table.add_column(heading, usd(total[name], least=2), justify="right", no_wrap=True)
    for row in report.rows:
        if money or any(row[name] for name in counted):
            table.add_row(
                *(str(row[name] if row[name] is not None else "-") for name in report.by),
                *(f"{row[name]:,}" for name in counted),
                *(usd(row[name], least=2) for name in money),
            )
    return table
