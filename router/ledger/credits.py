"""Prepaid balances: the one limit that lives in the ledger, since no policy knows it."""

from dataclasses import dataclass
from typing import NamedTuple

from router.ledger.keys import PREFIX, Shard, scope, shard_of
from router.ledger.quotas.calendar import FOREVER
from router.ledger.quotas.dimensions import DIMENSIONS
from router.ledger.server.clients import Client
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


class Credit(NamedTuple):
    """What was once added to a balance, in nano-USD; `at` in Unix milliseconds."""

    organization: str
    credit_id: str
    nano_usd: int
    at: int


async def credits_given(client: Client) -> list[Credit]:
    """Every credit that the ledger knows of, oldest first. Raises Disconnected.

    An id that the ledger keeps as its hash is told as that, and adds once all the same. Of an
    organization whose name it keeps as a hash nothing can be said.
    """
    found = []
    async for raw in client.scan_iter(match=f"{PREFIX}:{{*}}:credit:o:*", count=1000):
        organization, _, credit_id = raw.decode().partition(":credit:o:")[2].partition("/")
        said = await client.get(raw)
        if said is not None and not organization.startswith("#"):
            at, _, nano = said.decode().partition(":")
            found.append(Credit(organization, credit_id, int(nano), int(at)))
    return sorted((one for one in found if one.nano_usd), key=lambda one: (one.at, one.credit_id))


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
