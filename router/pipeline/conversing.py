"""Conversations that the gateway keeps, on the corridor: read before a response, and added to.

Theory of operation. A request that names a conversation of ours is put together like one that
continues a response: the conversation's items stand before its input. It holds the conversation
from then on, so that no other response is on its way into it; what was asked and answered is put
there when the response is stored, and only then. What is not kept is not put there either.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Protocol
from uuid import uuid4

import orjson

from router.errors import BadRequest, NotFound, Unavailable
from router.protocols.responses.kept import is_conversation_id, replayed
from router.stored.conversation import (
    ConversationLocked,
    ItemPage,
    MissingConversation,
    Reading,
    StoredConversation,
)
from router.stored.response import TooMuch

RENEW_SECONDS: Final = 5.0  # a third of how long a hold lasts
_PARAM: Final = "conversation"


class ConversationShelf(Protocol):
    """Where conversations are kept: see `router.stored.conversation_shelf`.

    Every method that names one raises MissingConversation and Unavailable.
    """

    async def create(
        self, organization: str, id_: str, metadata: bytes, items: Sequence[dict[str, Any]]
    ) -> StoredConversation:
        """Make a conversation. Raises KnownItem, NoRoom."""

    async def get(self, organization: str, id_: str) -> StoredConversation:
        """Return a conversation."""

    async def update(self, organization: str, id_: str, metadata: bytes) -> StoredConversation:
        """Give a conversation other metadata."""

    async def delete(self, organization: str, id_: str) -> None:
        """Erase a conversation."""

    async def page(
        self, organization: str, id_: str, *, after: str | None, limit: int, ascending: bool
    ) -> ItemPage:
        """Return items behind one of them. Raises MissingItem."""

    async def item(self, organization: str, id_: str, item: str) -> bytes:
        """Return one item. Raises MissingItem."""

    async def add(self, organization: str, id_: str, items: Sequence[dict[str, Any]]) -> None:
        """Put items at the end. Raises ConversationLocked, KnownItem, NoRoom."""

    async def remove(self, organization: str, id_: str, item: str) -> StoredConversation:
        """Erase one item. Raises ConversationLocked, MissingItem."""

    async def read(self, organization: str, id_: str, *, most_bytes: int) -> Reading:
        """Return all of it, the oldest first. Raises TooMuch."""

    async def hold(self, organization: str, id_: str, version: int, holder: str) -> None:
        """Keep everybody else from changing its items. Raises ConversationLocked."""

    async def renew(self, id_: str, holder: str) -> bool:
        """Hold it longer; false where it is no longer held."""

    async def release(self, id_: str, holder: str) -> None:
        """Hold it no longer. Never raises."""

    async def append(
        self, organization: str, id_: str, holder: str, items: Sequence[dict[str, Any]]
    ) -> bool:
        """Put at the end what was said; False where that was not possible. Never raises."""

    def start(self) -> None:
        """Begin to erase what expires."""

    async def close(self) -> None:
        """Stop."""


class Talk:
    """A conversation as a response goes on with it. In the block nobody else changes its items.

    `earlier` are its items as input of a request. Entering the block raises BadRequest,
    NotFound and Unavailable.
    """

    def __init__(
        self,
        shelf: ConversationShelf,
        organization: str,
        id_: str,
        reading: Reading,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`sleep` passes the time between two renewals."""
        self.id = id_
        self.earlier = [*replayed([orjson.loads(item) for item in reading.items])]
        self._shelf = shelf
        self._organization = organization
        self._version = reading.version
        self._holder = uuid4().hex
        self._sleep = sleep
        self._renewing: asyncio.Task[None] | None = None
        self._over = False

    async def __aenter__(self) -> "Talk":
        try:
            await self._shelf.hold(self._organization, self.id, self._version, self._holder)
        except ConversationLocked:
            raise locked() from None
        except MissingConversation:
            raise missing_conversation(self.id) from None
        self._renewing = asyncio.create_task(self._renew(), name="conversation")
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
        if not self._over:
            await self._shelf.release(self.id, self._holder)

    async def append(self, items: Sequence[dict[str, Any]]) -> bool:
        """Put what was asked and answered at its end; False where that was not possible."""
        self._over = await self._shelf.append(self._organization, self.id, self._holder, items)
        return self._over

    async def _renew(self) -> None:
        """Hold it as long as it takes, through a database that is away for a while."""
        held = True
        while held:
            await self._sleep(RENEW_SECONDS)
            with contextlib.suppress(Unavailable):
                held = await self._shelf.renew(self.id, self._holder)


def conversation_named(body: Mapping[str, Any]) -> Any:
    """The id of the conversation that a request names, in either form."""
    named = body.get(_PARAM)
    return named.get("id") if isinstance(named, dict) else named


async def talk_of(
    shelf: ConversationShelf, organization: str, id_: Any, *, most_bytes: int
) -> Talk | None:
    """The conversation of ours with this id, read; None where it is none of ours.

    Raises BadRequest, NotFound, Unavailable.
    """
    if not is_conversation_id(id_):
        return None
    try:
        reading = await shelf.read(organization, id_, most_bytes=most_bytes)
    except MissingConversation:
        raise missing_conversation(id_) from None
    except TooMuch:
        raise BadRequest(
            f"The conversation has more than {most_bytes} bytes: more than this gateway puts"
            " together. Delete items of it, or begin another one.",
            param=_PARAM,
            code="conversation_too_long",
        ) from None
    return Talk(shelf, organization, id_, reading)


def missing_conversation(id_: str, why: str = "") -> NotFound:
    """The error for a conversation that is not there, or another organization's."""
    shown = id_[:80].encode("ascii", "replace").decode()
    error = NotFound(f"Conversation with id '{shown}' not found.{why}")
    error.code = None
    return error


def locked() -> BadRequest:
    """The error for a conversation into which a response is on its way."""
    return BadRequest(
        "Another response is on its way into this conversation, or has just come into it. Please"
        " retry in a few seconds.",
        param=_PARAM,
        code="conversation_locked",
    )
