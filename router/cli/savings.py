"""`turnout savings`: what routing saved beside one backend for everything, and at what quality."""

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from policies.findings import suggestion
from router.cli.documents import config_option, documents_or_end
from router.cli.usage import day
from router.outcomes.store import OutcomeStore
from router.pipeline.documents import Documents
from router.pipeline.snapshot import price_book
from router.usage.report import usd
from router.usage.savings import Checks, Line, checks, savings
from router.usage.store import StoreError, UsageStore


def _lines(
    documents: Documents, against: str, since: str | None, until: str | None
) -> tuple[list[Line], list[Checks]]:
    price = price_book(documents.config).price(against)
    usage = UsageStore(documents.database)
    outcomes = OutcomeStore(documents.database, keep=documents.config.outcomes.keep)
    try:
        lines = savings(usage.backends(since, until), outcomes.audits(), price.cost)
        return lines, checks(usage.cascades(since, until))
    finally:
        usage.close()
        outcomes.close()


@click.command("savings")
@config_option
@click.option("--against", help="The backend to compare with; default: the dearest one.")
@click.option("--since", callback=day, help="First day, YYYY-MM-DD in UTC.")
@click.option("--until", callback=day, help="The day after the last one.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="A table for eyes, JSON for programs.",
)
def show_savings(
    *, config_path: Path, against: str | None, since: str | None, until: str | None, form: str
) -> None:
    """Show what routing saved beside sending everything to one backend.

    Costs are what was paid; the comparison prices the same tokens at that backend's present price.
    Quality is what shadow audits found (with its 95 % interval), or what the classifier expected
    where nothing was audited. Energy carries its source: measured or declared.

    Where cascades checked answers, a second table says how often each verifier fired, what the
    rejected answers and the judge cost, and what cheap-first saved beside asking the cascade's last
    step alone (negative: it cost more).
    """
    documents = documents_or_end(config_path)
    book = price_book(documents.config)
    names = list(documents.config.backends)
    chosen = against or max(names, key=lambda name: book.price(name).output_pico)
    if chosen not in names:
        hint = suggestion(chosen, names, what="backends")
        raise click.BadParameter(f"no backend {chosen!r}; {hint}", param_hint="--against")
    try:
        lines, checked = _lines(documents, chosen, since, until)
    except (StoreError, SQLAlchemyError) as error:
        raise click.ClickException(f"the usage database does not answer: {error}") from None
    if form == "json":
        found = {
            "backends": [_record(line) for line in lines],
            "cascades": [asdict(line) | {"saved_pico": line.saved_pico} for line in checked],
        }
        click.echo(json.dumps(found, indent=2))
    elif lines:
        Console().print(_table(lines, chosen))
        if checked:
            Console().print(_checks_table(checked))
    else:
        click.echo("No usage is stored for these days.", err=True)


def _record(line: Line) -> dict[str, object]:
    more = {"saved": line.saved, "tokens_per_second_per_usd": line.tokens_per_second_per_usd}
    return asdict(line) | more


def _table(lines: list[Line], against: str) -> Table:
    table = Table(title=f"Beside {against} for everything", title_justify="left")
    for heading in ("Backend", "Requests", "Tokens", "Cost USD", f"At {against}", "Saved"):
        table.add_column(heading, justify="left" if heading == "Backend" else "right")
    for heading in ("Quality", "USD per success", "Tokens/s", "Joules/request"):
        table.add_column(heading, justify="right")
    for line in lines:
        if line.backend == "total":
            table.add_section()
        table.add_row(
            line.backend,
            f"{line.requests:,}",
            f"{line.tokens:,}",
            usd(line.cost_pico),
            usd(line.baseline_pico),
            "–" if line.saved is None else f"{line.saved:.0%}",
            _quality(line),
            "–" if line.cost_per_success_pico is None else usd(line.cost_per_success_pico),
            "–" if line.tokens_per_second is None else f"{line.tokens_per_second:.0f}",
            _energy(line),
        )
    return table


def _checks_table(lines: list[Checks]) -> Table:
    table = Table(title="Cascades: answers checked", title_justify="left")
    table.add_column("Verifier")
    for heading in ("Fired", "Rejected USD", "Judge USD", "Paid USD", "Last alone", "Saved USD"):
        table.add_column(heading, justify="right")
    for line in lines:
        if line.verifier == "total":
            table.add_section()
        table.add_row(
            line.verifier,
            f"{line.requests:,}",
            usd(line.rejected_pico),
            usd(line.judge_pico),
            usd(line.cost_pico),
            usd(line.direct_pico),
            usd(line.saved_pico),
        )
    return table


def _quality(line: Line) -> str:
    quality = line.quality
    if quality is not None:
        return (
            f"{quality.mean:.2f} ({quality.low:.2f}–{quality.high:.2f}, {quality.answers} audited)"
        )
    return "–" if line.predicted is None else f"{line.predicted:.2f} expected"


def _energy(line: Line) -> str:
    if line.joules_per_request is None:
        return "–"
    return f"{line.joules_per_request:.1f} ({line.energy_source})"
