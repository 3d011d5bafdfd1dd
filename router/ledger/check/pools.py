"""What an organization's pools and leases hold, read from the ledger for a drill."""

from collections.abc import Sequence
from dataclasses import dataclass

import hiredis

from router.ledger.keys import Shard, scope, shard_of
from router.ledger.quotas.compiled_quotas import place_of
from router.ledger.quotas.dimensions import DIMENSIONS, Quota
from router.ledger.server.connection import Disconnected
from router.ledger.server.nodes import Nodes
from router.ledger.states import CalendarState, read_states


@dataclass(slots=True)
class Pools:
    """Tokens used, what is held, pico-USD spent, and open holds, over some quotas."""

    used: int = 0
    held: int = 0
    spent_pico: int = 0
    open: int = 0


async def read_pools(
    nodes: Nodes, shards: list[Shard], organization: str, key_id: str, quotas: Sequence[Quota]
) -> Pools:
    """Read what these quotas count now. Raises Disconnected."""
    home = shards[shard_of(organization, len(shards))]
    names = {"organization": None, "key": key_id}
    pools = Pools()
    for quota in quotas:
        row = DIMENSIONS[quota.dimension]
        key = home.scopes + scope(quota.level, organization, names[quota.level])
        try:
            raw = await nodes.connection(home.number).ask("GET", key)
        except hiredis.ReplyError as error:
            raise Disconnected(str(error).split(":", 1)[0]) from None
        numbers = read_states(raw or b"").get(place_of(quota).decode())
        if numbers is None:
            continue
        if row.algorithm == "L":
            pools.open += numbers[0]
        elif row.algorithm == "C":
            state = CalendarState.of(numbers)
            pools.held += state.held
            if row.money:
                pools.spent_pico += state.used * row.scale + state.rem
            else:
                pools.used += state.used
    return pools
