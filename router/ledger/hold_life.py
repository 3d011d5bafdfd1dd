"""A hold's life in the ledger: what each event does in each state, and what the script replies.

Theory of operation
-------------------
A hold lives in the ledger, so that it outlives its gateway. Its record is a field of its shard's
hash of open holds; when it is closed, the record becomes a row of the journal, and a bit (its
*mark*) says that it once was. What is asked twice, or comes late, finds its answer in the table:

- A reserve whose reply is lost is sent again: the hold is there already, nothing is held twice.
- A gateway that dies stops renewing. When the lease ends, any other gateway's reaper closes the
  hold: charged for the progress that was reported last, for the prompt where only a backend had
  been reached, for nothing where none had. Its record is kept for 16 hours as *expired*.
- A gateway that only stood still settles late: the difference is applied and journaled (ADJUSTED).
- A settlement whose reply is lost is sent again: by its mark it was settled, nothing happens.
- What the ledger never knew (an outage, a restored backup) is UNKNOWN: the gateway then reserves it
  whether or not it fits, and settles it.
- A heartbeat that finds its lease GONE marks the hold as lost: a stream that then needs more than
  its hold covers is ended.
"""

from enum import Enum
from typing import Final, Literal

from router.ledger import codec


class HoldState(Enum):
    """What the ledger knows of a hold."""

    UNKNOWN = "never reserved"
    OPEN = "open"  # no backend reached: a crash costs nothing
    DISPATCHED = "open, at a backend"  # a crash costs what was reported, at least the prompt
    EXPIRED = "closed by the reaper"  # a late settlement is still applied
    SETTLED = "settled"


HoldEvent = Literal["reserve", "renew", "dispatch", "top up", "settle", "lease ends"]
# For each state: event -> next state, and what the script replies (None: nobody asked).
NEXT: Final[dict[HoldState, dict[HoldEvent, tuple[HoldState, int | None]]]] = {
    HoldState.UNKNOWN: {
        "reserve": (HoldState.OPEN, codec.GRANTED),
        "renew": (HoldState.UNKNOWN, codec.GONE),
        "dispatch": (HoldState.UNKNOWN, codec.GONE),
        "top up": (HoldState.UNKNOWN, codec.GONE),
        "settle": (HoldState.UNKNOWN, codec.UNKNOWN),
        "lease ends": (HoldState.UNKNOWN, None),
    },
    HoldState.OPEN: {
        "reserve": (HoldState.OPEN, codec.RESERVED_BEFORE),
        "renew": (HoldState.OPEN, codec.RENEWED),
        "dispatch": (HoldState.DISPATCHED, codec.RENEWED),
        "top up": (HoldState.OPEN, codec.GRANTED),
        "settle": (HoldState.SETTLED, codec.SETTLED),
        "lease ends": (HoldState.EXPIRED, None),
    },
    HoldState.DISPATCHED: {
        "reserve": (HoldState.DISPATCHED, codec.RESERVED_BEFORE),
        "renew": (HoldState.DISPATCHED, codec.RENEWED),
        "dispatch": (HoldState.DISPATCHED, codec.RENEWED),
        "top up": (HoldState.DISPATCHED, codec.GRANTED),
        "settle": (HoldState.SETTLED, codec.SETTLED),
        "lease ends": (HoldState.EXPIRED, None),
    },
    HoldState.EXPIRED: {
        "reserve": (HoldState.EXPIRED, codec.RESERVED_BEFORE),
        "renew": (HoldState.EXPIRED, codec.GONE),
        "dispatch": (HoldState.EXPIRED, codec.GONE),
        "top up": (HoldState.EXPIRED, codec.GONE),
        "settle": (HoldState.SETTLED, codec.ADJUSTED),
        "lease ends": (HoldState.EXPIRED, None),
    },
    HoldState.SETTLED: {
        "reserve": (HoldState.SETTLED, codec.RESERVED_BEFORE),
        "renew": (HoldState.SETTLED, codec.GONE),
        "dispatch": (HoldState.SETTLED, codec.GONE),
        "top up": (HoldState.SETTLED, codec.GONE),
        "settle": (HoldState.SETTLED, codec.SETTLED_BEFORE),
        "lease ends": (HoldState.SETTLED, None),
    },
}
