"""Stored conversations in a dictionary, by organization and id."""

from collections.abc import Sequence
from typing import Any

import orjson

from router.stored.conversation import (
    ConversationLocked,
    ItemPage,
    MissingConversation,
    MissingItem,
    Reading,
    StoredConversation,
)
from router.stored.response import TooMuch


class FakeTalks:
    """What is stored is in `there`, metadata and items; one that is `full` takes nothing that was
    said. `log` notes who held what, `holders` who does.
    """

    def __init__(self, *, full: bool = False) -> None:
        self.full = full
        self.there: dict[tuple[str, str], tuple[bytes, list[dict[str, Any]]]] = {}
        self.holders: dict[str, str] = {}
        self.log: list[str] = []

    def _of(self, organization: str, id_: str) -> tuple[bytes, list[dict[str, Any]]]:
        if (organization, id_) not in self.there:
            raise MissingConversation
        return self.there[organization, id_]

    async def create(
        self, organization: str, id_: str, metadata: bytes, items: Sequence[dict[str, Any]]
    ) -> StoredConversation:
        """Make a conversation."""
        self.there[organization, id_] = (metadata, list(items))
        return await self.get(organization, id_)

    async def get(self, organization: str, id_: str) -> StoredConversation:
        """Return a conversation."""
        return StoredConversation(id_, 1, self._of(organization, id_)[0])

    async def update(self, organization: str, id_: str, metadata: bytes) -> StoredConversation:
        """Give a conversation other metadata."""
        self.there[organization, id_] = (metadata, self._of(organization, id_)[1])
        return await self.get(organization, id_)

    async def delete(self, organization: str, id_: str) -> None:
        """Erase a conversation."""
        self._of(organization, id_)
        del self.there[organization, id_]

    async def page(
        self, organization: str, id_: str, *, after: str | None, limit: int, ascending: bool
    ) -> ItemPage:
        """Return items behind one of them."""
        items = self._of(organization, id_)[1][:: 1 if ascending else -1]
        if after is not None:
            names = [item["id"] for item in items]
            if after not in names:
                raise MissingItem
            items = items[names.index(after) + 1 :]
        shown = tuple([orjson.dumps(item) for item in items[:limit]])
        return ItemPage(shown, len(items) > limit)

    async def item(self, organization: str, id_: str, item: str) -> bytes:
        """Return one item."""
        for one in self._of(organization, id_)[1]:
            if one["id"] == item:
                return orjson.dumps(one)
        raise MissingItem

    async def add(self, organization: str, id_: str, items: Sequence[dict[str, Any]]) -> None:
        """Put items at the end."""
        _, there = self._of(organization, id_)
        if id_ in self.holders:
            raise ConversationLocked
        there.extend(items)

    async def remove(self, organization: str, id_: str, item: str) -> StoredConversation:
        """Erase one item."""
        await self.item(organization, id_, item)
        there = self._of(organization, id_)[1]
        there[:] = [one for one in there if one["id"] != item]
        return await self.get(organization, id_)

    async def read(self, organization: str, id_: str, *, most_bytes: int) -> Reading:
        """Return all of it, the oldest first."""
        items = tuple([orjson.dumps(item) for item in self._of(organization, id_)[1]])
        if sum(map(len, items)) > most_bytes:
            raise TooMuch
        return Reading(len(items), items)

    async def hold(self, organization: str, id_: str, version: int, holder: str) -> None:
        """Keep everybody else from changing its items."""
        if id_ in self.holders or len(self._of(organization, id_)[1]) != version:
            raise ConversationLocked
        self.holders[id_] = holder
        self.log.append("hold")

    async def renew(self, id_: str, holder: str) -> bool:
        """Hold it longer; false where it is no longer held."""
        self.log.append("renew")
        return self.holders.get(id_) == holder

    async def release(self, id_: str, holder: str) -> None:
        """Hold it no longer."""
        self.log.append("release")
        if self.holders.get(id_) == holder:
            del self.holders[id_]

    async def append(
        self, organization: str, id_: str, holder: str, items: Sequence[dict[str, Any]]
    ) -> bool:
        """Put at the end what was said."""
        self.log.append("append")
        if self.full or self.holders.get(id_) != holder:
            return False
        del self.holders[id_]
        self._of(organization, id_)[1].extend(items)
        return True

    def start(self) -> None:
        """Nothing expires."""

    async def close(self) -> None:
        """Nothing is open."""
