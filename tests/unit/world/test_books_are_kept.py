"""Rows are entered by their customer's calendar, and beside what the baseline would have cost."""

import dataclasses
import json
from typing import Any

import pytest
from fakes.rows import charged, row_of
from fakes.world import FIXED, new_world

from policies.findings import DocumentError
from router.domain import Cascaded, Charge, Usage
from router.prices.book import PriceBook
from router.prices.price import Price, Step
from router.prices.schedule import Entry, Schedule
from router.usage.used import corrected
from router.usage_row import UsageRow
from router.world.baseline import Baseline
from router.world.books import WorldBooks
from router.world.config_load import load_config
from router.world.snapshot import Snapshot

USAGE = Usage(1_000, 100, cached_tokens=200)
WORLD = new_world()
LONG = Price(10, 20, 1, steps=(Step(2_000, 1_000, 2_000, 100, 1_000),))


def entered(row: UsageRow, world: Snapshot = WORLD, first: UsageRow | None = None) -> UsageRow:
    return WorldBooks(lambda: world).entered(row, first)


def beside(price: Price | Schedule, **fields: Any) -> Baseline:
    """A baseline named premium with such prices; `fields` replace its backend's."""
    book = PriceBook({"premium": price}, tiers={"premium": {"flex": Price(0, 0, 0)}})
    batch = PriceBook({"premium": Price(5, 10, 1)})
    return Baseline(dataclasses.replace(WORLD.backends["premium"], **fields), book, batch)


def test_a_request_is_priced_at_the_dearest_backend_when_it_is_stored():
    row = entered(row_of(charged(USAGE, 5)))
    assert (row.baseline, row.baseline_pico) == ("premium", WORLD.prices.cost("premium", USAGE))


def test_the_operator_may_name_another_baseline():
    world = new_world(savings={"baseline": "moe"})
    row = entered(row_of(charged(USAGE, 5)), world)
    assert (row.baseline, row.baseline_pico) == ("moe", world.prices.cost("moe", USAGE))


def test_a_baseline_that_is_no_backend_is_a_mistake_of_the_configuration():
    section = {"base_url": "http://h/v1", "model": "m", "price": {"input": 1, "output": 1}}
    wrong = {"version": 1, "backends": {"moe": section}, "savings": {"baseline": "mo"}}
    with pytest.raises(DocumentError) as refused:
        load_config(json.dumps(wrong, indent=1), "turnout.yaml", {})
    [finding] = refused.value.findings
    assert "unknown backend `mo`" in finding.message
    assert "moe" in str(finding.hint)


def test_what_is_in_force_when_a_row_is_stored_enters_it():
    worlds = [WORLD, new_world(savings={"baseline": "moe"})]
    books = WorldBooks(lambda: worlds[0])
    assert books.entered(row_of(charged(USAGE)), None).baseline == "premium"
    books.world = lambda: worlds[1]
    assert books.entered(row_of(charged(USAGE)), None).baseline == "moe"


def test_days_and_months_are_those_of_the_rows_tier_else_of_the_policy():
    policy = (
        FIXED + "timezone: Asia/Tokyo\n"
        "tiers: {pro: {timezone: America/New_York, billing_day: 15}, free: {billing_day: 2}}\n"
    )
    world = new_world(policy)
    at = 1_768_446_000_000  # 2026-01-15T03:00Z: the 14th in New York, noon in Tokyo
    row = row_of(charged(USAGE), admitted_at=at)
    dates = {
        tier: (booked.day, booked.period)
        for tier in ("pro", "free", "gone", None)
        for booked in [entered(row._replace(tier=tier), world)]
    }
    assert dates == {
        "pro": ("2026-01-14", "2025-12-15"),
        "free": ("2026-01-15", "2026-01-02"),
        "gone": ("2026-01-15", "2026-01-01"),
        None: ("2026-01-15", "2026-01-01"),
    }


def test_each_prompt_is_priced_by_its_own_size():
    baseline = beside(LONG)
    short, long = (row_of(charged(Usage(tokens, 10))) for tokens in (1_500, 2_500))
    assert baseline.cost(short) == 1_500 * 10 + 10 * 20
    assert baseline.cost(long) == 2_500 * 1_000 + 10 * 2_000


def test_the_price_is_that_of_when_the_request_ended():
    later = Schedule((Entry(Price(1, 1, 1)), Entry(Price(7, 7, 7), since=1_000)))
    costs = [beside(later).cost(row_of(charged(Usage(1, 1)), closed_at=at)) for at in (999, 1_000)]
    assert costs == [2, 14]


def test_where_the_baseline_served_at_its_price_nothing_is_saved():
    row = row_of(charged(USAGE, 12_345, backend="premium"))
    assert beside(LONG).cost(row) == 12_345


def test_a_class_of_service_and_a_reported_cost_are_what_was_paid_and_not_what_is_compared():
    cheap = row_of(charged(USAGE._replace(tier="flex"), 5, backend="premium"))
    assert beside(LONG).cost(cheap) == 800 * 10 + 200 * 1 + 100 * 20
    reported = beside(dataclasses.replace(LONG, reported=True))
    assert reported.cost(row_of(charged(USAGE, 5, backend="premium"))) == 800 * 10 + 200 + 2_000


def test_of_a_cascade_the_delivered_answer_is_compared():
    cascade = Cascaded(("not_empty",), 5, 0, 9, Usage(1_500, 10))
    row = row_of(charged(Usage(3_000, 20), 700, backend="premium", cascade=cascade))
    assert beside(LONG).cost(row) == 1_500 * 10 + 10 * 20


@pytest.mark.parametrize(
    "charge",
    [
        charged(USAGE, backend=None),
        charged(USAGE, operation="embedding"),
        charged(Usage(units=(("image", 1),)), operation="image"),
        charged(USAGE._replace(units=(("web_search", 1),))),
        charged(USAGE, requests=20),
        charged(USAGE, price_version=PriceBook({"premium": Price(5, 10, 1)}).version),
    ],
    ids=["nobody", "embedding", "image", "fee without a price", "batch", "batch of one"],
)
def test_what_nobody_can_price_there_is_not_guessed(charge: Charge):
    assert beside(LONG).cost(row_of(charge)) is None


def test_a_baseline_that_names_what_it_serves_is_asked_for_that():
    priced = dataclasses.replace(LONG, units=(("image", 9),))
    baseline = beside(priced, serves=frozenset({"image", "embedding"}))
    picture = charged(Usage(units=(("image", 2),)), operation="image")
    assert baseline.cost(row_of(picture)) == 18
    assert baseline.cost(row_of(charged(Usage(10), operation="embedding"))) == 100
    assert baseline.cost(row_of(charged(Usage(10)))) is None


def test_a_correction_tells_the_difference_at_the_baseline_of_its_first_row():
    so_far, in_the_end = charged(Usage(1_000, 10), 1), charged(Usage(1_000, 60), 2)
    first = entered(row_of(so_far))
    late = corrected(row_of(in_the_end, before=so_far), first)
    whole = WORLD.prices.cost("premium", in_the_end.usage)
    booked = entered(late, first=first)
    assert booked.baseline_pico == whole - first.baseline_pico
    other = entered(late, new_world(savings={"baseline": "moe"}), first=first)
    assert (other.baseline, other.baseline_pico) == ("premium", None)
    assert entered(late).baseline is None
