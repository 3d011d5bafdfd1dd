"""The states of the ledger as Python reads them: what lua/constants.lua lays out, unpacked.

Keys of a state are its places: algorithm and field of a dimension, as "Ctpo". Values are integers:

    S ring      slot, then what each of 13 slots holds      B bucket    level, instant
    C calendar  as CalendarState                            L leases    count of open holds
"""

import struct
from dataclasses import astuple, dataclass
from typing import Final, Self

_CHANGING: Final = {"S": 3, "C": 3, "B": 2, "L": 1}
_RESTING: Final = {"S": 13, "C": 8, "B": 0, "L": 0}
_SLOTS: Final = 13
Numbers = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CalendarState:
    """A calendar window and the one before it. Amounts in the dimension's unit; `rem` and
    `before_rem` are the pico-USD below a whole nano-USD.
    """

    start: int
    end: int
    used: int
    held: int
    left: int
    limit: int
    rem: int = 0
    before_start: int = 0
    before_used: int = 0
    before_held: int = 0
    before_rem: int = 0

    @classmethod
    def of(cls, numbers: Numbers) -> Self:
        """A state that `read_states` read."""
        return cls(*numbers)

    def numbers(self) -> Numbers:
        """The state for `write_states`."""
        return astuple(self)


def read_states(raw: bytes) -> dict[str, Numbers]:
    """Every state of a scope. Raises ValueError or struct.error for foreign bytes."""
    found: dict[str, Numbers] = {}
    while raw:
        stop = raw.index(b";")
        places = raw[:stop].decode().split()
        changing, at = [], stop + 1
        for place in places:
            changing.append(_numbers(raw, at, _CHANGING[place[0]]))
            at += 8 * _CHANGING[place[0]]
        for place, head in zip(places, changing, strict=True):
            found[place] = _joined(place[0], head, _numbers(raw, at, _RESTING[place[0]]))
            at += 8 * _RESTING[place[0]]
        raw = raw[at:]
    return found


def write_states(states: dict[str, Numbers]) -> bytes:
    """A scope as the scripts read it."""
    layout = "".join(f"{place} " for place in states) + ";"
    parts = [_parted(place[0], numbers) for place, numbers in states.items()]
    every = [number for head, _ in parts for number in head]
    every += [number for _, rest in parts for number in rest]
    return layout.encode() + struct.pack(f"<{len(every)}d", *every)


def _numbers(raw: bytes, at: int, count: int) -> Numbers:
    return tuple(int(number) for number in struct.unpack_from(f"<{count}d", raw, at))


def _joined(algorithm: str, head: Numbers, rest: Numbers) -> Numbers:
    if algorithm == "S":
        slot, newest, _ = head
        ring = list(rest)
        ring[slot % _SLOTS] = newest
        return (slot, *ring)
    if algorithm == "C":
        used, held, rem = head
        return (*rest[:2], used, held, *rest[2:4], rem, *rest[4:])
    return head


def _parted(algorithm: str, numbers: Numbers) -> tuple[Numbers, Numbers]:
    if algorithm == "S":
        slot, *ring = numbers
        newest, ring[slot % _SLOTS] = ring[slot % _SLOTS], 0
        return (slot, newest, sum(ring)), tuple(ring)
    if algorithm == "C":
        start, end, used, held, left, limit, rem, *before = numbers
        return (used, held, rem), (start, end, left, limit, *before)
    return numbers, ()
