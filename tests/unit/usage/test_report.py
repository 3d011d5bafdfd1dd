"""A report of spend can be booked: exact sums, cents that add up, CSV that any program reads."""

import csv
import io
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.usage.report import Report, in_cents, marked_up, spend
from router.usage.report_formats import as_csv, as_json
from router.usage.rows import NAMES
from router.usage.store import SUMS, UsageStore

CENT = 10**10


def line(name: str | None, cost_pico: int, cents: int = 0) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(SUMS, 0)
    return row | {
        "user": name, "cost_pico": cost_pico, "price_pico": cost_pico, "cents": cents,
    }  # fmt: skip


@given(st.lists(st.integers(-(10**20), 10**20), max_size=40))
def test_cents_add_up_to_the_sum_and_none_is_off_by_a_whole_one(picos: list[int]) -> None:
    cents = in_cents(picos)
    exact = Decimal(sum(picos)) / CENT
    assert sum(cents) == int(exact.to_integral_value())  # half-even
    assert all(abs(cent * CENT - pico) < CENT for cent, pico in zip(cents, picos, strict=True))


def test_many_small_lines_are_not_lost_to_rounding() -> None:
    assert in_cents([CENT // 3] * 9) == [1, 1, 1, 0, 0, 0, 0, 0, 0]
    assert in_cents([CENT // 2, 0]) == [0, 0]
    assert in_cents([3 * CENT // 2, 0]) == [2, 0]


def test_a_mark_up_is_rounded_once_a_line_and_to_the_even_neighbour() -> None:
    assert marked_up(5, Decimal("1.1")) == 6  # 5.5
    assert marked_up(5, Decimal("1.3")) == 6  # 6.5
    assert marked_up(10**25 + 1, Decimal("1.2")) == 12 * 10**24 + 1
    assert marked_up(7, Decimal(1)) == 7


def test_csv_has_plain_numbers_a_currency_and_lines_as_the_standard_has_them() -> None:
    report = Report(("user",), (line("anna", 1_234_567 * 10**12 + 1, 123), line(None, -CENT, -1)))
    text = as_csv(report)
    assert text.count("\r\n") == text.count("\n") == 3
    header, anna, nobody = csv.reader(io.StringIO(text, newline=""))
    assert header == ["user", *SUMS, "cost_usd", "price_usd", "amount", "currency"]
    assert anna[-4:] == ["1234567.000000000001", "1234567.000000000001", "1.23", "USD"]
    assert nobody[0] == ""
    assert nobody[-4:] == ["-0.010000000000", "-0.010000000000", "-0.01", "USD"]


@pytest.mark.parametrize("name", ["=1+1", "+49", "-x", "@me", "\uff1d1"])
def test_no_name_becomes_a_formula_of_a_spreadsheet(name: str) -> None:
    report = Report(("user",), (line(name, 1),))
    rows = list(csv.reader(io.StringIO(as_csv(report), newline="")))
    assert rows[1][0] == f"'{name}"
    assert json.loads(as_json(report))["rows"][0]["user"] == name


@pytest.mark.parametrize("name", ['a "quoted", name', "Zoë 東京"])
def test_csv_gives_any_name_back(name: str) -> None:
    text = as_csv(Report(("user",), (line(name, 1),)))
    assert list(csv.reader(io.StringIO(text, newline="")))[1][0] == name


@pytest.mark.parametrize("name", ["line\nbreak", "\tx", "\rx", "a\u2028b"])
def test_what_does_not_print_is_written_out_and_a_line_of_csv_is_a_row(name: str) -> None:
    text = as_csv(Report(("user",), (line(name, 1),)))
    assert len(text.splitlines()) == 2
    assert list(csv.reader(io.StringIO(text, newline="")))[1][0] == ascii(name).strip("'")


def test_a_total_is_a_line_of_csv_where_it_is_asked_for_and_always_apart_in_json() -> None:
    report = Report(("user", "user"), (line("a", CENT, 1), line("b", CENT, 1)))
    assert "total" not in as_csv(report)
    assert as_csv(report, total=True).splitlines()[-1].startswith("total,,0,")
    assert json.loads(as_json(report))["total"]["amount"] == "0.02"


def stored(store: UsageStore, *rows: dict[str, object]) -> None:
    plain: dict[str, object] = dict.fromkeys(NAMES, 0)
    plain |= {"status": "completed", "estimated": False, "organization": "acme"}
    plain |= dict.fromkeys(("energy_source", "verifier", "counts", "baseline", "service_tier"))
    plain |= {"day": "2026-11-30", "period": "2026-11-15"}
    names = ("request_id", "team", "key_id", "end_user", "tier", "asked", "operation", "route")
    plain |= dict.fromkeys((*names, "backend", "model", "price_version", "request_id"))
    store.add(
        [tuple((plain | {"hold_id": str(n)} | row)[k] for k in NAMES) for n, row in enumerate(rows)]
    )


def test_usage_is_summed_by_user_billing_month_and_status(database: str) -> None:
    store = UsageStore(database)
    stored(
        store,
        {"end_user": "anna", "cost_pico": 1, "cache_write_tokens": 5},
        {"end_user": "anna", "cost_pico": 2, "status": "cut"},
        {"end_user": "anna", "cost_pico": 4, "period": None},  # of an older version
        {"end_user": None, "cost_pico": 8, "period": "2026-10-15"},
    )
    report = spend(store, ["month", "user", "status"])
    assert [row["month"] for row in spend(store, ["month"], month="2026-10").rows] == ["2026-10-15"]
    november = spend(store, ["month"], month="2026-11")
    store.close()
    assert [row["cost_pico"] for row in november.rows] == [4, 3]
    assert [(*(row[n] for n in report.by), row["cost_pico"]) for row in report.rows] == [
        ("2026-10-15", None, "completed", 8),
        ("2026-11-01", "anna", "completed", 4),
        ("2026-11-15", "anna", "completed", 1),
        ("2026-11-15", "anna", "cut", 2),
    ]
    assert report.total["cache_write_tokens"] == 5


def test_a_customers_bill_is_the_same_alone_and_among_others(database: str) -> None:
    store = UsageStore(database)
    third = CENT // 3
    stored(
        store,
        *({"organization": name, "end_user": str(n), "cost_pico": third}
          for name in ("acme", "bolt") for n in range(4)),
    )  # fmt: skip
    by = ["organization", "user"]
    together = spend(store, by, markup=Decimal("1.5"))
    alone = spend(store, by, organization="bolt", markup=Decimal("1.5"))
    store.close()
    assert [row["cents"] for row in together.rows] == [1, 1, 0, 0, 1, 1, 0, 0]
    assert list(together.rows[4:]) == list(alone.rows)
    assert together.total["cents"] == 4
    assert together.total["price_pico"] == sum(marked_up(third, Decimal("1.5")) for _ in range(8))
