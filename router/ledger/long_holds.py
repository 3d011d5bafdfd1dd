"""Holds that outlive their request, and the gateway that made them: those of batches.

Theory of operation. A hold is a record in the ledger, whoever made it. An ordinary one is renewed
every few seconds by the process that serves its request; a long one has a lease of days, and is
renewed by whoever looks after its batch. Its progress is what it may come to at most, so that a
batch that nobody looked after until its lease ended is charged for all that it may have used, and
not for nothing. Settling needs its id alone, so any gateway can, and twice is once: the ledger
knows (`router.ledger.hold_life`).
"""

from typing import Final

from router.domain import Charge, Outcome, Usage
from router.ledger.codec import RENEWED, UNKNOWN
from router.ledger.heartbeats import Heartbeats
from router.ledger.hold import Hold, HoldService
from router.ledger.keys import Shard, hold_shard
from router.ledger.reserve_request import ReserveRequest
from router.ledger.server.nodes import Nodes
from router.ledger.settlement import Settlement
from router.ledger.vectors import pack_charge
from router.usage_row import served_json

LONG_LEASE_MS: Final = 7 * 86_400_000
_SECONDS: Final = 1.0
Headers = tuple[tuple[str, str], ...]
NOTHING: Final = Charge(Usage(), 0, Outcome.FAILED)  # settles what was not used at all


class LongHolds:
    """Makes, renews and settles them. Its methods raise Disconnected but where they say another."""

    def __init__(
        self, nodes: Nodes, shards: list[Shard], service: HoldService, beats: Heartbeats
    ) -> None:
        self._nodes = nodes
        self._shards = shards
        self._service = service
        self._beats = beats

    async def begin(self, request: ReserveRequest) -> tuple[str, Headers]:
        """Hold for a request, and return the hold's id and the headers of its answer.

        It is an ordinary hold until it is told to `keep`: where nobody does, it is given back in
        full within seconds. No allowance for outages is spent on what lasts for days. Raises
        LimitExceeded, LedgerUnavailable.
        """
        hold = Hold(self._service, request, _nothing)
        await self._service.reserve(hold)
        self._beats.remove(hold)
        return hold.hold_id, hold.admission.headers

    async def keep(self, hold_id: str, most: Charge) -> bool:
        """Keep a hold for days; False where it is no longer open. `most` is what is charged if
        nobody ever settles it.
        """
        return await self._renew(hold_id, pack_charge(most), served_json(most))

    async def renew(self, hold_id: str) -> bool:
        """Prolong a lease; False where the hold is no longer open."""
        return await self._renew(hold_id, b"", b"")

    async def settle(self, hold_id: str, charge: Charge) -> bool:
        """Replace what is held by what was used, once; False where the ledger knows no such hold
        (any more): nothing changed.
        """
        home = self._shards[hold_shard(hold_id)]
        used, payload = pack_charge(charge), served_json(charge)
        keys, args = Settlement(home, hold_id, str(charge.outcome), used, payload, None).call()
        reply = await self._nodes.run("settle", home.number, keys, args, seconds=_SECONDS)
        return bool(reply != UNKNOWN)

    async def _renew(self, hold_id: str, progress: bytes, payload: bytes) -> bool:
        home = self._shards[hold_shard(hold_id)]
        args = (LONG_LEASE_MS, hold_id, "d", progress, payload)
        keys = (home.holds, home.clock)
        replies = await self._nodes.run("renew", home.number, keys, args, seconds=_SECONDS)
        return bool(replies[0] == RENEWED)


def _nothing() -> Charge:
    return NOTHING
