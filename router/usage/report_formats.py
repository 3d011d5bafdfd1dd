"""A report of spend as CSV that can be booked, and as JSON for programs."""

import csv
import io
from typing import Any, Final

import orjson

from policies.money import usd
from router.printable import printable, safe_json
from router.usage.report import Report
from router.usage.store import SUMS

# The last four are the full-width ones, which some spreadsheets take alike.
_FORMULAS: Final = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
_DECIMALS: Final = 12  # all that there are
_AMOUNTS: Final = ("cost_usd", "price_usd", "amount", "currency")


def as_json(report: Report, *, total: bool = True) -> str:
    """The report as JSON; dollars as text, so that no digit is lost. The total is always there."""
    document = {
        "by": report.by,
        "markup": str(report.markup),
        "currency": "USD",
        "rows": [_in_dollars(row) for row in report.rows],
        "total": _in_dollars(report.total),
    }
    return safe_json(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()) + "\n"


def as_csv(report: Report, *, total: bool = False) -> str:
    """The report as CSV (RFC 4180) with a header line; `total` adds a last line.

    Amounts have a fixed number of decimals: twelve, and `amount`, which is booked, two. Text that a
    spreadsheet would take for a formula gets an apostrophe in front; what does not print, line ends
    included, is written out, so that a line is one row for every reader.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow((*report.by, *SUMS, *_AMOUNTS))
    for row in report.rows:
        writer.writerow((*(_text(row[name]) for name in report.by), *_numbers(row)))
    if total:
        named = ["total", *[""] * (len(report.by) - 1)]
        writer.writerow((*named, *_numbers(report.total)))
    return out.getvalue()


def _text(value: Any) -> str:
    text = "" if value is None else printable(str(value))
    return f"'{text}" if text.startswith(_FORMULAS) else text


def _numbers(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        *(row[name] for name in SUMS),
        usd(row["cost_pico"], least=_DECIMALS),
        usd(row["price_pico"], least=_DECIMALS),
        _in_cents(row["cents"]),
        "USD",
    )


def _in_cents(amount: int) -> str:
    """Cents as dollars."""
    whole, rest = divmod(abs(amount), 100)
    return f"{'-' if amount < 0 else ''}{whole}.{rest:02}"


def _in_dollars(row: dict[str, Any]) -> dict[str, Any]:
    counted = {name: row[name] for name in row if name not in {"cost_pico", "price_pico", "cents"}}
    return {
        **counted,
        "cost_usd": usd(row["cost_pico"], least=2),
        "price_usd": usd(row["price_pico"], least=2),
        "amount": _in_cents(row["cents"]),
    }
