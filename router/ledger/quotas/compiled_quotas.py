"""A tier's quotas, compiled to the bytes that the scripts read.

Everything that does not change with the request is packed once and kept until a calendar window
ends: limits, windows, fields. A request adds what it wants and what it needs.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from router.domain import Estimate
from router.ledger.codec import ITEM, RING_SLOTS, pack_plan
from router.ledger.quotas.calendar import FOREVER, CalendarWindow, Period, window_at
from router.ledger.quotas.dimensions import (
    DIMENSIONS,
    LEVELS,
    MINUTE,
    Options,
    Quota,
    QuotaDimension,
)
from router.ledger.vectors import output_price

_SLOTS_A_WINDOW: Final = RING_SLOTS - 1
_TOTAL, _OUTPUT, _MONEY = 2, 4, 5
_OUTPUT_OF: Final = (_TOTAL, _OUTPUT, _MONEY)
# After how many days an end user who was not seen is forgotten: twice the longest window.
_FORGOTTEN_DAYS: Final = 62
_USER_DAYS: Final[dict[Period | None, int]] = {"year": 732}
# Where a stored row of usage keeps the name of each level's scope.
LEVEL_NAMES: Final = {"team": "team", "key": "key_id", "user": "end_user", "model": "asked"}


@dataclass(frozen=True, slots=True)
class QuotaItem:
    """One quota in force, its row of the table, and the number of its scope (from 1): in the order
    in which the scripts answer.
    """

    quota: Quota
    row: QuotaDimension
    scope: int


@dataclass(frozen=True, slots=True)
class ShownLimit:
    """Where a reserve reply says what is left of an item (then when it resets), its limit, and
    the header that names the limit, where clients see it.
    """

    at: int
    limit: int
    header: tuple[str, str]


class CompiledQuotas:
    """The items of one list of quotas, for requests with these levels present."""

    def __init__(self, quotas: Sequence[Quota], levels: Sequence[str]) -> None:
        self.quotas = quotas
        self.levels = tuple(
            level for level in levels if any(quota.level == level for quota in quotas)
        )
        self.items = tuple(
            QuotaItem(quota, DIMENSIONS[quota.dimension], self.levels.index(quota.level) + 1)
            for quota in _distinct(quotas)
            if quota.level in self.levels
        )
        self.user_scope = self.levels.index("user") + 1 if "user" in self.levels else 0
        self.user_scope_days = max(
            (_USER_DAYS[item.row.period] for item in self.items
             if item.scope == self.user_scope and item.row.period in _USER_DAYS),
            default=_FORGOTTEN_DAYS,
        )  # fmt: skip
        limits = [
            (item, ShownLimit(2 * n, limit, (f"x-ratelimit-limit-{item.row.shown}", str(limit))))
            for n, item in enumerate(self.items)
            for limit in (item.quota.options.burst or item.quota.limit,)
        ]
        self.shown = tuple(
            (f"x-ratelimit-remaining-{family}", f"x-ratelimit-reset-{family}", of[0], of[1:])
            for family in ("requests", "tokens")
            if (of := tuple(shown for item, shown in limits if item.row.shown == family))
        )
        self.shares = tuple(
            (item.row.period or "minute", shown.at, shown.limit)
            for item, shown in limits
            if shown.limit > 0 and (item.row.period or item.row.window_ms == MINUTE)
        )
        self._purse = tuple(2 * n for n, item in enumerate(self.items) if item.row.algorithm == "P")
        self._echo = next(
            (2 * n for n, item in enumerate(self.items) if item.row.algorithm == "H"), None
        )
        reply = struct.Struct(f"<{2 * len(self.items)}q")  # of an admission
        self.read, self.write = reply.unpack, reply.pack
        self._packed = b""
        self._until = -1

    def used_shares(self, reply: Sequence[int]) -> dict[str, float]:
        """The largest used share, 0 to 1, of the quotas of each window: minute, day, month."""
        shares: dict[str, float] = {}
        for window, at, limit in self.shares:
            share = 1.0 - reply[at] / limit
            if window not in shares or share > shares[window]:
                shares[window] = share
        return shares

    def run_left(self, reply: Sequence[int]) -> tuple[float, int]:
        """The largest used share of a run's purse, and how often it sent this very request. Beside
        what is left, the ledger tells the ceiling that is in force.
        """
        shares = (1.0 - reply[at] / max(1, reply[at + 1]) for at in self._purse)
        return max(shares, default=0.0), 0 if self._echo is None else reply[self._echo + 1]

    def packed(self, now_ms: int) -> bytes:
        """The items for a script at this instant, kept until the first calendar window ends."""
        if now_ms >= self._until:
            windows = (_window(item, now_ms) for item in self.items)
            self._until = min((w.end for w in windows if w is not None), default=FOREVER)
            self._packed = self.pack(now_ms)
        return self._packed

    def pack(self, now_ms: int) -> bytes:
        """The plan for a script at any instant, as the codec lays it out."""
        scopes = []
        for number in range(1, len(self.levels) + 1):
            items = [item for item in self.items if item.scope == number]
            packed = [_pack(item, _window(item, now_ms)) for item in items]
            scopes.append(([place_of(item.quota) for item in items], packed))
        return pack_plan(scopes, self.user_scope)

    def windows(self, now_ms: int) -> list[tuple[QuotaItem, tuple[int, int]]]:
        """The items with a calendar window, and the window that holds an instant."""
        pairs = ((item, _window(item, now_ms)) for item in self.items)
        return [(item, (window.start, window.end)) for item, window in pairs if window is not None]

    def forget(self) -> None:
        """Compute the windows again at the next request: this machine's clock was off."""
        self._until = -1


def levels_present(*, team: bool, user: bool, run: bool = False) -> tuple[str, ...]:
    """The levels that a request has, in their order."""
    has = (("team", team), ("user", user), ("run", run))
    absent = {level for level, there in has if not there}
    return tuple(level for level in LEVELS if level not in absent)


def _distinct(quotas: Sequence[Quota]) -> list[Quota]:
    """The tightest of quotas that count in the same place, ordered by level."""
    tightest: dict[tuple[str, str], Quota] = {}
    for quota in quotas:
        place = (quota.level, field_of(quota))
        if place not in tightest or quota.limit < tightest[place].limit:
            tightest[place] = quota
    return sorted(tightest.values(), key=lambda quota: LEVELS.index(quota.level))


def field_of(quota: Quota) -> str:
    """The field under which a quota counts: one for each shape of state."""
    row = DIMENSIONS[quota.dimension]
    if quota.options.bucket:
        return f"{row.field}.b"
    return f"{row.field}.{quota.options.window_ms}" if quota.options.window_ms else row.field


def place_of(quota: Quota) -> str:
    """Algorithm and field: how the state of a scope names what a quota counts."""
    algorithm = "B" if quota.options.bucket else DIMENSIONS[quota.dimension].algorithm
    return f"{algorithm}{field_of(quota)}"


def window_of(options: Options, period: Period, now_ms: int) -> CalendarWindow:
    """The calendar window of a limit that holds an instant."""
    return window_at(now_ms, period, options.timezone, options.billing_day, options.billing_month)


def _window(item: QuotaItem, now_ms: int) -> CalendarWindow | None:
    if item.row.period is None:
        return None
    return window_of(item.quota.options, item.row.period, now_ms)


def _pack(item: QuotaItem, window: CalendarWindow | None) -> bytes:
    row, quota, options = item.row, item.quota, item.quota.options
    span = options.window_ms or row.window_ms
    numbers = (-(-span // _SLOTS_A_WINDOW), 0, 0, 0)
    if options.bucket:
        numbers = (span, options.burst or quota.limit, 0, 0)
    elif window is not None:
        numbers = (window.start, window.end, window.next_end, options.rollover)
    return ITEM.pack(place_of(quota)[:1].encode(), row.metric, row.scale, quota.limit, *numbers)


def covered_output(quotas: CompiledQuotas, estimate: Estimate) -> int:
    """The output tokens that a fresh hold covers: its estimate, or what a small limit left."""
    if estimate.firm:
        return estimate.output_tokens
    covered = estimate.output_tokens
    price = output_price(estimate)
    for item in quotas.items:
        limit = max(item.quota.limit, item.quota.options.burst)
        if limit < 0 or item.row.metric not in _OUTPUT_OF:
            continue
        spare = limit - (estimate.input_tokens if item.row.metric == _TOTAL else 0)
        if item.row.money:
            spare = (limit * item.row.scale - estimate.input_cost_pico) // max(1, price)
        covered = min(covered, max(1, spare))
    return covered
