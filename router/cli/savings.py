"""`turnout savings`: what routing saved beside one backend for everything, and at what quality."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.table import Table

from policies.findings import suggestion
from policies.money import to_usd, usd_short
from router.cli.common.documents import config_option, documents_or_end
from router.cli.common.tables import narrow, show
from router.cli.usage import day
from router.database import DatabaseError
from router.loop.outcome_store import OutcomeStore
from router.usage.savings import Checks, Line, checks, savings
from router.usage.store import UsageStore
from router.world.documents import Documents


def _lines(
    documents: Documents, against: str, since: str | None, until: str | None
) -> tuple[list[Line], list[Checks]]:
    price = documents.prices.price(against)
    usage = UsageStore(documents.database)
    outcomes = OutcomeStore(documents.database, keep=documents.config.outcomes.keep)
    try:
        lines = savings(
            usage.backends(since, until),
            outcomes.audits(_milliseconds(since), _milliseconds(until)),
            price.cost,
        )
        return lines, checks(usage.cascades(since, until))
    finally:
        usage.close()
        outcomes.close()


def _milliseconds(day: str | None) -> int | None:
    """When a day begins, in Unix milliseconds."""
    if day is None:
        return None
    return round(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)


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

    Costs are what was paid; "Compared" prices the same tokens at that backend's present price.
    Quality is what shadow audits of these days found, with its 95 % interval, or what the
    classifier expected where nothing was audited. Energy carries its source: measured or declared.
    Tables round dollars; JSON has every digit.

    Where cascades checked answers, a third table says how often each verifier fired, what the
    rejected answers and the judge cost, and what cheap-first saved beside asking the cascade's last
    step alone (negative: it cost more).
    """
    documents = documents_or_end(config_path)
    book = documents.prices
    names = list(documents.config.backends)
    chosen = against or max(names, key=lambda name: book.price(name).output_pico)
    if chosen not in names:
        hint = suggestion(chosen, names, what="backends")
        raise click.BadParameter(f"no backend {chosen!r}; {hint}", param_hint="--against")
    try:
        lines, checked = _lines(documents, chosen, since, until)
    except DatabaseError as error:
        raise click.ClickException(str(error)) from None
    if form == "json":
        record = {
            "backends": [_record(line) for line in lines],
            "cascades": [asdict(line) | {"saved_pico": line.saved_pico} for line in checked],
        }
        click.echo(json.dumps(record, indent=2))
    elif lines:
        tables = [_costs_table(lines, chosen), _quality_table(lines)]
        for table in [*tables, _checks_table(checked)] if checked else tables:
            show(table)
            click.echo()
    else:
        click.echo("No usage is stored for these days.", err=True)


def _record(line: Line) -> dict[str, object]:
    more = {"saved": line.saved, "tokens_per_second_per_usd": line.tokens_per_second_per_usd}
    return asdict(line) | more


def _costs_table(lines: list[Line], against: str) -> Table:
    table = narrow(f"Beside {against} for everything")
    table.add_column("Backend")
    for heading in ("Requests", "Tokens", "Cost USD", "Compared", "Saved", "Tokens/s"):
        table.add_column(heading, justify="right")
    for line in lines:
        if line.backend == "total":
            table.add_section()
        table.add_row(
            line.backend,
            f"{line.requests:,}",
            f"{line.tokens:,}",
            _usd(line.cost_pico),
            _usd(line.baseline_pico),
            "–" if line.saved is None else f"{line.saved:.0%}",
            "–" if line.tokens_per_second is None else f"{line.tokens_per_second:.0f}",
        )
    return table


def _quality_table(lines: list[Line]) -> Table:
    table = narrow("What the answers were worth")
    table.add_column("Backend")
    for heading in ("Quality", "95 % range", "Audited", "USD per success", "Joules a request"):
        table.add_column(heading, justify="right")
    for line in lines:
        if line.backend == "total":
            table.add_section()
        table.add_row(
            line.backend,
            *_quality(line),
            "–" if line.cost_per_success_pico is None else _usd(line.cost_per_success_pico),
            _energy(line),
        )
    return table


def _checks_table(lines: list[Checks]) -> Table:
    table = narrow("Cascades: answers checked")
    table.add_column("Verifier")
    for heading in ("Fired", "Rejected USD", "Judge USD", "Paid USD", "Last alone", "Saved USD"):
        table.add_column(heading, justify="right")
    for line in lines:
        if line.verifier == "total":
            table.add_section()
        table.add_row(
            line.verifier,
            f"{line.requests:,}",
            _usd(line.rejected_pico),
            _usd(line.judge_pico),
            _usd(line.cost_pico),
            _usd(line.direct_pico),
            _usd(line.saved_pico),
        )
    return table


def _quality(line: Line) -> tuple[str, str, str]:
    """Mean, interval and number of audits; what the classifier expected where there is none."""
    quality = line.quality
    if quality is not None:
        return (
            f"{quality.mean:.2f}",
            f"{quality.low:.2f}–{quality.high:.2f}",
            f"{quality.answers:,}",
        )
    if line.predicted is None:
        return "–", "–", "0"
    return f"{line.predicted:.2f}", "expected", "0"


def _energy(line: Line) -> str:
    if line.joules_per_request is None:
        return "–"
    return f"{line.joules_per_request:.1f} {line.energy_source}"


def _usd(pico: int | float | None) -> str:
    """Short, so that a table fits; JSON is exact."""
    return "–" if pico is None else usd_short(to_usd(pico))
