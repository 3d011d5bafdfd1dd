"""What all gateways of a ledger do once between them: whoever claims it first, does it.

A claim is made for a minute, and kept for its whole time when the thing is done: who dies between
the two loses nothing, since the next to ask has it.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from router.ledger.keys import Shard, shard_of
from router.ledger.server.connection import CommandPart
from router.ledger.server.nodes import Nodes

CLAIM_MS: Final = 60_000


class Once:
    """Claims by name. Every method raises Disconnected where the ledger is away."""

    def __init__(self, nodes: Nodes, shards: Sequence[Shard]) -> None:
        self._nodes = nodes
        self._shards = shards

    async def claim(self, name: str) -> bool:
        """Claim a thing for a minute; false where somebody has it, or did it."""
        return await self._ask(name, "SET", "1", "NX", "PX", str(CLAIM_MS)) is not None

    async def keep(self, name: str, ms: int) -> None:
        """It is done: nobody shall do it again for so long, a millisecond at least."""
        await self._ask(name, "SET", "1", "PX", str(max(1, ms)))

    async def release(self, name: str) -> bool:
        """Let it be done again; whether anybody had it."""
        return bool(await self._ask(name, "DEL"))

    async def remember(self, name: str, value: int, ms: int) -> int:
        """Remember a number for so long, unless there is one of this name; returns what is."""
        home, key = self._place(name)
        write = ("SET", key, str(value), "NX", "PX", str(ms))
        _, there = await self._nodes.ask_all([(home, write), (home, ("GET", key))])
        return value if there is None else int(there)

    async def _ask(self, name: str, command: str, *args: str) -> object:
        home, key = self._place(name)
        (reply,) = await self._nodes.ask_all([(home, (command, key, *args))])
        return reply

    def _place(self, name: str) -> tuple[int, CommandPart]:
        home = self._shards[shard_of(name, len(self._shards))]
        return home.number, f"{home.base}a:{blake2b(name.encode(), digest_size=16).hexdigest()}"
