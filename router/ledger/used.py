"""What customers have used of what: each limit in force, as the ledger has it now.

One command a customer, all written at once: one round trip for however many are asked about (and
one before it where runs are, which may count in the purse of another one), and nothing is changed.
The numbers are those by which the scripts would admit a request at this moment: a window that has
ended, and that no request has moved on yet, is moved on in what is told.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from policies.value import value
from router.ledger.codec import RING_SLOTS, CalendarState, StateNumbers, read_scope
from router.ledger.keys import Shard, scope, shard_of, user_hash
from router.ledger.quotas.calendar import FOREVER, window_at
from router.ledger.quotas.compiled_quotas import place_of
from router.ledger.quotas.dimensions import DIMENSIONS, EXHAUSTED, PREPAID, RUN, Quota
from router.ledger.server.nodes import Nodes

# Before this part of a window is over, nobody can tell from it how it will end.
_TOLD_AFTER: Final = 20
_SCOPES: Final = ":s:"  # before the end of a scope's key


@value
class Whose:
    """Whose limits are asked about: an organization's, and those of what is named within it.

    `user` is the client's own name for its end user, `model` a route or model as limits per model
    count it, `run` an agent's run, whose purse may be that of the run which started it.
    """

    organization: str
    team: str | None = None
    key: str | None = None
    user: str | None = None
    model: str | None = None
    run: str | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """One limit, and how much of it is used. Amounts are in the dimension's unit (money: nano-USD),
    instants in Unix milliseconds of the ledger's time.

    `used` includes what running requests hold, of which `held` is known for calendar windows and
    balances (else 0). `limit` is that of this window without what `rolled_over` into it; a burst
    where there is one; of a balance what was granted. `since` and `until`: the window, where it is
    one of the calendar. `reset_at`: when nothing of it counts as used any more, None where that is
    never (a balance), or known to nobody (requests at once), or now. `forecast`: what will be used
    when the window ends, at its rate so far; None where it has only begun. `exhausted_at`: when at
    that rate nothing is left; None where that is not within the window.
    """

    level: str
    dimension: str
    limit: int
    used: int
    held: int = 0
    rolled_over: int = 0
    since: int | None = None
    until: int | None = None
    reset_at: int | None = None
    forecast: int | None = None
    exhausted_at: int | None = None

    @property
    def remaining(self) -> int:
        """What is left, never below 0."""
        return max(0, self.limit + self.rolled_over - self.used)

    @property
    def share(self) -> float:
        """Which part of it is used: 1.0 is all, and of nothing all is used."""
        most = self.limit + self.rolled_over
        return self.used / most if most > 0 else 1.0


async def used_of(
    nodes: Nodes,
    shards: Sequence[Shard],
    asked: Iterable[tuple[Whose, Sequence[Quota]]],
    now_ms: int,
    secret: bytes,
) -> list[list[Used]]:
    """What each of these has used of its quotas, in their order; quotas at a level that is not
    named are left out. `secret` makes pseudonyms of end users. Raises Disconnected.
    """
    asked = list(asked)
    roots = await _roots(nodes, shards, [whose for whose, _ in asked if whose.run is not None])
    named = [_places(whose, quotas, secret, roots.get(whose)) for whose, quotas in asked]
    commands = []
    for organization, places in named:
        home = shards[shard_of(organization, len(shards))]
        keys = list(dict.fromkeys(home.scopes + end for _, end in places))
        commands.append((home.number, ("MGET", *(keys or [home.scopes]))))
    replies = await nodes.ask_all(commands)
    return [
        _read(places, command[1:], reply, now_ms)
        for (_, places), (_, command), reply in zip(named, commands, replies, strict=True)
    ]


_Places = list[tuple[Quota, str]]


async def _roots(nodes: Nodes, shards: Sequence[Shard], asked: Sequence[Whose]) -> dict[Whose, str]:
    """The ends of the scopes' keys of those whose run counts in another one's purse."""
    if not asked:
        return {}
    homes = [shards[shard_of(whose.organization, len(shards))] for whose in asked]
    replies = await nodes.ask_all(
        [
            (home.number, ("GET", home.aliases + scope(RUN, whose.organization, whose.run)))
            for whose, home in zip(asked, homes, strict=True)
        ]
    )
    return {
        whose: str(reply, "utf-8").partition(_SCOPES)[2]
        for whose, reply in zip(asked, replies, strict=True)
        if reply
    }


def _places(
    whose: Whose, quotas: Iterable[Quota], secret: bytes, root: str | None = None
) -> tuple[str, _Places]:
    """The organization, and each quota with the end of its scope's key; `root` is that of the purse
    of the run. How often a run repeats itself is no amount, and left out.
    """
    names = {
        "organization": None,
        EXHAUSTED: None,
        "team": whose.team,
        "key": whose.key,
        "user": None if whose.user is None else user_hash(whose.user, secret),
        "model": whose.model,
        RUN: whose.run,
    }
    whole = ("organization", EXHAUSTED)
    return whose.organization, [
        (
            quota,
            root if root and quota.level == RUN else scope(quota.level, whose.organization, name),
        )
        for quota in quotas
        if (name := names[quota.level]) is not None or quota.level in whole
        if DIMENSIONS[quota.dimension].algorithm != "H"
    ]


def _read(
    places: _Places, keys: Sequence[object], raws: Sequence[bytes | None], now_ms: int
) -> list[Used]:
    scopes = {
        str(key).partition(_SCOPES)[2]: read_scope(raw or b"")
        for key, raw in zip(keys, raws, strict=True)
    }
    return [used_in(scopes[end].get(place_of(quota)), quota, now_ms) for quota, end in places]


def used_in(numbers: StateNumbers | None, quota: Quota, now_ms: int) -> Used:
    """What a stored state (None: none yet) says of a quota at an instant of the ledger's time."""
    return _STATES[place_of(quota)[0]](numbers, quota, now_ms)


def _ring(numbers: StateNumbers | None, quota: Quota, now_ms: int) -> Used:
    window = quota.options.window_ms or DIMENSIONS[quota.dimension].window_ms
    slot_ms = -(-window // (RING_SLOTS - 1))
    slot, *ring = numbers or (0, *[0] * RING_SLOTS)
    first = max(slot, now_ms // slot_ms) - RING_SLOTS + 1
    counted = [n for n in range(first, slot + 1) if ring[n % RING_SLOTS] > 0]
    reset = (counted[-1] + RING_SLOTS) * slot_ms if counted else None
    used = sum(ring[n % RING_SLOTS] for n in counted)
    return Used(quota.level, quota.dimension, quota.limit, max(0, used), reset_at=reset)


def _bucket(numbers: StateNumbers | None, quota: Quota, now_ms: int) -> Used:
    window = quota.options.window_ms or DIMENSIONS[quota.dimension].window_ms
    burst = quota.options.burst or quota.limit
    full = burst * window
    level, since = numbers or (full, now_ms)
    level = min(full, level + max(0, now_ms - since) * quota.limit) if since else full
    wait = -(-(full - level) // quota.limit)
    reset = now_ms + wait if wait else None
    return Used(quota.level, quota.dimension, burst, burst - level // window, reset_at=reset)


def _leases(numbers: StateNumbers | None, quota: Quota, _now_ms: int) -> Used:
    running = numbers[0] if numbers else 0
    return Used(quota.level, quota.dimension, quota.limit, running, held=running)


def _purse(numbers: StateNumbers | None, quota: Quota, _now_ms: int) -> Used:
    used, held, remainder, _since, ceiling = numbers or (0, 0, 0, 0, 0)
    most = min(quota.limit, ceiling - 1) if ceiling else quota.limit
    return Used(quota.level, quota.dimension, most, used + held + (remainder > 0), held)


def _calendar(numbers: StateNumbers | None, quota: Quota, now_ms: int) -> Used:
    options, endless = quota.options, DIMENSIONS[quota.dimension].period == "endless"
    state = CalendarState.of(numbers or (0, 0, 0, 0, 0, 0))
    used, held, left = state.used + state.held, state.held, state.left
    start, end, began = state.start, state.end, state.began
    part = bool(state.remainder)
    if now_ms >= end:  # as the scripts move it on at the next request
        period = DIMENSIONS[quota.dimension].period or "endless"
        window = window_at(now_ms, period, options.timezone, options.billing_day)
        left = state.limit + max(0, min(options.rollover, left)) - used if numbers else 0
        start, end, used, held, part = max(window.start, end), window.end, 0, 0, False
        began = start if numbers else now_ms
    limit = state.limit if quota.limit == PREPAID else quota.limit
    rolled = max(0, min(left, options.rollover))
    used += part  # what is begun of a unit counts, as the scripts count it
    foreseen = _foreseen(used, limit + rolled, began, end, now_ms)
    if endless:
        return Used(quota.level, quota.dimension, limit, used, held, exhausted_at=foreseen[1])
    window_of = (start, end, end)
    return Used(quota.level, quota.dimension, limit, used, held, rolled, *window_of, *foreseen)


def _foreseen(
    used: int, most: int, began: int, end: int, now_ms: int
) -> tuple[int | None, int | None]:
    """What will be used by the end, and when nothing will be left, at the rate so far."""
    passed = now_ms - began
    lasts = end < FOREVER
    if passed <= 0 or (lasts and passed * _TOLD_AFTER < end - began):
        return None, None
    forecast = used * (end - began) // passed if lasts else None
    if used <= 0:
        return forecast, None
    if used >= most:
        return forecast, now_ms
    exhausted = began + -(-most * passed // used)
    return forecast, exhausted if exhausted < end else None


_State = Callable[[StateNumbers | None, Quota, int], Used]
_STATES: Final[dict[str, _State]] = {
    "S": _ring, "B": _bucket, "C": _calendar, "L": _leases, "P": _purse,
}  # fmt: skip
