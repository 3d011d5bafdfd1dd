"""Chats that the gateway keeps, on the corridor: those whose request says `store: true`.

Where the gateway keeps them, no backend is asked to: `store`, and the `metadata` that is kept with
it, stay here. The answer goes to its client as its bytes came.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Protocol

from policies.decision import Decision
from router.ask import Ask
from router.domain import Principal
from router.pipeline.caller import Caller
from router.pipeline.keeping_chats import KeepingChatCaller
from router.pipeline.request_context import RequestContext
from router.protocols.beside import beside_if_large
from router.protocols.chat.kept import ONLY_KEPT, read_metadata
from router.protocols.edits import without
from router.stored.page import Page
from router.stored.response import StoredResponse
from router.world.config import Config
from router.world.snapshot import Snapshot


class ChatShelf(Protocol):
    """Where chats are kept: see `router.stored.chats`. All but `add` raise Unavailable."""

    async def add(self, organization: str, response: StoredResponse) -> bool:
        """Store a chat; False where that was not possible in time. Never raises."""

    async def get(self, organization: str, id_: str) -> StoredResponse:
        """Return a chat. Raises MissingResponse."""

    async def delete(self, organization: str, id_: str) -> bool:
        """Erase a chat; False where there is none."""

    async def change(
        self, organization: str, id_: str, changed: Callable[[bytes], bytes]
    ) -> StoredResponse:
        """Store another document in the place of one; return it. Raises MissingResponse."""

    async def page(self, organization: str, page: Page) -> tuple[list[StoredResponse], bool]:
        """Return a part of a listing, and whether there is more.

        Raises MissingResponse where there is nothing to go on behind, TooMuch.
        """

    async def close(self) -> None:
        """Let go of the database."""


def kept_chats(url: str, config: Config) -> "KeptChats | None":
    """Return what keeps chats as the operator wrote it; None without a key.

    Raises DatabaseError where its tables cannot be made.
    """
    section = config.responses
    if not section.keys:
        return None
    keys = [key.get_secret_value() for key in section.keys]
    stored = import_module("router.stored.chats")  # it needs an extra
    shelf: ChatShelf = stored.open_chats(url, keys, keep=section.keep, room=section.room)
    return KeptChats(shelf, frozenset(section.home))


class KeptChats:
    """See `router.pipeline.serving.KeepsChats`. `home`: the backends whose private answers are
    kept."""

    def __init__(self, shelf: ChatShelf, home: frozenset[str]) -> None:
        self.shelf = shelf
        self._home = home

    async def asked(self, ask: Ask, world: Snapshot, principal: Principal) -> Ask:
        """Return a request that asks to be kept as backends see it. Raises BadRequest."""
        read_metadata(ask.body.get("metadata"))
        tier = world.policy.tiers.get(principal.tier)
        allowed = tier is None or tier.store
        sent = await beside_if_large(len(ask.raw), partial(without, ask, ONLY_KEPT))
        return sent._replace(storing=ask.storing if allowed else None)

    def keeping(self, caller: Caller, context: RequestContext, decision: Decision) -> Caller:
        """Return the caller as an answer meets it: what is private is kept at home alone."""
        if context.pii and not decision.allowed <= self._home:
            return caller
        organization = context.principal.organization
        size = len(context.ask.raw)
        return KeepingChatCaller(caller, self.shelf, organization, context.ask.storing, asked=size)
