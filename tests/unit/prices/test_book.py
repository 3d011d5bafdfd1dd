"""Prices by day, hour, prompt size and kind of token, in whole pico-USD."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.domain import Usage
from router.prices.book import PriceBook
from router.prices.price import Price, Step, pico_per_token
from router.prices.schedule import Entry, Schedule, always, as_reported, scaled


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def price(n: int) -> Price:
    return Price(n, n, n)


def test_a_dollar_a_million_is_a_million_pico_a_token() -> None:
    assert pico_per_token(Decimal(1)) == 1_000_000
    assert pico_per_token(Decimal("0.0028")) == 2_800


def test_fresh_cached_and_written_tokens_have_their_own_prices() -> None:
    cost = Price(10, 50, 1, 12).cost(
        Usage(input_tokens=100, output_tokens=10, cached_tokens=60, cache_write_tokens=30)
    )
    assert cost == 10 * 10 + 60 * 1 + 30 * 12 + 10 * 50


def test_writing_to_a_cache_costs_what_input_costs_unless_said_otherwise() -> None:
    assert Price(10, 50, 1).cost(Usage(input_tokens=10, cache_write_tokens=10)) == 100


def test_a_reported_cost_is_charged_only_where_the_backends_word_is_taken() -> None:
    usage = Usage(100, 10, reported_pico=7)
    assert Price(10, 50, 1).cost(usage) == 1500
    for kept in (as_reported(Price(10, 50, 1)), as_reported(always(Price(10, 50, 1)))):
        taken = PriceBook({"b": kept}).price("b")
        assert taken.cost(usage) == 7
        assert taken.cost(usage._replace(reported_pico=None)) == 1500  # it said nothing
        assert taken.fresh(100, 10) == 1500  # what lies ahead is priced by the list


def test_above_a_step_the_whole_request_has_the_steps_price() -> None:
    tiered = Price(1, 2, 1, None, (Step(1000, 10, 20, 10, 10), Step(5000, 100, 200, 100, 100)))
    assert tiered.cost(Usage(input_tokens=1000, output_tokens=1)) == 1002
    assert tiered.cost(Usage(input_tokens=1001, output_tokens=1)) == 10_030
    assert tiered.cost(Usage(input_tokens=5001, output_tokens=1)) == 500_300


def test_a_new_price_does_not_change_what_the_past_cost() -> None:
    old = Schedule((Entry(price(1)),))
    new = Schedule((*old.entries, Entry(price(2), since=ms("2026-09-01"))))
    for day in ("2026-01-01", "2026-08-31T23:59:59"):
        assert new.at(ms(day)) == old.at(ms(day))
    assert new.at(ms("2026-09-01")) == price(2)


@pytest.mark.parametrize(
    ("hour", "expected"),
    [("00:59", 1), ("01:00", 9), ("03:59", 9), ("04:00", 1), ("22:30", 5), ("00:10", 5)],
)
def test_daily_hours_override_and_may_cross_midnight(hour: str, expected: int) -> None:
    schedule = Schedule(
        (Entry(price(1)), Entry(price(5), 0, 22 * 60, 30), Entry(price(9), 0, 60, 240))
    )
    assert schedule.at(ms(f"2026-11-21T{hour}")) == price(expected)


def test_the_book_asks_its_clock_only_where_time_matters() -> None:
    changing = Schedule((Entry(price(1)), Entry(price(2), since=1000)))
    book = PriceBook({"fixed": price(7), "changing": changing}, clock=lambda: 999)
    assert book.price("fixed") == price(7)
    assert book.price("changing") == price(1)
    assert book.price("changing", 1000) == price(2)


def test_the_version_changes_with_any_price() -> None:
    assert PriceBook({"a": price(1)}).version == PriceBook({"a": always(price(1))}).version
    assert PriceBook({"a": price(1)}).version != PriceBook({"a": price(2)}).version


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**4))
def test_cost_never_falls_with_more_tokens(a: int, b: int, output: int, rate: int) -> None:
    low, high = sorted((a, b))
    tiered = Price(rate, rate, rate // 10, None, (Step(5000, 2 * rate, 2 * rate, rate, rate),))
    assert tiered.cost(Usage(low, output)) <= tiered.cost(Usage(high, output))


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.booleans())
def test_fresh_tokens_have_one_price_however_it_is_asked(
    given: int, out: int, tiered: bool
) -> None:
    steps = (Step(5000, 7, 9, 1, 1), Step(50_000, 8, 10, 1, 1)) if tiered else ()
    one, other = Price(3, 5, 1, None, steps), Price(5, 2, 1)
    assert one.fresh(given, out) == one.cost(Usage(given, out))
    book = PriceBook({"one": one, "other": Schedule((Entry(one), Entry(other)))}, clock=lambda: 0)
    together, alone = book.dearest(["one", "other"], given, out)
    assert together == max(price.cost(Usage(given, out)) for price in (one, other))
    assert alone == max(price.cost(Usage(given)) for price in (one, other))


def test_units_cost_what_is_written_of_them_and_tokens_beside_them() -> None:
    pictures = Price(2, 3, 2, units=(("image", 100),))
    used = Usage(input_tokens=10, output_tokens=5, units=(("image", 2), ("second", 7)))
    assert pictures.cost(used) == 10 * 2 + 5 * 3 + 2 * 100
    assert price(1).cost(Usage(units=(("image", 2),))) == 0


def test_the_dearest_hold_covers_the_units_of_every_candidate() -> None:
    book = PriceBook({"tokens": price(5), "pictures": Price(0, 0, 0, units=(("image", 100),))})
    assert book.most(["tokens", "pictures"], 10, 2, units=(("image", 3),)) == (300, 300)
    assert book.most(["tokens", "pictures"], 10, 2) == (60, 50)


def test_another_price_of_a_unit_is_another_version() -> None:
    cheap = PriceBook({"a": Price(0, 0, 0, units=(("image", 1),))})
    assert cheap.version != PriceBook({"a": Price(0, 0, 0, units=(("image", 2),))}).version


def test_a_share_of_a_price_is_of_all_its_rates_but_those_of_units() -> None:
    step = Step(100, 20, 40, 2, 30)
    whole = Price(10, 20, 1, 15, (step,), units=(("image", 7),))
    half = Price(5, 10, 0, 8, (Step(100, 10, 20, 1, 15),), units=(("image", 7),))
    assert scaled(whole, Decimal("0.5")) == half
    assert scaled(always(whole), Decimal("0.5")) == always(half)
    assert scaled(price(3), Decimal(1)) == price(3)
