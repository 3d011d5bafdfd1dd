"""`turnout usage`: what was spent, by whom and where."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import click
from rich.table import Table

from policies.money import usd
from router.cli.common.documents import config_option, documents_or_end
from router.cli.common.tables import narrow, say, show
from router.database import DatabaseError
from router.usage.report import GROUPS, NO_MARKUP, Report, spend
from router.usage.report_formats import as_csv, as_json
from router.usage.store import SUMS, UsageStore

_FORMATS: Final[dict[str, Callable[..., str]]] = {"csv": as_csv, "json": as_json}
_MOST_MARKUP: Final = 1000
_USUAL, _PARTS, _UNITS = SUMS[:3], SUMS[3:6], SUMS[6:]  # of every request, of its tokens, beside


def day(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Return a day as YYYY-MM-DD. Raises click.BadParameter for anything else."""
    if value is None:
        return None
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a day; write YYYY-MM-DD") from None


def month(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Return a month as YYYY-MM. Raises click.BadParameter for anything else."""
    if value is None:
        return None
    try:
        return date.fromisoformat(f"{value}-01").isoformat()[:-3]
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a month; write YYYY-MM") from None


def markup(_: click.Context, __: click.Parameter, value: str | None) -> Decimal:
    """Return a mark-up as a factor. Raises click.BadParameter for what is none."""
    if value is None:
        return NO_MARKUP
    try:
        percent = value.endswith("%")
        factor = 1 + Decimal(value[:-1]) / 100 if percent else Decimal(value)
    except InvalidOperation:
        factor = Decimal("nan")
    if not factor.is_finite() or not 0 <= factor <= _MOST_MARKUP:
        raise click.BadParameter(
            f"{value!r} is no mark-up; write a factor from 0 to {_MOST_MARKUP} (1.2) or what is"
            " added (20%)"
        )
    return factor


@click.command()
@config_option
@click.option(
    "--by",
    multiple=True,
    type=click.Choice(list(GROUPS)),
    metavar="NAME",
    default=("organization",),
    show_default=True,
    help=f"What to add up by; several may be given. {', '.join(GROUPS)}.",
)
@click.option("--organization", help="Only this customer.")
@click.option("--since", callback=day, help="First day, YYYY-MM-DD, in each customer's time zone.")
@click.option("--until", callback=day, help="The day after the last one.")
@click.option(
    "--month",
    "begins",
    metavar="YYYY-MM",
    callback=month,
    help="Only billing months that begin in this month.",
)
@click.option(
    "--markup",
    "factor",
    metavar="1.2|20%",
    callback=markup,
    help="What you ask on top: a price beside each cost.",
)
@click.option(
    "--total", is_flag=True, help="End CSV with a line of totals; tables and JSON have them anyway."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", *_FORMATS]),
    default="table",
    show_default=True,
    help="A table for eyes, CSV to be booked, JSON for programs.",
)
def usage(
    *,
    config_path: Path,
    by: tuple[str, ...],
    organization: str | None,
    since: str | None,
    until: str | None,
    begins: str | None,
    factor: Decimal,
    total: bool,
    form: str,
) -> None:
    """Show what was spent, from the stored usage.

    Costs are what each request cost at the prices of its time. Requests of the last moments may
    still be on their way from the ledger's journal.

    A day is the customer's: of the time zone of its tier, else of the policy. `month` is the first
    day of its billing month (`billing_day` of the tier), so that the sum of a customer's month is
    what its monthly quota counted, to the last digit. A request belongs to when it was admitted.

    \b
    An invoice for November, with 20 % on top, one line a model:
      turnout usage --by organization --by month --by model --markup 20% \\
        --since 2026-11-01 --until 2026-12-01 --format csv > november.csv

    Days whose rows are gone (`retention.usage` in turnout.yaml) are read from their rollups, with the
    same sums to the last digit.

    In CSV, cost_usd and price_usd are exact to twelve decimals, and amount is in cents: of each
    customer and month the amounts add up to the exact sum, rounded half-even once. Text that begins
    with = + - or @ gets an apostrophe in front, so that no spreadsheet runs it.
    """
    report = _spent(
        documents_or_end(config_path).database,
        *(by, organization),
        since=since,
        until=until,
        month=begins,
        markup=factor,
    )
    if form == "table":
        for n, table in enumerate(tables_of(report)):
            say("\n" * (n > 0), nl=False)
            show(table)
    else:
        click.echo(_FORMATS[form](report, total=total).encode(), nl=False)


def _spent(database: str, by: Sequence[str], organization: str | None, **asked: Any) -> Report:
    """The report as it is `asked` for (see spend), or the command's end."""
    try:
        store = UsageStore(database)
        try:
            return spend(store, by, organization=organization, **asked)
        finally:
            store.close()
    except DatabaseError as error:
        raise click.ClickException(str(error)) from None


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
