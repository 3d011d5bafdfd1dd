"""What a server must be before it may keep a ledger, and what the first gateway writes there."""

import contextlib
import os
from dataclasses import dataclass
from typing import Any, Final

from router.ledger.keys import META
from router.ledger.server.address import LedgerAddress, Node
from router.ledger.server.clients import Client, client_of
from router.ledger.server.durability import DurabilityCheck
from router.ledger.server.errors import Moved, StartupError, translated

FORMAT: Final = 4  # the only one that is read
SHARDS: Final = 64
_OLDEST: Final = (6, 2)


@dataclass(slots=True)
class LedgerMeta:
    """What is fixed when a ledger is first used: virtual shards, and the key of its pseudonyms."""

    shards: int = SHARDS
    secret: bytes = b""


async def check_node(
    node: Node, address: LedgerAddress, meta: LedgerMeta, durability: DurabilityCheck
) -> None:
    """Check a node, and read the ledger's meta into `meta`; written first where there is none.

    A ledger that lost everything gets the meta back that this process knows. Raises StartupError
    where the node would lose or misread limits, Disconnected where it does not answer.
    """
    async with client_of(node, address) as client:
        facts = await client.info()
        _check_server(facts, node)
        await durability.judge(client, facts, node)
        with contextlib.suppress(Moved), translated():  # one node of a cluster keeps the meta
            await _read_meta(client, node, meta)


def _check_server(facts: dict[str, Any], node: Node) -> None:
    version = str(facts.get("valkey_version") or facts.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
        raise StartupError(
            f"The ledger's server is version {version}; Turnout needs Redis or Valkey 6.2 or newer."
        )
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise StartupError(
            f"The ledger's server at {node} has maxmemory-policy {policy}: under memory"
            " pressure it would delete limits and bills without a word. Set it to noeviction"
            " (CONFIG SET maxmemory-policy noeviction, and in its configuration file)."
        )


async def _read_meta(client: Client, node: Node, meta: LedgerMeta) -> None:
    secret = meta.secret or os.urandom(16)
    for name, value in (("format", FORMAT), ("shards", SHARDS), ("secret", secret.hex())):
        await client.hsetnx(META, name, value)
    version, shards, known = await client.hmget(META, ["format", "shards", "secret"])
    if int(version) != FORMAT or int(shards) != SHARDS:
        raise StartupError(
            f"The ledger at {node} has format {int(version)} with {int(shards)} virtual shards;"
            f" this Turnout reads and writes format {FORMAT} with {SHARDS}. Use the Turnout version"
            " that wrote it, or another database."
        )
    meta.secret = bytes.fromhex(known.decode())
