"""What an organization has at a provider, and why something of it cannot be had."""

from enum import StrEnum
from typing import Final

from policies.value import value

NEVER: Final = 1 << 62  # an instant that does not come


class OwnedKind(StrEnum):
    """What a provider keeps for a customer."""

    FILE = "file"
    BATCH = "batch"


class OwnedState(StrEnum):
    """How far it is. Only a batch is ever `OPEN`: it runs, and its hold stands in the ledger."""

    PENDING = "pending"  # its creation was sent, and its id is not known yet
    OPEN = "open"
    DONE = "done"


@value
class Owned:
    """One file or batch of an organization, in the account of a backend of one `family` of servers.

    `id` is the provider's; until that is known, one of ours. `size`, in bytes, counts towards the
    organization's room. `bound` is JSON of what its requests may come to at most, empty for files
    that hold none. `source` is what it was made from: of a batch the input file, of a file of
    results the batch. `hold` is the id of a batch's hold in the ledger. `purpose` is what a file
    is for, in its server's word. `look_at` is when somebody should look after it next. Instants
    are Unix milliseconds.
    """

    id: str
    family: str
    backend: str
    organization: str
    kind: OwnedKind
    state: OwnedState
    at: int
    size: int = 0
    bound: bytes = b""
    source: str = ""
    hold: str = ""
    purpose: str = ""
    look_at: int = NEVER


class NoRoom(Exception):
    """The organization has as much as it may have; the text says how much that is."""
