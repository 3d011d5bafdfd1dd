"""A caller whose answer is kept: each answer is stored before its end is told.

Theory of operation. A response may be continued as soon as its client knows that it is whole, at
any gateway. So a whole answer is stored, and then sent; of a stream every event goes on at once but
the last one, which waits until the response is stored. What is told as stored is stored: the first
events of a stream say `store: false`, since that is so, and the last one says what came of it.
"""

import logging
from functools import partial
from typing import Final, Protocol

from router.pipeline.caller import Caller
from router.pipeline.passing_caller import PassingCaller
from router.protocols.beside import beside_if_large
from router.protocols.responses.kept import (
    Kept,
    document_of,
    life_event,
    may_tell_life,
    named_items,
    retold,
    said_items,
)
from router.protocols.sse import EventTooLarge, Splitter, events
from router.stored.response import StoredResponse

_LOG = logging.getLogger(__name__)
_LARGEST_EVENT: Final = 64 * 1024 * 1024  # bytes; the last event repeats the whole answer


class Adds(Protocol):
    """Where responses are kept."""

    async def add(self, organization: str, response: StoredResponse) -> bool:
        """Store a response; False where that was not possible in time. Never raises."""


class KeepingCaller(PassingCaller):
    """See `router.pipeline.caller.Caller`; the answer is stored as `id_` for an organization."""

    def __init__(
        self,
        caller: Caller,
        shelf: Adds,
        organization: str,
        id_: str,
        kept: Kept,
        *,
        asked: int = 0,
    ) -> None:
        """`asked` is how many bytes the request has."""
        super().__init__(caller)
        self._shelf = shelf
        self._organization = organization
        self._id = id_
        self._kept = kept
        self._asked = asked
        self._splitter = Splitter(_LARGEST_EVENT)
        self._passing = False

    async def write(self, data: bytes) -> None:
        """Send the events that are whole by now, each as the kept response tells it."""
        if self._passing:
            await self._caller.write(data)
            return
        try:
            block = self._splitter.feed(data)
        except EventTooLarge:
            self._passing = True
            await self._caller.write(self._splitter.pending + data)
            return
        if block and may_tell_life(block):
            block = b"".join([await self._event(event) for event in events(block)])
        if block:
            await self._caller.write(block)

    async def end(self) -> None:
        """Finish a stream."""
        if not self._passing and self._splitter.pending:
            await self._caller.write(self._splitter.pending)
        await self._caller.end()

    async def send(self, body: bytes, status: int = 200) -> None:
        """Store a whole answer, and send it."""
        try:
            body = await self._stored(body)
        except ValueError:
            self._unread()
        await self._caller.send(body, status)

    async def _event(self, event: bytes) -> bytes:
        try:
            told = life_event(event)
            if told is None:
                return event
            if told.ended:
                return told.with_response(await self._stored(told.response))
            return told.with_response(self._retold(told.response, stored=False))
        except ValueError:
            self._unread()
            return event

    async def _stored(self, response: bytes) -> bytes:
        """The response as it is told once it is stored, or could not be. Raises ValueError."""
        size = self._asked + len(response)
        as_it_is = partial(self._retold, response, stored=False)
        if not self._kept.wanted:
            return await beside_if_large(size, as_it_is)
        told, entry = await beside_if_large(size, partial(self._entry, response))
        talk = self._kept.talk
        if talk is not None:
            items = await beside_if_large(size, partial(said_items, entry.document, self.id))
            if not await talk.append(items):
                return await beside_if_large(size, as_it_is)
        if await self._shelf.add(self._organization, entry):
            return told
        return await beside_if_large(size, as_it_is)

    def _entry(self, response: bytes) -> tuple[bytes, StoredResponse]:
        """The response as it is told once it is stored, and what is stored of it."""
        told = self._retold(response, stored=True)
        document = document_of(told, self._kept.given, self.id)
        return told, StoredResponse(self._id, self._kept.previous, document, named_items(told))

    def _retold(self, response: bytes, *, stored: bool) -> bytes:
        return retold(response, self._id, self._kept, stored=stored)

    def _unread(self) -> None:
        _LOG.warning("an answer could not be read, so it is not kept", extra={"id": self.id})
