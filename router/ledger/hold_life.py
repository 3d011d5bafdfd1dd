"""A hold's life in the ledger: what each event does in each state, and what the script replies.

Theory of operation
-------------------
A hold lives in the ledger, so that it outlives its gateway. Its record is a field of its shard's
hash of open holds; when it is closed, the record becomes a row of the journal, and a bit (its
*mark*) says that it once was. What is asked twice, or comes late, finds its answer in the table:

- A reserve whose reply is lost is sent again: the hold is there already, nothing is held twice.
- A gateway that dies stops renewing. When the lease ends, any other gateway's reaper closes the
  hold: charged for the progress that was reported last, for the prompt where only a backend had
  been reached, for nothing where none had. Its record is kept for a quarter of an hour as
  *expired*.
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


class State(Enum):
    """What the ledger knows of a hold."""

    UNKNOWN = "never reserved"
    OPEN = "open"  # no backend reached: a crash costs nothing
    DISPATCHED = "open, at a backend"  # a crash costs what was reported, at least the prompt
    EXPIRED = "closed by the reaper"  # a late settlement is still applied
    SETTLED = "settled"


Event = Literal["reserve", "renew", "dispatch", "top up", "settle", "lease ends"]
# For each state: event -> next state, and what the script replies (None: nobody asked).
NEXT: Final[dict[State, dict[Event, tuple[State, int | None]]]] = {
    State.UNKNOWN: {
        "reserve": (State.OPEN, codec.GRANTED),
        "renew": (State.UNKNOWN, codec.GONE),
        "dispatch": (State.UNKNOWN, codec.GONE),
        "top up": (State.UNKNOWN, codec.GONE),
        "settle": (State.UNKNOWN, codec.UNKNOWN),
        "lease ends": (State.UNKNOWN, None),
    },
    State.OPEN: {
        "reserve": (State.OPEN, codec.RESERVED_BEFORE),
        "renew": (State.OPEN, codec.RENEWED),
        "dispatch": (State.DISPATCHED, codec.RENEWED),
        "top up": (State.OPEN, codec.GRANTED),
        "settle": (State.SETTLED, codec.SETTLED),
        "lease ends": (State.EXPIRED, None),
    },
    State.DISPATCHED: {
        "reserve": (State.DISPATCHED, codec.RESERVED_BEFORE),
        "renew": (State.DISPATCHED, codec.RENEWED),
        "dispatch": (State.DISPATCHED, codec.RENEWED),
        "top up": (State.DISPATCHED, codec.GRANTED),
        "settle": (State.SETTLED, codec.SETTLED),
        "lease ends": (State.EXPIRED, None),
    },
    State.EXPIRED: {
        "reserve": (State.EXPIRED, codec.RESERVED_BEFORE),
        "renew": (State.EXPIRED, codec.GONE),
        "dispatch": (State.EXPIRED, codec.GONE),
        "top up": (State.EXPIRED, codec.GONE),
        "settle": (State.SETTLED, codec.ADJUSTED),
        "lease ends": (State.EXPIRED, None),
    },
    State.SETTLED: {
        "reserve": (State.SETTLED, codec.RESERVED_BEFORE),
        "renew": (State.SETTLED, codec.GONE),
        "dispatch": (State.SETTLED, codec.GONE),
        "top up": (State.SETTLED, codec.GONE),
        "settle": (State.SETTLED, codec.SETTLED_BEFORE),
        "lease ends": (State.SETTLED, None),
    },
}
