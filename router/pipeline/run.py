"""One response in the background: the corridor's caller, which outlives the client that asked.

Theory of operation. The corridor walks for a `Run` as for any caller. Until the request is admitted
the client waits, and what goes wrong is its answer, as always. From then on nobody waits: what is
answered becomes events of a log, and a beat of the gateway (`router.pipeline.background`) stores
them. The end is told once it is stored.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from router.errors import TurnoutError, Unavailable, UpstreamFailed
from router.pipeline.caller import Caller
from router.pipeline.event_log import EventLog
from router.protocols.responses.running import RunningResponse
from router.protocols.sse import Splitter
from router.stored.response import StoredResponse
from router.stored.run import Beat, Chunk, Ended

_LARGEST_EVENT: Final = 64 * 1024 * 1024  # bytes; the last event repeats the whole answer
MOST_WAITING: Final = 64_000_000  # bytes of events that the database did not take yet


class Run:
    """See `router.pipeline.caller.Caller`; the answer becomes events of `log`.

    `admitted` is done once the request is let in and stored, or could not be. `task` walks.
    """

    task: "asyncio.Task[None]"

    def __init__(
        self, caller: Caller, organization: str, id_: str, response: RunningResponse
    ) -> None:
        self.id = caller.id
        self.authorization = caller.authorization
        self.fields = caller.fields
        self.headers: list[tuple[str, str]] = []
        self.content_type = self.route = self.backend = ""
        self.organization = organization
        self.response_id = id_
        self.response = response
        self.log = EventLog()
        self.log.add(response.opening())
        self.admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.begun = False  # it is stored
        self.over = False  # and its end is
        self._asker: Caller | None = caller
        self._splitter = Splitter(_LARGEST_EVENT)
        self._told_begin = False  # the store knows that a backend answers
        self._beat: Beat | None = None  # that was not taken yet

    # What the corridor asks: router.pipeline.caller says what each promises.

    def hint_headers(self) -> Mapping[str, str]:
        """Return the request's x-turnout-* headers, while its client waits."""
        return {} if self._asker is None else self._asker.hint_headers()

    def header_values(self, names: Iterable[str]) -> Mapping[str, str]:
        """Return those of the request's headers that were sent, while its client waits."""
        return {} if self._asker is None else self._asker.header_values(names)

    async def body(self) -> bytes:
        """Nothing: the body was read."""
        return b""

    def awaits_stream(self) -> None:
        """Nobody waits."""

    async def start(self, status: int = 200) -> None:
        """There is no head."""

    def put(self, data: bytes) -> bool:
        """Take nothing without waiting: events are looked at."""
        return False

    async def write(self, data: bytes) -> None:
        """Take a part of a stream. Raises Unavailable where the database took nothing for long."""
        block = self._splitter.feed(data)
        if block:
            self.log.add(self.response.take(block))
        if self.log.waiting > MOST_WAITING:
            raise Unavailable("The database that keeps responses takes nothing.")

    async def end(self) -> None:
        """A stream has ended."""

    async def send(self, body: bytes, status: int = 200) -> None:
        """Take a whole answer. Raises UpstreamFailed where it cannot be read."""
        try:
            self.log.add(self.response.whole(body))
        except ValueError:
            raise UpstreamFailed("The backend's answer cannot be read.") from None

    # What the background asks.

    def admit(self) -> None:
        """Note that it is stored: from now on its client is told, and may leave."""
        self.begun, self._asker = True, None
        self.log.stored(self.opening())
        if not self.admitted.done():
            self.admitted.set_result(None)

    def fail(self, error: TurnoutError) -> None:
        """End it by what went wrong, unless it has ended."""
        if self.begun:
            if self.response.finish is None:
                self.response.fail(error)
        elif not self.admitted.done():
            self.admitted.set_exception(error)

    def opening(self) -> Chunk:
        """The events that are told before a backend is asked."""
        opening = self.log.since(-1) or []
        return Chunk(0, 1, b"".join(opening[:2]))

    def stored(self, document: bytes, items: tuple[tuple[str, bytes], ...] = ()) -> StoredResponse:
        """A document of this response as it is stored."""
        return StoredResponse(self.response_id, self.response.previous, document, items)

    def beat(self) -> Beat:
        """What is new of it: the same again until it is taken."""
        if self._beat is None:
            self._beat = self._news()
        return self._beat

    def taken(self, beat: Beat) -> None:
        """Note that a beat is stored: its events may be forgotten, and its end be told."""
        self._beat = None
        if beat.chunk is not None:
            self.log.stored(beat.chunk)
        self._told_begin = self._told_begin or beat.response is not None
        if beat.ended is not None:
            if beat.ended.last is not None:
                self.log.add([beat.ended.last.events])
            self.leave()

    def leave(self) -> None:
        """Nothing of it will be told here any more."""
        self.over = True
        self.log.close()

    def _news(self) -> Beat:
        chunk, begins = self.log.chunk(), self.response.begun and not self._told_begin
        response = self.stored(self.response.document()) if begins else None
        return Beat(self.organization, self.response_id, chunk, response, self._ended())

    def _ended(self) -> Ended | None:
        finish = self.response.finish
        if finish is None:
            return None
        last = Chunk(finish.number, finish.number, finish.event)
        whole = self.stored(finish.document, finish.items)
        return Ended(whole, last, self.stored(finish.instead))
