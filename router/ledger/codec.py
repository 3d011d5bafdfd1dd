"""The ledger's language: how states, holds, calls, journal rows and replies are packed.

This module is its only home. Python packs and unpacks here; the scripts say the same layouts and
codes by NAME, and `lua_constants` gives the text that is written in for each name.

Units: instants and spans in Unix milliseconds; amounts in the unit of their dimension (requests,
tokens, nano-USD); what was used as a *vector* of the five METRICS, money there in pico-USD. Every
number stays below 2^53, since Lua counts in doubles.

    vector   five big-endian 64-bit integers; all other numbers are little-endian doubles
    scope    layout ("Srpm Ctpd ;": algorithm and field of each dimension), the changing numbers of
             each, then the resting bytes of each (ALGORITHMS). What today's policy does not limit
             follows as further strings of that kind. Zeros stand for what was never used.
    plan     how many scopes, which of them is a user's (0: none); for each scope the lengths of its
             layout, its items and its changing numbers, its layout, its items (ITEM): algorithm,
             metric, scale, limit and four numbers: ring: ms of a slot; bucket: window in ms, burst;
             calendar: start, end and next end of the window, the most that is carried over (limit
             -1: the limit is what the state says, a prepaid balance); purse and echo: none
    run      of a reserve call for a run: RUN_FIELDS, then the lowest ceiling that the request asks
             for of each metric, in the unit of its limit (-1: none)
    ask      of a reserve call: ASK_FIELDS, what it wants, what it needs at least
    hold     HOLD_HEAD: items, pieces; when its lease ends, when it was admitted; amount and
             position of each item; item, amount and position of each piece that a top-up took
             elsewhere; BODY: dispatched, lengths of progress, payload and scope keys; the vector
             that a crash costs, the scope keys (one a line), the plan, the vector of progress (or
             nothing), payload, meta. A position is a ring's slot, the start of a calendar window,
             or the level of a full bucket.
    expired  what the reaper closed, kept for a while: the vector charged, then the hold
    mark     which of 256 holds of one process were ever reserved: an instant, a bit for each
    row      ROW: sequence, admitted at, closed at, length of meta; meta; the use (a vector),
             lengths of hold id and status, these two, payload
"""

import struct
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Final, NamedTuple, Self

from router.usage_row import JournalRow

METRICS: Final = ("requests", "tokens", "input_tokens", "output_tokens", "cost_pico")
VECTOR: Final = struct.Struct(f">{len(METRICS)}q")
NOTHING: Final = VECTOR.pack(*(0 for _ in METRICS))
RING_SLOTS: Final = 13
ECHO_PLACES: Final = 8  # different requests of a run that are known again
ASK_FIELDS: Final = ("lease_ms", "plan_at", "user_scope_ms", "users_per_day", "mark_bit")
ASK_FRAME: Final = struct.Struct("<4d")  # the first four: the same for all calls of a customer
ASK_SIZES: Final = struct.Struct("<11d")  # the mark's bit, amounts wanted, amounts needed
RUN_FIELDS: Final = ("idle_ms", "most_open", "hash")
RUN: Final = struct.Struct(f"<{len(RUN_FIELDS) + len(METRICS)}d")  # these, then its ceilings
ITEM: Final = struct.Struct("<cBHddddd")
HOLD_HEAD: Final = struct.Struct("<BH")
BODY: Final = struct.Struct("<BBIH")
BODY_BYTES: Final = BODY.size + VECTOR.size
ROW: Final = struct.Struct(">BqqI")
ROW_END: Final = struct.Struct(f"{VECTOR.format}BB")
ROW_FIELD: Final = b"row"
CLOCK_PAIR: Final = struct.Struct(">2q")  # the last instant given, the server's time then

# Replies of the scripts. A reserve that admits answers with packed integers (`what is left of each
# item, and in how many ms it resets`); any other with a list: these seven, then the same pairs.
CODE, ITEM_NUMBER, WAIT, USED, AMOUNT, LIMIT, NOW = range(7)
FIXED: Final = 7
DENIED, RESERVED_BEFORE, STALE, MANY_RUNS = 1, 2, -2, 4
GRANTED, RENEWED, GONE = 0, 0, -3
SETTLED, SETTLED_BEFORE, ADJUSTED, UNKNOWN = 0, 1, 3, -3
FORCED: Final = "forced"  # an argument of reserve: hold even what does not fit
NEVER: Final = -1  # no wait would help
# How a row of the journal says that a hold ended, besides the outcomes of domain.
EXPIRED_STATUS: Final = "expired"
CANCELLED_STATUS: Final = "cancelled"


class AlgorithmLayout(NamedTuple):
    """How one kind of limit counts: its name, and the numbers of its state."""

    name: str
    changing: tuple[str, ...]
    resting: tuple[str, ...] = ()


ALGORITHMS: Final = {
    "S": AlgorithmLayout(
        "ring", ("slot", "newest", "older"), tuple(f"slot_{n}" for n in range(RING_SLOTS))
    ),
    "C": AlgorithmLayout(
        "calendar", ("used", "held", "remainder"),
        ("start", "end", "left", "limit",
         "before_start", "before_used", "before_held", "before_remainder"),
    ),
    "B": AlgorithmLayout("bucket", ("level", "since")),
    "L": AlgorithmLayout("leases", ("open",)),
    "P": AlgorithmLayout("purse", ("used", "held", "remainder"), ("since", "ceiling")),
    "H": AlgorithmLayout(
        "echo", (), tuple(f"{what}_{n}" for n in range(ECHO_PLACES) for what in ("hash", "times"))
    ),
}  # fmt: skip

StateNumbers = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CalendarState:
    """A calendar window and the one before it. Amounts in the dimension's unit; the remainders are
    the pico-USD below a whole nano-USD; `left` is what the window before did not use. Where
    none was before, `before_start` is 0, or minus the instant since which this window counts.
    """

    start: int
    end: int
    used: int
    held: int
    left: int
    limit: int
    remainder: int = 0
    before_start: int = 0
    before_used: int = 0
    before_held: int = 0
    before_remainder: int = 0

    @classmethod
    def of(cls, numbers: StateNumbers) -> Self:
        """A state that `read_scope` read."""
        return cls(*numbers)

    @property
    def began(self) -> int:
        """Since when it counts, where that is later than its start; else its start."""
        return max(self.start, -self.before_start)

    def numbers(self) -> StateNumbers:
        """The state for `write_scope`."""
        return astuple(self)


# Scopes. Python names each state by its place: algorithm and field, as "Ctpo". A ring is read as
# its newest slot and what each of the 13 holds, a calendar as the fields of CalendarState.


def read_scope(raw: bytes) -> dict[str, StateNumbers]:
    """Every state of a scope. Raises ValueError or struct.error for foreign bytes."""
    states: dict[str, StateNumbers] = {}
    while raw:
        stop = raw.index(b";")
        places = raw[:stop].decode().split()
        changing, at = [], stop + 1
        for place in places:
            count = len(ALGORITHMS[place[0]].changing)
            changing.append(_numbers(raw, at, count))
            at += 8 * count
        for place, head in zip(places, changing, strict=True):
            count = len(ALGORITHMS[place[0]].resting)
            states[place] = _joined(place[0], head, _numbers(raw, at, count))
            at += 8 * count
        raw = raw[at:]
    return states


def write_scope(states: dict[str, StateNumbers]) -> bytes:
    """A scope as the scripts read it."""
    parts = [_parted(place[0], numbers) for place, numbers in states.items()]
    every = [number for changing, _ in parts for number in changing]
    every += [number for _, resting in parts for number in resting]
    return pack_layout(states) + struct.pack(f"<{len(every)}d", *every)


def pack_layout(places: Sequence[str] | dict[str, StateNumbers]) -> bytes:
    """The layout of a scope with these places."""
    return ("".join(f"{place} " for place in places) + ";").encode()


def _numbers(raw: bytes, at: int, count: int) -> StateNumbers:
    return tuple(int(number) for number in struct.unpack_from(f"<{count}d", raw, at))


def _joined(algorithm: str, changing: StateNumbers, resting: StateNumbers) -> StateNumbers:
    if algorithm == "S":
        slot, newest, _ = changing
        ring = list(resting)
        ring[slot % RING_SLOTS] = newest
        return (slot, *ring)
    if algorithm == "C":
        used, held, remainder = changing
        return (*resting[:2], used, held, *resting[2:4], remainder, *resting[4:])
    return (*changing, *resting)


def _parted(algorithm: str, numbers: StateNumbers) -> tuple[StateNumbers, StateNumbers]:
    if algorithm == "S":
        slot, *ring = numbers
        newest, ring[slot % RING_SLOTS] = ring[slot % RING_SLOTS], 0
        return (slot, newest, sum(ring)), tuple(ring)
    if algorithm == "C":
        start, end, used, held, left, limit, remainder, *before = numbers
        return (used, held, remainder), (start, end, left, limit, *before)
    count = len(ALGORITHMS[algorithm].changing)
    return numbers[:count], numbers[count:]


# Calls and holds.


def pack_plan(scopes: Sequence[tuple[Sequence[str], Sequence[bytes]]], user_scope: int) -> bytes:
    """A plan: for each scope its places and its packed items. `user_scope`: which is a user's."""
    parts = [bytes((len(scopes), user_scope))]
    for places, items in scopes:
        layout = pack_layout(places)
        changing = sum(len(ALGORITHMS[place[0]].changing) for place in places)
        parts += (bytes((len(layout), len(items), changing)), layout, *items)
    return b"".join(parts)


def body_begin(scope_keys: bytes) -> bytes:
    """How the body of every hold on these scopes begins, before the vector that a crash costs."""
    return BODY.pack(0, 0, 0, len(scope_keys))


def replace_plan(body: bytes, plan: bytes) -> bytes:
    """A hold's body with another plan of the same size."""
    first = BODY_BYTES + BODY.unpack_from(body)[3]
    return body[:first] + plan + body[first + len(plan) :]


def crash_cost(body: bytes) -> bytes:
    """The vector that is charged when a gateway dies before any progress."""
    return body[BODY.size : BODY_BYTES]


class HeldItem(NamedTuple):
    """What a hold holds of one dimension: in whole units, once for each position."""

    scope_key: str
    place: str
    metric: int
    limit: int
    amounts: tuple[tuple[int, int], ...]  # amount and position


class HoldRecord(NamedTuple):
    """A hold as the ledger keeps it. `progress` is None before any was reported."""

    lease_ends: int
    admitted_at: int
    items: tuple[HeldItem, ...]
    dispatched: bool
    crash: StateNumbers
    progress: StateNumbers | None
    payload: bytes
    meta: bytes


def lease_ends(record: bytes) -> int:
    """When the lease of a packed hold ends."""
    return _numbers(record, HOLD_HEAD.size, 1)[0]


def read_hold(record: bytes) -> HoldRecord:
    """A packed hold, read. Raises struct.error, ValueError or IndexError for foreign bytes."""
    count, pieces = HOLD_HEAD.unpack_from(record)
    ends, admitted_at, *numbers = _numbers(record, HOLD_HEAD.size, 2 + 2 * count + 3 * pieces)
    at = HOLD_HEAD.size + 8 * (2 + len(numbers))
    dispatched, progress, payload, addresses = BODY.unpack_from(record, at)
    crash, at = VECTOR.unpack_from(record, at + BODY.size), at + BODY_BYTES
    keys = record[at : at + addresses].decode().split("\n")
    amounts = [[(numbers[2 * n], numbers[2 * n + 1])] for n in range(count)]
    for k in range(2 * count, len(numbers), 3):
        amounts[numbers[k] - 1].append((numbers[k + 1], numbers[k + 2]))
    items, at = _read_items(record, at + addresses, keys, amounts)
    behind = at + progress
    return HoldRecord(
        ends, admitted_at, items, bool(dispatched), crash,
        VECTOR.unpack_from(record, at) if progress else None,
        record[behind : behind + payload], record[behind + payload :],
    )  # fmt: skip


def read_expired(raw: bytes) -> tuple[StateNumbers, HoldRecord]:
    """What the reaper closed: the vector charged, and the hold."""
    return VECTOR.unpack_from(raw), read_hold(raw[VECTOR.size :])


def _read_items(
    record: bytes, at: int, keys: Sequence[str], amounts: Sequence[Sequence[tuple[int, int]]]
) -> tuple[tuple[HeldItem, ...], int]:
    """The items of the plan that begins at `at`, and where it ends."""
    items: list[HeldItem] = []
    scopes, at = record[at], at + 2
    for key in keys[:scopes]:
        size, at = record[at], at + 3
        for place in record[at : at + size - 1].decode().split():
            _, metric, _, limit, *_ = ITEM.unpack_from(record, at + size)
            held = tuple(amounts[len(items)])
            items.append(HeldItem(key, place, metric, int(limit), held))
            size += ITEM.size
        at += size
    return tuple(items), at


def read_mark(mark: bytes) -> frozenset[int]:
    """Which of the 256 holds of a mark were ever reserved."""
    bits = mark[8:]
    return frozenset(
        8 * number + bit
        for number, byte in enumerate(bits)
        for bit in range(8)
        if byte >> (7 - bit) & 1
    )


def pack_row_end(used: bytes, hold_id: str, status: str, payload: bytes) -> bytes:
    """How a request's row of the journal ends: what settling sends."""
    return b"%b%c%c%b%b%b" % (
        used, len(hold_id), len(status), hold_id.encode(), status.encode(), payload
    )  # fmt: skip


def read_row(fields: Sequence[bytes]) -> JournalRow:
    """The row that a stream entry's fields hold. Raises ValueError where they hold none."""
    if len(fields) != 2 or fields[0] != ROW_FIELD:
        raise ValueError("not a row of the ledger's journal")
    blob = fields[1]
    try:
        seq, admitted_at, closed_at, meta = ROW.unpack_from(blob)
        end = ROW.size + meta
        *used, id_size, status_size = ROW_END.unpack_from(blob, end)
    except struct.error as error:
        raise ValueError(str(error)) from None
    first = end + ROW_END.size
    status, payload = first + id_size, first + id_size + status_size
    return JournalRow(
        blob[first:status].decode(), seq, blob[status:payload].decode(), admitted_at, closed_at,
        tuple(used), blob[ROW.size : end], blob[payload:],
    )  # fmt: skip
