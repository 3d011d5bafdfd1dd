"""A tier's quotas, compiled to the bytes that the scripts read.

Everything that does not change with the request is packed once and kept until a calendar window
ends: limits, windows, fields. A request adds three vectors of five numbers.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from router.domain import Charge, Estimate
from router.ledger.quotas.calendar import FOREVER, Window, window_at
from router.ledger.quotas.dimensions import DIMENSIONS, LEVELS, MINUTE, Dimension, Quota

_ITEM: Final = struct.Struct("<cBHddddd")
_WANTS: Final = struct.Struct("<11d")
_VECTOR: Final = struct.Struct(">5q")
_CHANGING: Final = {"S": 3, "C": 3, "B": 2, "L": 1}  # numbers of a state that most requests change
_SUB_WINDOWS: Final = 12
FIXED: Final = 7  # numbers before those of the items, in any other reply than an admission
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
            (item, Place(2 * n, limit, (f"x-ratelimit-limit-{item.row.shown}", str(limit))))
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

    def packed(self, now_ms: int) -> bytes:
        """The items for a script at this instant, kept until the first calendar window ends."""
        if now_ms >= self._until:
            windows = (_window(item, now_ms) for item in self.items)
            self._until = min((w.end for w in windows if w is not None), default=FOREVER)
            self._packed = self.pack(now_ms)
        return self._packed

    def pack(self, now_ms: int) -> bytes:
        """The items for a script at any instant, as lua/constants.lua says."""
        parts = [bytes((len(self.levels), self.user_scope))]
        for scope in range(1, len(self.levels) + 1):
            items = [item for item in self.items if item.scope == scope]
            layout = b"".join(place_of(item.quota) + b" " for item in items) + b";"
            changing = sum(_CHANGING[chr(place_of(item.quota)[0])] for item in items)
            parts += (bytes((len(layout), len(items), changing)), layout)
            parts += (_pack(item, _window(item, now_ms)) for item in items)
        return b"".join(parts)

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


def place_of(quota: Quota) -> bytes:
    """Algorithm and field: how the state of a scope names what a quota counts."""
    algorithm = "B" if quota.options.bucket else DIMENSIONS[quota.dimension].algorithm
    return f"{algorithm}{field_of(quota)}".encode()


def _window(item: Item, now_ms: int) -> Window | None:
    if item.row.period is None:
        return None
    options = item.quota.options
    return window_at(now_ms, item.row.period, options.timezone, options.billing_day)


def _pack(item: Item, window: Window | None) -> bytes:
    row, quota, options = item.row, item.quota, item.quota.options
    span = options.window_ms or row.window_ms
    numbers = (-(-span // _SUB_WINDOWS), 0, 0, 0)
    if options.bucket:
        numbers = (span, options.burst or quota.limit, 0, 0)
    elif window is not None:
        numbers = (window.start, window.end, window.next_end, options.rollover)
    return _ITEM.pack(place_of(quota)[:1], row.metric, row.scale, quota.limit, *numbers)


def pack_estimate(estimate: Estimate, bit: int) -> tuple[bytes, bytes]:
    """`bit`, then what a request wants and what it needs at least; and what it costs if we die
    before any progress.

    An estimate that is not firm may be trimmed to a small limit, down to its prompt and one token.
    """
    prompt, output, cost = estimate.input_tokens, estimate.output_tokens, estimate.cost_pico
    total, prompt_cost = prompt + output, estimate.input_cost_pico
    crash = _VECTOR.pack(1, prompt, prompt, 0, prompt_cost)
    if estimate.firm:
        need = (1, total, prompt, output, cost)
        return _WANTS.pack(bit, 1, total, prompt, output, cost, *need), crash
    return _WANTS.pack(
        bit, 1, total, prompt, output, cost, 1, prompt + 1, prompt, 1, prompt_cost
    ), crash  # fmt: skip


def wanted(estimate: Estimate) -> tuple[int, ...]:
    """What a request wants: requests, tokens, input, output, pico-USD."""
    prompt, output = estimate.input_tokens, estimate.output_tokens
    return 1, prompt + output, prompt, output, estimate.cost_pico


def pack_charge(charge: Charge) -> bytes:
    """What a request used. One that failed and used nothing does not even count as a request."""
    usage = charge.usage
    total = usage.input_tokens + usage.output_tokens
    counted = 1 if total or charge.outcome != "failed" else 0
    return _VECTOR.pack(counted, total, usage.input_tokens, usage.output_tokens, charge.cost_pico)


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
