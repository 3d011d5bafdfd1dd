"""`turnout usage`: what was spent, by whom and where."""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import click

from router.cli.common.documents import config_option, outline_or_end
from router.cli.common.lazy import imported
from router.database import DatabaseError
from router.usage.report import GROUPS, NO_MARKUP, Report, spend
from router.usage.report_formats import as_csv, as_json
from router.usage.store import UsageStore

_FORMATS: Final[dict[str, Callable[..., str]]] = {"csv": as_csv, "json": as_json}
_MOST_MARKUP: Final = 1000
_TABLES: Final = "router.cli.common.usage_tables"


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

    Days whose rows are gone (`retention.usage` in turnout.yaml) are read from their rollups,
    with the same sums to the last digit.

    In CSV, cost_usd and price_usd are exact to twelve decimals, and amount is in cents: of each
    customer and month the amounts add up to the exact sum, rounded half-even once. Text that begins
    with = + - or @ gets an apostrophe in front, so that no spreadsheet runs it.
    """
    report = _spent(
        outline_or_end(config_path).database,
        *(by, organization),
        since=since,
        until=until,
        month=begins,
        markup=factor,
    )
    if form == "table":
        imported(_TABLES).show_report(report)
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
