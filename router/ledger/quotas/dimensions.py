"""The dimensions a quota may have, as one table; and quotas, built from a policy's plain data.

The table is made of the limits that a policy may set (`policies.language.limits`); the Lua scripts
know algorithms and metrics, not names, so a new limit is nothing new here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, Literal
from zoneinfo import ZoneInfoNotFoundError

from policies.language.limits import LEVELS as LEVELS_BELOW
from policies.language.limits import LIMITS, RUN_LIMITS, LimitRow, Measure
from policies.money import PICO_PER_NANO
from router.ledger.quotas.calendar import Period, zone_of

Algorithm = Literal["S", "B", "C", "L", "P", "H"]

# EXHAUSTED: what an organization is served beyond its budgets (`when_exhausted` of its tier).
EXHAUSTED: Final = "exhausted"
RUN: Final = "run"  # of an agent; always the last level: its scope is found in the ledger
LEVELS: Final = ("organization", "team", "key", "user", "model", EXHAUSTED, RUN)
MOST: Final = 9 * 10**15  # Lua counts in doubles: exact below 2**53
MINUTE: Final = 60_000
PREPAID: Final = -1  # the limit is a balance that the ledger itself keeps


class QuotaError(ValueError):
    """A limit that the ledger cannot keep; the message says which and what to write instead."""


@dataclass(frozen=True, slots=True)
class QuotaDimension:
    """One row of the table: what is counted, over which window, and how clients see it.

    `metric` is the place in the vector (requests, tokens, input, output, pico-USD); `scale` divides
    it into the unit of the limit (money: nano-USD). `shown` is the x-ratelimit family, if any.
    """

    name: str
    field: str
    algorithm: Algorithm
    metric: int
    says: str
    type: str
    window_ms: int = 0
    period: Period | None = None
    shown: Literal["requests", "tokens"] | None = None
    scale: int = 1
    code: str = "rate_limit_exceeded"

    @property
    def money(self) -> bool:
        """Whether the limit is money: given in pico-USD, kept in nano-USD."""
        return self.scale != 1


_METRICS: Final[Mapping[Measure, int]] = MappingProxyType(
    {"requests": 1, "tokens": 2, "input_tokens": 3, "output_tokens": 4, "usd": 5}
)
_WINDOWS_MS: Final[Mapping[str, int]] = MappingProxyType({"second": 1_000, "minute": MINUTE})
_PERIODS: Final[Mapping[str, Period]] = MappingProxyType(
    {
        "day": "day",
        "week": "week",
        "month": "month",
        "year": "year",
        "endless": "endless",
    }
)


def _dimension(name: str, row: LimitRow) -> QuotaDimension:
    """What the ledger makes of a limit that policies may set."""
    metric = _METRICS[row.measure]
    if row.window == "running":
        return QuotaDimension(name, row.code, "L", metric, row.says, "concurrent_requests")
    if row.window == "repeats":
        return QuotaDimension(
            name, row.code, "H", metric, row.says, "requests", code="repeated_request"
        )
    if row.window == "run":
        return QuotaDimension(
            name, row.code, "P", metric, row.says, "insufficient_quota",
            scale=PICO_PER_NANO if row.measure == "usd" else 1, code="insufficient_quota",
        )  # fmt: skip
    if row.window in _WINDOWS_MS:
        family: Literal["requests", "tokens"] = "requests" if metric == 1 else "tokens"
        return QuotaDimension(
            name, row.code, "S", metric, row.says, family,
            window_ms=_WINDOWS_MS[row.window], shown=family if row.shown else None,
        )  # fmt: skip
    return QuotaDimension(
        name, row.code, "C", metric, row.says, "insufficient_quota", period=_PERIODS[row.window],
        scale=PICO_PER_NANO if row.measure == "usd" else 1, code="insufficient_quota",
    )  # fmt: skip


DIMENSIONS: Final[Mapping[str, QuotaDimension]] = MappingProxyType(
    {name: _dimension(name, row) for name, row in {**LIMITS, **RUN_LIMITS}.items()}
)
if set(LEVELS) != {"organization", EXHAUSTED, RUN, *LEVELS_BELOW}:
    raise AssertionError("policies and the ledger name different levels of limits")


@dataclass(frozen=True, slots=True)
class Options:
    """How a limit is kept, where it is not the default of its dimension.

    `bucket`: a token bucket of `burst` (0: the limit) instead of the sliding window. `rollover`:
    the most that an unused calendar window leaves to the next, in the limit's unit. `window_ms`:
    another length of a sliding window (drills and tests; 0: the dimension's own).
    """

    bucket: bool = False
    burst: int = 0
    rollover: int = 0
    timezone: str = "UTC"
    billing_day: int = 1
    billing_month: int = 1
    window_ms: int = 0


DEFAULT: Final = Options()


@dataclass(frozen=True, slots=True)
class Quota:
    """One limit of one dimension at one level; money in nano-USD, -1 for a prepaid balance."""

    level: str
    dimension: str
    limit: int
    options: Options = DEFAULT

    def __post_init__(self) -> None:
        where = f"{self.level}.{self.dimension}"
        if self.level not in LEVELS:
            raise QuotaError(f"{self.level!r} is not a level; write one of {', '.join(LEVELS)}.")
        row = DIMENSIONS.get(self.dimension)
        if row is None:
            raise QuotaError(
                f"{self.dimension!r} is not a dimension; write one of {', '.join(DIMENSIONS)}."
            )
        if row.period == "endless" and self.limit == PREPAID:
            return
        bucket = self.options.bucket
        if bucket and row.algorithm != "S":
            raise QuotaError(f"{where}: only limits per minute have a burst.")
        least, most = (
            (1, MOST // (self.options.window_ms or row.window_ms)) if bucket else (0, MOST)
        )
        if not least <= self.limit <= most or self.options.burst > most:
            raise QuotaError(
                f"{where}: {self.limit} is outside what the ledger can count exactly;"
                f" write a number between {least} and {most}."
            )
        if not 1 <= self.options.billing_day <= 28:
            raise QuotaError(f"{where}: a month can begin on days 1 to 28, which every month has.")
        if not 1 <= self.options.billing_month <= 12:
            raise QuotaError(f"{where}: a year can begin in months 1 to 12.")
        try:
            zone_of(self.options.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise QuotaError(
                f"{where}: {self.options.timezone!r} is not a time zone; write an IANA name such as"
                " Europe/Berlin (this machine needs tzdata)."
            ) from None


def quotas(
    limits: Mapping[str, Mapping[str, Any]], calendar: Options = DEFAULT
) -> tuple[Quota, ...]:
    """The quotas of a tier, from a policy's plain data: level -> {dimension: value}.

    A value is a number, or a mapping with `limit` (or `pool`), and `rollover` (a share of the
    pool), `burst` or `algorithm: bucket`. Money is in pico-USD. `calendar` says where and when its
    windows begin. Raises QuotaError for what cannot be kept.
    """
    return tuple(
        _quota(level, name, value, calendar)
        for level in LEVELS
        for name, value in limits.get(level, {}).items()
        if value is not None and value is not False
    )


def _quota(level: str, name: str, value: Any, calendar: Options) -> Quota:
    row = DIMENSIONS.get(name)
    if row is None:
        raise QuotaError(f"{name!r} is not a dimension; write one of {', '.join(DIMENSIONS)}.")
    if value is True:
        return Quota(level, name, PREPAID, Options(timezone=calendar.timezone))
    fields: Mapping[str, Any] = value if isinstance(value, Mapping) else {"limit": value}
    limit = int(fields["pool"] if "pool" in fields else fields["limit"])
    if row.money:
        limit //= PICO_PER_NANO
    burst = int(fields.get("burst", 0))
    options = replace(
        calendar,
        bucket=burst > 0 or fields.get("algorithm") == "bucket",
        burst=burst,
        rollover=int(limit * fields.get("rollover", 0)),
    )
    return Quota(level, name, limit, options)
