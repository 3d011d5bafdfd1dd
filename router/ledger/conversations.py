"""Which backend served a conversation last, known to every replica.

This process remembers as many as fit, and the ledger's server keeps them for the other replicas.
Only a follow-up turn that this process has not seen costs a look-up; updates are sent without
waiting. It is a hint for routing: while the server is away, conversations are decided anew.
"""

from collections import OrderedDict
from typing import Final

from router.ledger.keys import Shard, scope, shard_of
from router.ledger.server.errors import Disconnected
from router.ledger.server.nodes import Nodes

_MOST: Final = 20_000
_SECONDS_KEPT: Final = 3_600
_LOOK_UP_SECONDS: Final = 0.05


class Conversations:
    """What this process and its ledger remember of conversations."""

    def __init__(self, nodes: Nodes, shards: list[Shard]) -> None:
        self._nodes = nodes
        self._shards = shards
        self._known: OrderedDict[tuple[str, str], str] = OrderedDict()

    async def previous(self, organization: str, conversation: str, *, follow_up: bool) -> str:
        """Return the backend that served this conversation last; empty where it is not known."""
        known = self._known.get((organization, conversation), "")
        if known or not follow_up:
            return known
        shard = self._shards[shard_of(organization, len(self._shards))]
        try:
            raw = await self._nodes.connection(shard.number).ask(
                "GET", _key(shard, organization, conversation), seconds=_LOOK_UP_SECONDS
            )
        except Disconnected:
            return ""
        name = raw.decode() if isinstance(raw, bytes) else ""
        if name:
            self._keep(organization, conversation, name)
        return name

    def served(self, organization: str, conversation: str, backend: str) -> None:
        """Remember who served, here and for the other replicas; waits for nothing."""
        if self._known.get((organization, conversation)) == backend:
            return
        self._keep(organization, conversation, backend)
        shard = self._shards[shard_of(organization, len(self._shards))]
        key = _key(shard, organization, conversation)
        sent = self._nodes.connection(shard.number).call("SET", key, backend, "EX", _SECONDS_KEPT)
        sent.add_done_callback(lambda future: future.cancelled() or future.exception())

    def _keep(self, organization: str, conversation: str, backend: str) -> None:
        self._known[organization, conversation] = backend
        self._known.move_to_end((organization, conversation))
        if len(self._known) > _MOST:
            self._known.popitem(last=False)


def _key(shard: Shard, organization: str, conversation: str) -> str:
    return shard.base + scope("conversation", organization, conversation)
