"""`turnout usage`: what was spent, by whom and where."""

from datetime import date
from pathlib import Path

import click
from rich.table import Table

from policies.money import usd
from router.cli.common.documents import config_option, documents_or_end
from router.cli.common.tables import show
from router.database import DatabaseError
from router.usage.report import GROUPS, Report, as_csv, as_json, spend
from router.usage.store import SUMS, UsageStore

_FORMATS = {"csv": as_csv, "json": as_json}


def day(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Return a day as YYYY-MM-DD. Raises click.BadParameter for anything else."""
    if value is None:
        return None
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a day; write YYYY-MM-DD") from None


@click.command()
@config_option
@click.option(
    "--by",
    multiple=True,
    type=click.Choice(list(GROUPS)),
    default=("organization",),
    show_default=True,
    help="What to add up; several may be given.",
)
@click.option("--organization", help="Only this customer.")
@click.option("--since", callback=day, help="First day, YYYY-MM-DD in UTC.")
@click.option("--until", callback=day, help="The day after the last one.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", *_FORMATS]),
    default="table",
    show_default=True,
    help="A table for eyes, CSV or JSON for programs.",
)
def usage(
    *,
    config_path: Path,
    by: tuple[str, ...],
    organization: str | None,
    since: str | None,
    until: str | None,
    form: str,
) -> None:
    """Show what was spent, from the stored usage.

    Costs are what each request cost at the prices of its time. Requests of the last moments may
    still be on their way from the ledger's journal.
    """
    try:
        store = UsageStore(documents_or_end(config_path).database)
        try:
            report = spend(store, by, organization=organization, since=since, until=until)
        finally:
            store.close()
    except DatabaseError as error:
        raise click.ClickException(str(error)) from None
    if form == "table":
        _show(report)
    else:
        click.echo(_FORMATS[form](report).rstrip("\n"))


def _show(report: Report) -> None:
    table = Table(show_footer=True)
    for n, name in enumerate(report.by):
        table.add_column(name, "total" if n == 0 else "", no_wrap=True)
    total = report.total
    counted = [name for name in SUMS if total[name]]  # an unused dimension gets no column
    for name in counted:
        heading = name.replace("_tokens", "")
        table.add_column(heading, f"{total[name]:,}", justify="right", no_wrap=True)
    table.add_column("USD", usd(total["cost_pico"], least=2), justify="right", no_wrap=True)
    for row in report.rows:
        table.add_row(
            *(str(row[name] if row[name] is not None else "-") for name in report.by),
            *(f"{row[name]:,}" for name in counted),
            usd(row["cost_pico"], least=2),
        )
    show(table)
