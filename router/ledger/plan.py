"""A tier's quotas, compiled to the bytes that the scripts read.

Everything that does not change with the request is packed once and kept until a calendar window
ends: limits, windows, fields. A request adds three vectors of five numbers.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from router.domain import Charge, Estimate
from router.ledger.calendar import FOREVER, Window, window_at
from router.ledger.dimensions import DIMENSIONS, LEVELS, MINUTE, Dimension, Quota

_ITEM: Final = struct.Struct(">cBBqqqqqiB")
_VECTORS: Final = struct.Struct(">15q")
_VECTOR: Final = struct.Struct(">5q")
_SUB_WINDOWS: Final = 12
FIXED: Final = 7  # numbers of a reserve reply before those of its items
_TOTAL, _OUTPUT, _MONEY = 2, 4, 5
_OUTPUT_OF: Final = (_TOTAL, _OUTPUT, _MONEY)
# Where a stored row of usage keeps the name of each level's scope.
LEVEL_NAMES: Final = {"team": "team", "key": "key_id", "user": "end_user", "model": "asked"}
NOTHING: Final = _VECTOR.pack(0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Item:
    """One quota in force, and its row of the table, in the order the scripts answer in."""

    quota: Quota
    row: Dimension
    scope: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reserve reply says what is left of an item (then when it resets), its limit, and
    the header that tells the limit, where clients are shown it.
    """

    at: int
    limit: int
    header: tuple[str, str]


class Plan:
    """The items of one list of quotas, for requests with these levels present."""

    def __init__(self, quotas: Sequence[Quota], levels: Sequence[str]) -> None:
        self.quotas = quotas
        self.levels = tuple(
            level for level in levels if any(quota.level == level for quota in quotas)
        )
        self.items = tuple(
            Item(quota, DIMENSIONS[quota.dimension], self.levels.index(quota.level) + 1)
            for quota in _distinct(quotas)
            if quota.level in self.levels
        )
        self.user_scope = self.levels.index("user") + 1 if "user" in self.levels else 0
        places = [
            (item, Place(FIXED + 2 * n, limit, (f"x-ratelimit-limit-{item.row.shown}", str(limit))))
            for n, item in enumerate(self.items)
            for limit in (item.quota.options.burst or item.quota.limit,)
        ]
        self.shown = tuple(
            (f"x-ratelimit-remaining-{family}", f"x-ratelimit-reset-{family}", found[0], found[1:])
            for family in ("requests", "tokens")
            if (found := tuple(place for item, place in places if item.row.shown == family))
        )
        self.shares = tuple(
            (item.row.period or "minute", place.at, place.limit)
            for item, place in places
            if place.limit > 0 and (item.row.period or item.row.window_ms == MINUTE)
        )
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

    def packed(self, now_ms: int) -> bytes:
        """The items for a script at this instant, kept until the first calendar window ends."""
        if now_ms >= self._until:
            windows = (_window(item, now_ms) for item in self.items)
            self._until = min((w.end for w in windows if w is not None), default=FOREVER)
            self._packed = self.pack(now_ms)
        return self._packed

    def pack(self, now_ms: int) -> bytes:
        """The items for a script at any instant."""
        return b"".join(_pack(item, _window(item, now_ms)) for item in self.items)

    def windows(self, now_ms: int) -> list[tuple[Item, tuple[int, int]]]:
        """The items with a calendar window, and the window that holds an instant."""
        pairs = ((item, _window(item, now_ms)) for item in self.items)
        return [(item, (window.start, window.end)) for item, window in pairs if window is not None]

    def forget(self) -> None:
        """Compute the windows again at the next request: this machine's clock was off."""
        self._until = -1


def levels_present(*, team: bool, user: bool) -> tuple[str, ...]:
    """The levels that a request has, in their order."""
    absent = {level for level, there in (("team", team), ("user", user)) if not there}
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
    """The field of the scope's hash where a quota counts: one for each shape of state."""
    row = DIMENSIONS[quota.dimension]
    if quota.options.bucket:
        return f"{row.field}.b"
    return f"{row.field}.{quota.options.window_ms}" if quota.options.window_ms else row.field


def _window(item: Item, now_ms: int) -> Window | None:
    if item.row.period is None:
        return None
    options = item.quota.options
    return window_at(now_ms, item.row.period, options.timezone, options.billing_day)


def _pack(item: Item, window: Window | None) -> bytes:
    row, quota, options = item.row, item.quota, item.quota.options
    algorithm, span = row.algorithm, options.window_ms or row.window_ms
    numbers = (-(-span // _SUB_WINDOWS), 0, 0, 0)
    if options.bucket:
        algorithm, numbers = "B", (span, options.burst or quota.limit, 0, 0)
    elif window is not None:
        numbers = (window.start, window.end, window.next_end, options.rollover)
    field = field_of(quota).encode()
    head = _ITEM.pack(
        algorithm.encode(), item.scope, row.metric, quota.limit, *numbers, row.scale, len(field)
    )
    return head + field


def pack_estimate(estimate: Estimate) -> bytes:
    """What a request wants, what it needs at least, and what it costs if we die before progress.

    An estimate that is not firm may be trimmed to a small limit, down to its prompt and one token.
    """
    prompt, output, cost = estimate.input_tokens, estimate.output_tokens, estimate.cost_pico
    total, prompt_cost = prompt + output, estimate.input_cost_pico
    if estimate.firm:
        return _VECTORS.pack(
            1, total, prompt, output, cost, 1, total, prompt, output, cost,
            1, prompt, prompt, 0, prompt_cost,
        )  # fmt: skip
    return _VECTORS.pack(
        1, total, prompt, output, cost, 1, prompt + 1, prompt, 1, prompt_cost,
        1, prompt, prompt, 0, prompt_cost,
    )  # fmt: skip


def pack_charge(charge: Charge) -> bytes:
    """What a request used. One that failed and used nothing does not even count as a request."""
    usage = charge.usage
    total = usage.input_tokens + usage.output_tokens
    counted = 1 if total or charge.outcome != "failed" else 0
    return _VECTOR.pack(counted, total, usage.input_tokens, usage.output_tokens, charge.cost_pico)


def crash_vector(estimate: bytes) -> bytes:
    """The part of a packed estimate that is charged when a gateway dies before any progress."""
    return estimate[2 * _VECTOR.size :]


def unpack_vector(vector: bytes) -> tuple[int, ...]:
    """Requests, tokens, input, output, pico-USD."""
    return _VECTOR.unpack(vector[: _VECTOR.size])


def pack_more(tokens: int, cost_pico: int) -> bytes:
    """More output than the hold covers, for a top-up."""
    return _VECTOR.pack(0, tokens, 0, tokens, cost_pico)


def covered_output(plan: Plan, estimate: Estimate) -> int:
    """The output tokens that a fresh hold covers: its estimate, or what a small limit left."""
    if estimate.firm:
        return estimate.output_tokens
    covered = estimate.output_tokens
    price = output_price(estimate)
    for item in plan.items:
        limit = max(item.quota.limit, item.quota.options.burst)
        if limit < 0 or item.row.metric not in _OUTPUT_OF:
            continue
        spare = limit - (estimate.input_tokens if item.row.metric == _TOTAL else 0)
        if item.row.money:
            spare = (limit * item.row.scale - estimate.input_cost_pico) // max(1, price)
        covered = min(covered, max(1, spare))
    return covered


def output_price(estimate: Estimate) -> int:
    """Pico-USD that one more output token costs at most, going by an estimate."""
    more = estimate.cost_pico - estimate.input_cost_pico
    return -(-more // max(1, estimate.output_tokens))
