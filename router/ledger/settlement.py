"""One request's end, as it is sent to the ledger."""

from policies.value import value
from router.ledger.codec import pack_row_end
from router.ledger.keys import Shard
from router.ledger.reserve_call import ReserveCall
from router.ledger.server.connection import CommandPart


@value
class Settlement:
    """What one hold used, and the call that made it, should the ledger not know it (any more).

    `reserve` is None for a reserve whose outcome is unknown: nothing was served, and where the
    ledger does not know it there is nothing to do.
    """

    shard: Shard
    hold_id: str
    status: str
    used: bytes
    payload: bytes
    reserve: ReserveCall | None

    def call(self) -> tuple[tuple[CommandPart, ...], tuple[CommandPart, ...]]:
        """Keys and arguments of the settle call."""
        row_end = pack_row_end(self.used, self.hold_id, self.status, self.payload)
        return self.shard.closing, (self.hold_id, row_end)
