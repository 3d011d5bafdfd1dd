"""Calendar windows in a tenant's time zone, as instants: days of 23 and 25 hours included.

A window is named by the instant of its start. The gateway computes it; the scripts only compare.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final, Literal
from zoneinfo import ZoneInfo

Period = Literal["day", "week", "month", "year", "endless"]
FOREVER: Final = 9 * 10**15
_DAYS: Final[dict[Period, int]] = {"day": 1, "week": 7}


@dataclass(frozen=True, slots=True)
class CalendarWindow:
    """[start, end) in Unix milliseconds, and the end of the window after it."""

    start: int
    end: int
    next_end: int


def window_at(
    now_ms: int,
    period: Period,
    timezone: str = "UTC",
    billing_day: int = 1,
    billing_month: int = 1,
) -> CalendarWindow:
    """The window that holds an instant. A week begins on Monday (ISO 8601), a month on its
    `billing_day` (1 to 28), a year on the `billing_day` of `billing_month`.

    Raises zoneinfo.ZoneInfoNotFoundError for an unknown zone.
    """
    if period == "endless":
        return CalendarWindow(0, FOREVER, FOREVER + 1)
    zone = zone_of(timezone)
    today, month = dates_at(now_ms, timezone, billing_day)
    first = _first(period, today, month, billing_month)
    second = _after(first, period)
    third = _after(second, period)
    return CalendarWindow(_instant(first, zone), _instant(second, zone), _instant(third, zone))


def dates_at(now_ms: int, timezone: str = "UTC", billing_day: int = 1) -> tuple[date, date]:
    """The local day of an instant, and the day on which its month began.

    Raises zoneinfo.ZoneInfoNotFoundError for an unknown zone.
    """
    today = datetime.fromtimestamp(now_ms / 1000, zone_of(timezone)).date()
    return today, _month(today, billing_day)


def zone_of(timezone: str) -> tzinfo:
    """The time zone of an IANA name; UTC needs no database of zones.

    Raises zoneinfo.ZoneInfoNotFoundError or ValueError for what is none.
    """
    return UTC if timezone == "UTC" else ZoneInfo(timezone)


def _month(day: date, billing_day: int) -> date:
    if day.day >= billing_day:
        return day.replace(day=billing_day)
    return (day.replace(day=1) - timedelta(days=1)).replace(day=billing_day)


def _first(period: Period, today: date, month: date, billing_month: int) -> date:
    """The first day of the window of a day whose month began on `month`."""
    if period == "week":
        return today - timedelta(days=today.weekday())
    if period == "year":
        return month.replace(year=month.year - (month.month < billing_month), month=billing_month)
    return today if period == "day" else month


def _after(day: date, period: Period) -> date:
    if period in _DAYS:
        return day + timedelta(days=_DAYS[period])
    if period == "year":
        return day.replace(year=day.year + 1)
    return (day.replace(day=28) + timedelta(days=4)).replace(day=day.day)


def _instant(day: date, zone: tzinfo) -> int:
    """Local midnight; where daylight saving skips it, the first instant of that day."""
    local = datetime(day.year, day.month, day.day, tzinfo=zone)
    return int(local.astimezone(UTC).timestamp()) * 1000
