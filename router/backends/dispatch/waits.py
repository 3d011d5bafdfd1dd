"""How long a server wants to be left alone: headers first, then its body, then its words.

Everything is read in seconds and bounded by LONGEST: nobody can rest a deployment for a day by one
answer. Dates are read against the answer's own `Date`, since clocks need not agree; only an answer
without one is read against ours.
"""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from router.backends.dialects.base import Failure

LONGEST: Final = 3600.0  # seconds
_YEAR_2001: Final = 1_000_000_000  # a number as large as this is an instant, not a wait
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_STEP: Final = r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)"
_DURATION: Final = re.compile(rf"(?:{_STEP}\s*)+", re.IGNORECASE)
_EACH: Final = re.compile(_STEP, re.IGNORECASE)
# "Please try again in 1m2.5s", "retry after 20 seconds", "available in 3 minutes"
_IN_WORDS: Final = re.compile(
    r"(?:again|retry|available|wait|reset\w*)\s+(?:in|after|for)?\s*(?:about\s+)?"
    r"((?:\d+(?:\.\d+)?\s*(?:milliseconds?|ms|seconds?|secs?|minutes?|mins?|hours?|s|m|h)\s*)+)",
    re.IGNORECASE,
)
_LONG_UNITS: Final = re.compile(
    r"(\d\s*)(milliseconds?|seconds?|secs?|minutes?|mins?|hours?)", re.IGNORECASE
)
_DATE_IN_WORDS: Final = re.compile(
    r"(?:access|again|reset\w*)\s+(?:on|at)\s+(\d{4}-\d\d-\d\d)(?:\s+at|T|\s)\s*(\d\d:\d\d(?::\d\d)?)"
)
# The header that tells when a limit is whole again, and the one that tells what is left of it.
_RESETS: Final = (
    re.compile(r"x-ratelimit-reset(-[\w-]+)?"),
    re.compile(r"anthropic-ratelimit(-[\w-]+)-reset"),
    re.compile(r"ratelimit-reset(-[\w-]+)?"),
)
_LEFT: Final = (
    "x-ratelimit-remaining{}",
    "anthropic-ratelimit{}-remaining",
    "ratelimit-remaining{}",
)


_OF_ALL: Final = r"(-(requests|tokens|input-tokens|output-tokens))?"
_NOTHING_LEFT: Final = re.compile(
    rf"(x-)?ratelimit-remaining{_OF_ALL}|anthropic-ratelimit{_OF_ALL}-remaining"
)


def rest_asked_for(
    headers: Mapping[str, str], failure: Failure | None = None, *, now: float, limited: bool = True
) -> float | None:
    """Seconds to stay away, at most LONGEST; None where nothing is told, or nonsense.

    `now` is Unix time in seconds. `limited`: a limit is used up, so that the times at which limits
    are whole again count too.
    """
    headers = {name.lower(): value for name, value in headers.items()}
    now = _instant(headers.get("date", "")) or now
    for wait in _waits(headers, failure, now, limited=limited):
        if wait is not None and math.isfinite(wait) and wait >= 0:
            return min(wait, LONGEST)
    return None


def is_used_up(headers: Mapping[str, str]) -> bool:
    """Whether the answer tells a limit of which nothing is left: not for anybody."""
    for name, value in headers.items():
        if _NOTHING_LEFT.fullmatch(name.lower()):
            left = _number(value)
            if left is not None and left <= 0:
                return True
    return False


def _waits(
    headers: Mapping[str, str], failure: Failure | None, now: float, *, limited: bool
) -> Iterator[float | None]:
    """Every wait that the answer tells, the most exact first."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    yield None if milliseconds is None else milliseconds / 1000.0
    yield _wait(headers.get("retry-after", ""), now)
    if failure is not None:
        yield failure.wait
        yield _wait_in_words(failure.message, now)
    if limited:
        yield _reset(headers, now)


def _wait(text: str, now: float) -> float | None:
    """A number of seconds, an instant, a date, or a duration such as `6m0s`."""
    text = text.strip()
    number = _number(text)
    if number is not None:
        if number >= 1000 * _YEAR_2001:
            number /= 1000.0
        return number - now if number >= _YEAR_2001 else number
    instant = _instant(text)
    if instant is not None:
        return max(0.0, instant - now)
    return _duration(text) if _DURATION.fullmatch(text) else None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _instant(text: str) -> float | None:
    """Unix time of an HTTP date (any of its three forms) or of RFC 3339."""
    if not text or (text[0] in "+-.0123456789" and "-" not in text):
        return None
    try:
        when = datetime.fromisoformat(text) if text[0].isdigit() else parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()


def _duration(text: str) -> float:
    return sum(float(number) * _UNITS[unit.lower()] for number, unit in _EACH.findall(text))


def _wait_in_words(message: str, now: float) -> float | None:
    """The wait in a message's words."""
    match = _IN_WORDS.search(message)
    if match is not None:
        short = _LONG_UNITS.sub(lambda m: m[1] + _short(m[2]), match[1])
        return _duration(short)
    date = _DATE_IN_WORDS.search(message)
    instant = None if date is None else _instant(f"{date[1]}T{date[2]}+00:00")
    return None if instant is None else max(0.0, instant - now)


def _short(unit: str) -> str:
    unit = unit.lower()
    return "ms" if unit.startswith("milli") else unit[0]


def _reset(headers: Mapping[str, str], now: float) -> float | None:
    """When the limits that are used up are whole again; where none says so, the soonest of all."""
    empty: list[float] = []
    others: list[float] = []
    for name, value in headers.items():
        for pattern, left in zip(_RESETS, _LEFT, strict=True):
            named = pattern.fullmatch(name)
            wait = _wait(value, now) if named else None
            if named is None or wait is None or wait < 0:
                continue
            remaining = _number(headers.get(left.format(named[1] or ""), ""))
            (empty if remaining is not None and remaining <= 0 else others).append(wait)
    return max(empty) if empty else min(others, default=None)
