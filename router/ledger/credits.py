"""Prepaid balances: the one limit that lives in the ledger, since no policy knows it."""

from dataclasses import dataclass

from router.ledger.keys import Shard, scope, shard_of
from router.ledger.quotas.calendar import FOREVER
from router.ledger.quotas.dimensions import DIMENSIONS
from router.ledger.server.nodes import Nodes


@dataclass(frozen=True, slots=True)
class Balance:
    """An organization's prepaid balance, in nano-USD. `added`: whether this credit was new."""

    added: bool
    granted: int
    used: int
    held: int

    @property
    def left(self) -> int:
        """What may still be spent."""
        return self.granted - self.used - self.held


async def add_credit(
    nodes: Nodes, shards: list[Shard], organization: str, nano_usd: int, credit_id: str
) -> Balance:
    """Add to a balance (or take back, where negative), once for each id; 0 only reads it."""
    home = shards[shard_of(organization, len(shards))]
    keys = (
        home.clock,
        f"{home.base}credit:{scope('organization', organization, credit_id)}",
        home.scopes + scope("organization", organization),
    )
    args = (f"C{DIMENSIONS['prepaid_usd'].field} ;", nano_usd, FOREVER)
    known, granted, used, held = await nodes.run("credit", home.number, keys, args, seconds=1.0)
    return Balance(not known, int(granted), int(used), int(held))
