"""What the use of a budget gives to tell, as a pure function of what the ledger says."""

from dataclasses import replace

import pytest

from router.alerts.alert import KINDS, Event
from router.alerts.budgets import Budget, crossings, is_budget
from router.ledger.used import Used, Whose
from router.world.config_alerts import FAMILIES, AlertSection

NOW, END = 1_700_000_000_000, 1_700_040_000_000
DAY = Used("organization", "tokens_per_day", 1000, 0, since=NOW - 40_000_000, until=END)
BALANCE = Used("organization", "prepaid_usd", 10 * 10**9, 0)
ACME = Whose("acme", team="red", key="key1", model="auto")
SECTION = AlertSection()


def told(used: Used, section: AlertSection = SECTION, **more: object) -> list[Event]:
    budget = Budget(ACME, used, section.thresholds)._replace(**more)
    return [crossing.event for crossing in crossings(budget, section, NOW)]


@pytest.mark.parametrize(
    ("used", "threshold"), [(499, None), (500, 50), (799, 50), (800, 80), (999, 80), (1000, 100)]
)
def test_the_highest_threshold_that_is_passed_is_told(used: int, threshold: int | None) -> None:
    events = told(replace(DAY, used=used))
    assert [event.facts["threshold"] for event in events] == ([threshold] if threshold else [])


def test_the_lower_thresholds_are_told_with_it() -> None:
    (crossing,) = crossings(Budget(ACME, replace(DAY, used=950), (50, 80, 100)), SECTION, NOW)
    (before,) = crossings(Budget(ACME, replace(DAY, used=600), (50, 80, 100)), SECTION, NOW)
    assert before.event.name in crossing.lower
    assert crossing.event.name not in crossing.lower


def test_what_running_requests_hold_is_not_used() -> None:
    assert not told(replace(DAY, used=900, held=500))


def test_a_budget_that_refuses_requests_is_used_up_though_a_rest_is_left() -> None:
    (event,) = told(replace(DAY, used=930), refused=True)
    assert event.facts["threshold"] == 100
    assert not told(replace(DAY, used=10), refused=True)  # it refused a request for its size


def test_the_next_window_is_another_thing_to_tell() -> None:
    today = told(replace(DAY, used=800))
    tomorrow = told(replace(DAY, used=800, since=END, until=END + 86_400_000))
    assert today[0].name != tomorrow[0].name
    assert today[0].ms >= END - NOW


def test_what_is_told_of_one_budget_names_it_and_no_other() -> None:
    names = {
        told(replace(DAY, used=800, level=level, dimension=dimension))[0].name
        for level in ("organization", "team", "key", "model")
        for dimension in ("tokens_per_day", "usd_per_month", "requests_per_day")
    }
    assert len(names) == 12


def test_a_forecast_above_the_budget_is_told_before_it_is_used_up() -> None:
    forecast = replace(DAY, used=300, forecast=1500, exhausted_at=NOW + 5_000_000)
    (event,) = told(forecast)
    assert event.kind == "budget.forecast"
    assert event.facts["forecast"] == 1500
    assert "1,500 of 1,000" in event.text
    assert not told(replace(forecast, forecast=999))
    assert not told(forecast, AlertSection(forecast=False))


def test_money_is_told_in_dollars_without_losing_a_digit() -> None:
    used = replace(DAY, dimension="usd_per_month", limit=10 * 10**9, used=8_123_456_789)
    (event,) = told(used)
    assert event.facts["used"] == "8.123456789"
    assert event.facts["limit"] == "10.00"


def test_a_balance_is_measured_by_what_its_last_credit_made_it() -> None:
    """What was granted over the years says nothing of how low it is."""
    old = replace(BALANCE, limit=1000 * 10**9, used=998 * 10**9)
    assert not told(old, granted=3 * 10**9)
    (event,) = told(replace(old, used=998 * 10**9 + 5 * 10**8), granted=3 * 10**9)
    assert (event.kind, event.facts["threshold"]) == ("balance.threshold", 50)
    assert event.facts["left"] == "1.50"


def test_a_balance_below_a_declared_amount_is_told_for_the_lowest_of_them() -> None:
    section = AlertSection.model_validate(
        {"thresholds": [], "balance_below": [5.0, 1.0]}, strict=False
    )
    used = replace(BALANCE, used=6 * 10**9)
    (event,) = told(used, section, granted=10**10)
    assert (event.kind, event.facts["below"]) == ("balance.low", "5.00")
    (event,) = told(replace(used, used=9_500_000_000), section, granted=10**10)
    assert event.facts["below"] == "1.00"


def test_limits_per_minute_and_limits_of_nothing_are_no_budgets() -> None:
    assert is_budget(DAY)
    assert is_budget(BALANCE)
    assert not is_budget(Used("key", "tokens_per_minute", 600, 590))
    assert not is_budget(Used("key", "concurrency", 5, 5))
    assert not is_budget(replace(DAY, limit=0))


def test_every_family_of_kinds_may_be_asked_for() -> None:
    assert {kind.family for kind in KINDS.values()} - {"test"} == set(FAMILIES)
    assert all(kind.ended in KINDS for kind in KINDS.values() if kind.ended)
