"""`turnout savings`: what routing saved beside one backend for everything, and at what quality."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.table import Table

from policies.findings import suggestion
from policies.money import to_usd, usd_short
from router.cli.common.documents import config_option, documents_or_end
from router.cli.common.saying import say, say_json
from router.cli.common.tables import narrow, show
from router.cli.usage import day
from router.database import DatabaseError
from router.loop.outcome_store import OutcomeStore
from router.usage.savings import Checks, Line, checks, priced_beside, savings, with_gone
from router.usage.store import UsageStore
from router.world.baseline import Baseline, baseline_of
from router.world.documents import Documents


@dataclass(frozen=True, slots=True)
class _Savings:
    """What is shown: beside which backends, and how many rows were priced just now."""

    lines: list[Line]
    checked: list[Checks]
    against: list[str]
    priced_now: int
    gone: int  # requests that could not be priced, for want of rows

    @property
    def uncompared(self) -> int:
        """How many requests count at what they cost."""
        return self.lines[-1].uncompared if self.lines else 0


def _savings(
    documents: Documents, against: str | None, since: str | None, until: str | None
) -> _Savings:
    """Sum up what was stored, or price every row `against` a backend. Raises DatabaseError."""
    name = against or baseline_of(documents.loaded)
    usage = UsageStore(documents.database)
    outcomes = OutcomeStore(documents.database, keep=documents.config.outcomes.keep)
    try:
        beside = priced_beside(
            usage.each(since, until, unpriced=against is None),
            Baseline.named(documents.loaded, name).cost,
        )
        gone = usage.gone(since, until, unpriced=against is None)
        priced_now = sum(each.rows for each in beside.values())
        beside = with_gone(beside, gone)
        lines = savings(
            usage.backends(since, until),
            outcomes.audits(_milliseconds(since), _milliseconds(until)),
            beside,
            stored=against is None,
        )
        names = usage.baselines(since, until) if against is None else []
        return _Savings(
            lines,
            checks(usage.cascades(since, until)),
            names if names and not beside else sorted({*names, name}),
            priced_now,
            sum(row["requests"] for row in gone),
        )
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
@click.option(
    "--against",
    metavar="BACKEND",
    help="Price every request of these days at this backend instead, row by row.",
)
@click.option("--since", callback=day, help="First day, YYYY-MM-DD, in each customer's time zone.")
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
    """Show what routing saved beside sending everything to one backend, the baseline.

    "Cost" is what was paid. "Compared" is what the very same requests would have cost at the
    baseline, each priced by itself when it was stored, by the prices of that moment: `savings:
    {baseline: NAME}` of turnout.yaml, else the backend whose output tokens are the dearest. Where
    the baseline itself answered at its list price, exactly nothing is saved.

    Every counter counts at the baseline's rates: steps for long prompts, cache reads and writes,
    thoughts, sound, fees. Tokens that came from a cache are priced as cached there too, although
    its cache would have held other prompts. Of a cascade, the delivered answer alone is compared.
    What the baseline could not have served (embeddings, pictures, batches) counts at what it cost,
    and is told below the tables.

    Quality is what shadow audits of these days (in UTC) found, with its 95 % interval, or what the
    classifier expected where nothing was audited. Energy carries its source: measured or declared.
    Tables round dollars; JSON has every digit.

    Where cascades checked answers, a third table says how often each verifier fired, what the
    rejected answers and the judge cost, and what cheap-first saved beside asking the cascade's last
    step alone (negative: it cost more).

    \b
      turnout savings --since 2026-11-01 --until 2026-12-01
      turnout savings --against premium --format json
    """
    documents = documents_or_end(config_path)
    names = list(documents.config.backends)
    if against is not None and against not in names:
        hint = suggestion(against, names, what="backends")
        raise click.BadParameter(f"no backend {against!r}; {hint}", param_hint="--against")
    try:
        found = _savings(documents, against, since, until)
    except DatabaseError as error:
        raise click.ClickException(str(error)) from None
    if form == "json":
        say_json(json.dumps(_json(found), indent=2))
    elif found.lines:
        _show(found, anew=against is not None)
    else:
        say("No usage is stored for these days.", err=True)


def _json(found: _Savings) -> dict[str, object]:
    return {
        "against": found.against,
        "priced_now": found.priced_now,
        "gone": found.gone,
        "backends": [_record(line) for line in found.lines],
        "cascades": [asdict(line) | {"saved_pico": line.saved_pico} for line in found.checked],
    }


def _show(found: _Savings, *, anew: bool) -> None:
    against = " and ".join(found.against)
    tables = [_costs_table(found.lines, against), _quality_table(found.lines)]
    for table in [*tables, _checks_table(found.checked)] if found.checked else tables:
        show(table)
        say()
    if found.uncompared:
        say(
            f"{found.uncompared:,} requests, which cannot be compared with {against}, count at what"
            " they cost."
        )
    if found.gone:
        say(
            f"Of {found.gone:,} of them the rows are gone (`retention.usage`), so that they cannot"
            " be priced anew."
        )
    if found.priced_now and not anew:
        say(
            f"{found.priced_now:,} rows of an older version were priced now, one by one, by today's"
            " price list."
        )


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
