"""Calendar windows in a tenant's time zone."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.ledger.quotas.calendar import window_at

HOUR = 3_600_000
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe",
    "Pacific/Apia", "America/Sao_Paulo", "Asia/Tehran",
)  # fmt: skip


def at(zone: str, *when: int) -> int:
    return int(datetime(*when, tzinfo=ZoneInfo(zone)).timestamp() * 1000)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("day", "hours"), [((2026, 3, 28), 24), ((2026, 3, 29), 23), ((2026, 10, 25), 25)]
)
def test_a_day_has_the_hours_that_the_clocks_on_the_wall_say(
    day: tuple[int, int, int], hours: int
) -> None:
    window = window_at(at("Europe/Berlin", *day, 12), "day", "Europe/Berlin")
    assert window.start == at("Europe/Berlin", *day)
    assert window.end - window.start == hours * HOUR


def test_lord_howe_moves_its_clocks_by_half_an_hour() -> None:
    window = window_at(at("Australia/Lord_Howe", 2026, 4, 5, 12), "day", "Australia/Lord_Howe")
    assert window.end - window.start == 24 * HOUR + HOUR // 2


def test_a_month_begins_on_the_billing_day() -> None:
    for day, month in ((14, 1), (15, 2)):
        window = window_at(at("UTC", 2026, 2, day), "month", "UTC", billing_day=15)
        assert window.start == at("UTC", 2026, month, 15)


def test_february_is_short_and_december_ends_the_year() -> None:
    window = window_at(at("UTC", 2026, 1, 31), "month")
    assert window.end == at("UTC", 2026, 2, 1)
    assert window.next_end == at("UTC", 2026, 3, 1)
    assert window_at(at("UTC", 2026, 12, 31), "month").end == at("UTC", 2027, 1, 1)


def test_a_week_is_from_monday_to_monday_whatever_the_clocks_on_the_wall_do() -> None:
    for day, hours in ((29, 167), (22, 168)):  # the clocks go forward on Sunday, 29 March 2026
        window = window_at(at("Europe/Berlin", 2026, 3, day, 12), "week", "Europe/Berlin")
        assert window.start == at("Europe/Berlin", 2026, 3, day - 6)
        assert window.end - window.start == hours * HOUR
    assert window_at(at("UTC", 2027, 1, 1), "week").start == at("UTC", 2026, 12, 28)


@pytest.mark.parametrize(
    ("day", "month", "start"),
    [(1, 1, (2026, 1, 1)), (15, 1, (2026, 1, 15)), (15, 7, (2025, 7, 15)), (1, 6, (2026, 6, 1)),
     (2, 6, (2025, 6, 2))],
)  # fmt: skip
def test_a_year_begins_on_the_billing_day_of_the_billing_month(
    day: int, month: int, start: tuple[int, int, int]
) -> None:
    window = window_at(at("Asia/Kolkata", 2026, 6, 1), "year", "Asia/Kolkata", day, month)
    assert window.start == at("Asia/Kolkata", *start)
    assert window.end == at("Asia/Kolkata", start[0] + 1, *start[1:])


def test_a_year_begins_in_the_year_before_while_its_first_day_has_not_come() -> None:
    window = window_at(at("UTC", 2026, 1, 10), "year", "UTC", billing_day=15)
    assert (window.start, window.end) == (at("UTC", 2025, 1, 15), at("UTC", 2026, 1, 15))


def test_a_balance_has_one_window_for_ever() -> None:
    assert window_at(0, "endless") == window_at(at("UTC", 2099, 1, 1), "endless")


@given(
    st.integers(946_684_800_000, 4_000_000_000_000),
    st.sampled_from(ZONES),
    st.sampled_from(["day", "week", "month", "year"]),
    st.integers(1, 28),
    st.integers(1, 12),
)
def test_windows_hold_their_instant_and_follow_each_other_without_a_gap(
    now: int, zone: str, period: str, billing_day: int, billing_month: int
) -> None:
    window = window_at(now, period, zone, billing_day, billing_month)  # type: ignore[arg-type]
    assert window.start <= now < window.end < window.next_end
    after = window_at(window.end, period, zone, billing_day, billing_month)  # type: ignore[arg-type]
    assert (after.start, after.end) == (window.end, window.next_end)
