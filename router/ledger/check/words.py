"""States of the ledger in words, as plain data: instants (names that end in `_at`) in Unix
milliseconds, amounts in whole units of their `unit`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from policies.language.tiers import UNBOUNDED
from router.ledger.codec import (
    ADJUSTED,
    METRICS,
    SETTLED,
    SETTLED_BEFORE,
    CalendarState,
    HoldRecord,
    StateNumbers,
)
from router.ledger.hold_life import NEXT, HoldState
from router.ledger.keys import scope_name
from router.ledger.quotas.dimensions import DIMENSIONS, LEVELS, QuotaDimension

Shown = dict[str, Any]
_BY_FIELD: Final = {row.field: row for row in DIMENSIONS.values()}
_LEVELS: Final = {level[0]: level for level in LEVELS}
_ALGORITHM_WORDS: Final = {
    "S": "sliding window", "C": "calendar window", "B": "token bucket", "L": "open holds",
    "P": "purse", "H": "equal requests",
}  # fmt: skip
_SETTLING: Final[Mapping[int | None, str]] = {
    SETTLED: "is charged", ADJUSTED: "corrects what was charged", SETTLED_BEFORE: "changes nothing",
}  # fmt: skip


def scope_words(
    key: str, states: Mapping[str, StateNumbers], holds: Mapping[str, HoldRecord]
) -> Shown:
    """A scope: each of its counts, with the limits that its open holds were admitted by."""
    name = scope_name(key)
    items = [item for hold in holds.values() for item in hold.items if item.scope_key == key]
    limits = {item.place: item.limit for item in items}
    return {
        "kind": "scope", "level": _LEVELS.get(name.level, name.level),
        "organization": name.organization, "name": name.name, "key": key,
        "counts": [_count(place, numbers, limits) for place, numbers in states.items()],
    }  # fmt: skip


def _count(place: str, numbers: StateNumbers, limits: Mapping[str, int]) -> Shown:
    """One state of a scope. Its limit comes with each request: known where a hold is open, and of a
    calendar window also the last.
    """
    row = _row(place)
    return {
        "dimension": row.name if row else place[1:],
        "counted_by": _ALGORITHM_WORDS[place[0]],
        "unit": _unit(row),
        "limit": limit if (limit := limits.get(place)) != UNBOUNDED else None,
        **_STATES[place[0]](numbers),
    }


def _row(place: str) -> QuotaDimension | None:
    return _BY_FIELD.get(place[1:].partition(".")[0])


def _unit(row: QuotaDimension | None) -> str:
    if row is None:
        return "units"
    return "nano-USD" if row.money else METRICS[row.metric - 1].replace("_", " ")


def _ring(numbers: StateNumbers) -> Shown:
    slot, *ring = numbers
    oldest_first = [ring[n % len(ring)] for n in range(slot + 1, slot + 1 + len(ring))]
    return {"used_and_held": sum(ring), "slots": oldest_first}


def _calendar(numbers: StateNumbers) -> Shown:
    state = CalendarState.of(numbers)
    shown: Shown = {
        "used": state.used, "held": state.held, "limit": state.limit, "rolls_over": state.left,
        "from_at": state.start, "until_at": state.end,
    }  # fmt: skip
    if state.began > state.start:
        shown["counts_from_at"] = state.began
    if state.before_start > 0:
        shown |= {"used_before": state.before_used, "held_before": state.before_held}
    return shown


def _bucket(numbers: StateNumbers) -> Shown:
    level, since = numbers
    return {"level_times_window": level, "level_of_at": since}


def _leases(numbers: StateNumbers) -> Shown:
    return {"open": numbers[0]}


def _purse(numbers: StateNumbers) -> Shown:
    used, held, _, since, ceiling = numbers
    lowered: Shown = {"lowered_to": ceiling - 1} if ceiling else {}
    return {"used": used, "held": held, "since_at": since, **lowered}


def _echo(numbers: StateNumbers) -> Shown:
    return {"most_repeated": max(numbers[1::2], default=0)}


_STATES: Final[dict[str, Callable[[StateNumbers], Shown]]] = {
    "S": _ring, "C": _calendar, "B": _bucket, "L": _leases, "P": _purse, "H": _echo,
}  # fmt: skip


def hold_words(hold_id: str, hold: HoldRecord, state: HoldState | None = None) -> Shown:
    """A hold: whose it is, what it holds, what it may be charged. `state`: if it is not open."""
    if state is None:
        state = HoldState.DISPATCHED if hold.dispatched else HoldState.OPEN
    return {
        "kind": "hold", "hold_id": hold_id, **life_words(state),
        **orjson.loads(hold.meta),
        "admitted_at": hold.admitted_at, "lease_ends_at": hold.lease_ends,
        "holds": [
            {
                "scope": item.scope_key.partition(":s:")[2],
                "dimension": row.name if (row := _row(item.place)) else item.place[1:],
                "unit": _unit(row),
                "amount": sum(amount for amount, _ in item.amounts),
                "limit": item.limit,
            }
            for item in hold.items
        ],
        "progress": None if hold.progress is None else vector_words(hold.progress),
        "charged_if_its_gateway_dies": vector_words(_crash(hold)),
    }  # fmt: skip


def _crash(hold: HoldRecord) -> StateNumbers:
    if hold.progress is not None:
        return hold.progress
    return hold.crash if hold.dispatched else tuple(0 for _ in METRICS)


def life_words(state: HoldState) -> Shown:
    """Where a hold is in its life, and what settling it would do."""
    _, reply = NEXT[state]["settle"]
    return {"state": state.value, "a_settlement_now": _SETTLING[reply]}


def vector_words(numbers: StateNumbers) -> Shown:
    """A vector, its metrics by name."""
    return dict(zip(METRICS, numbers, strict=True))
