"""The states of the ledger as Python reads them: what lua/constants.lua lays out, unpacked."""

import struct
from dataclasses import astuple, dataclass
from typing import Final, Self

_CALENDAR: Final = struct.Struct(">11q")
_COUNT: Final = struct.Struct(">q")


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
    def unpack(cls, raw: bytes) -> Self:
        """Read a packed state. Raises struct.error for foreign bytes."""
        return cls(*_CALENDAR.unpack(raw))

    def pack(self) -> bytes:
        """The state as the scripts read it."""
        return _CALENDAR.pack(*astuple(self))


def unpack_count(raw: bytes) -> int:
    """Open leases of a scope."""
    return int(_COUNT.unpack(raw)[0])


def pack_count(count: int) -> bytes:
    """A number of open leases as the scripts read it."""
    return _COUNT.pack(count)
