"""The tables of `turnout usage` on a narrow terminal, and what its options take."""

from decimal import Decimal
from io import StringIO

import click
import pytest
from rich.console import Console

from router.cli.common.tables import show
from router.cli.common.usage_tables import tables_of
from router.cli.usage import markup, month, usage
from router.usage.report import Report
from router.usage.store import SUMS

PICO = 1_234_567_890_123_456  # of a dollar's trillionths
ROW = {name: 10**9 + n for n, name in enumerate(SUMS)}
ROW |= {"requests": 1_234_567, "images": 12_345, "seconds": 54_321, "searches": 777}
ROW |= {"user": "u" * 40, "cost_pico": PICO, "price_pico": PICO * 2, "cents": 1}  # type: ignore[dict-item]
CONTEXT = click.Context(usage)


def printed(report: Report) -> str:
    out = StringIO()
    for table in tables_of(report):
        show(table, Console(width=80, file=out))
    return out.getvalue()


def test_the_tables_of_usage_fit_80_columns_and_cut_no_number() -> None:
    text = printed(Report(("user",), (ROW,), Decimal(2)))
    assert max(map(len, text.splitlines())) <= 80
    numbers = [f"{ROW[name]:,}" for name in SUMS]
    for number in (*numbers, "1234.567890123456", "2469.135780246912"):
        assert text.count(number) == 2  # the line and its total
    assert "USD x 2" in text


def test_what_nobody_used_has_no_column_and_no_table() -> None:
    plain = ROW | dict.fromkeys(SUMS[3:], 0)
    tables = tables_of(Report(("user",), (plain,)))
    assert [[column.header for column in table.columns] for table in tables] == [
        ["user", "requests", "input", "output", "USD"]
    ]


@pytest.mark.parametrize(
    ("text", "factor"), [("1.2", "1.2"), ("20%", "1.2"), ("0%", "1"), ("-10%", "0.9"), (None, "1")]
)
def test_a_mark_up_is_a_factor_or_what_is_added(text: str | None, factor: str) -> None:
    assert markup(CONTEXT, usage.params[0], text) == Decimal(factor)


@pytest.mark.parametrize("text", ["x", "", "%", "nan", "inf", "-1", "-101%", "1001", "1,2"])
def test_what_is_no_mark_up_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"write a factor.*1\.2.*20%"):
        markup(CONTEXT, usage.params[0], text)


@pytest.mark.parametrize("text", ["2026", "2026-13", "2026-11-01", "november"])
def test_what_is_no_month_is_refused(text: str) -> None:
    assert month(CONTEXT, usage.params[0], "2026-11") == "2026-11"
    with pytest.raises(click.BadParameter, match="YYYY-MM"):
        month(CONTEXT, usage.params[0], text)
