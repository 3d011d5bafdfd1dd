"""One response over a WebSocket: to the corridor a caller like any other, whose answer is a stream.

It is served by the same `Inference` as a request over HTTP, so it is held for, settled, counted and
cancelled the same way. Its events are told as messages; what an answer over HTTP has in its headers
is told with the first.
"""

import asyncio
import logging
from typing import Final, Protocol

from router.api.body_room import LARGE, TIMES
from router.api.gateway import Limits
from router.api.incoming import Asked
from router.api.request_id import new_request_id
from router.api.websocket.cargo import Cargo
from router.api.websocket.memory import Memory
from router.errors import PayloadTooLarge, StreamBroken, TurnoutError
from router.ledger.text_weights import weight
from router.operations.operation import Row
from router.protocols.ahead import read_ahead
from router.protocols.headers import Fields, credential_of
from router.protocols.responses.frames import Create, Earlier, Telling
from router.protocols.sse import EventTooLarge, Splitter

_LOG = logging.getLogger(__name__)
_LARGEST_EVENT: Final = 64 * 1024 * 1024  # bytes; the last event repeats the whole answer
_CUT: Final = "The stream of this response broke off before its end."


class Client(Protocol):
    """The client's end of the connection, as its turns see it."""

    @property
    def behind(self) -> bool:
        """Whether it reads more slowly than it is written to."""

    def tell(self, message: bytes) -> None:
        """Send a message; nothing where the connection is closing."""

    async def caught_up(self) -> None:
        """Wait until it is no longer behind."""

    def over(self, turn: "Turn") -> None:
        """Note that a turn is over."""


class Turn(Asked):
    """See `router.pipeline.caller.Caller`, and `router.api.exchange` for what else it has."""

    __slots__ = (
        *("_cargo", "_client", "_create", "_earlier", "_limits", "_memory", "_splitter"),
        "_telling",
        *("backend", "content_type", "disconnected", "headers", "id", "response_complete"),
        *("route", "status", "streaming", "task"),
    )

    method = b"POST"

    def __init__(
        self,
        client: Client,
        row: Row,
        fields: dict[bytes, bytes],
        create: Create,
        *,
        memory: Memory,
        limits: Limits,
        cargo: Cargo | None = None,
    ) -> None:
        """`fields` are the headers that opened the connection; `cargo` is the room that the message
        has, if it is large."""
        self.row = row
        self.fields = fields
        self.authorization = credential_of(fields)
        self._client = client
        self._create = create
        self._memory = memory
        self._limits = limits
        self._cargo = cargo
        self._earlier = Earlier()
        self._splitter = Splitter(_LARGEST_EVENT)
        self._telling = Telling(create.lane, create.previous)
        self.id = new_request_id()
        self.headers: list[tuple[str, str]] = []
        self.route = self.backend = self.content_type = ""
        self.status = 0  # until it began
        self.streaming = self.disconnected = self.response_complete = False
        self.task: asyncio.Task[None] | None = None

    @property
    def lane(self) -> str:
        """The lane that it runs in."""
        return self._create.lane

    @property
    def size(self) -> int:
        """Bytes of its message."""
        return len(self._create.raw)

    def left(self) -> None:
        """Note that the client is gone; what still runs for it ends."""
        self.disconnected = True
        if self.task is not None and not self.response_complete:
            self.task.cancel()

    @property
    def gone(self) -> bool:
        """Whether the client left before the response was complete."""
        return self.disconnected and not self.response_complete

    # What the corridor asks, and what goes back; router.pipeline.caller says what each promises.

    async def body(self) -> bytes:
        """Return the body, with what it continues in front of its input.

        Raises BadRequest where that is not remembered, PayloadTooLarge; LimitExceeded and
        Overloaded where there is no room for what it continues.
        """
        earlier = self._earlier = self._memory.earlier(self._create)
        most, size = self._limits.body, self.size
        if earlier.parts:
            size += earlier.size
        await self._take_room(min(size, most))
        body = self._create.body(earlier)
        if len(body) > most:
            raise PayloadTooLarge(
                f"The conversation is larger than this gateway accepts ({most} bytes). "
                "Begin anew with what matters of it in 'input'."
            )
        await read_ahead(body, weight)
        return body

    async def _take_room(self, size: int) -> None:
        """Take the room that the body has beyond that of its message, and a large one's turn."""
        room = self._limits.room
        if room is None:
            return
        beyond = size - (0 if self._cargo is None else self._cargo.size)
        if beyond > LARGE:
            await room.enter(self.authorization, TIMES * beyond)
        if size > LARGE:
            await room.turn(self.authorization, size)

    def unload(self) -> None:
        """Give back the room of the message: nobody needs it any more."""
        if self._cargo is not None:
            self._cargo.leave()

    def awaits_stream(self) -> None:
        """Do nothing: the connection shows by itself that it is alive."""

    async def start(self, status: int = 200) -> None:
        """Begin to tell the response."""
        if self._client.behind and not self.disconnected:
            await self._client.caught_up()
        self.streaming, self.status = True, status
        self._telling.headers = (*self.headers, ("x-request-id", self.id))

    async def write(self, data: bytes) -> None:
        """Tell a part of the response."""
        if self._client.behind and not self.disconnected:
            await self._client.caught_up()
        self._tell(data)

    def put(self, data: bytes) -> bool:
        """Tell a part of the response, unless the client is behind; return whether it was told."""
        if self._client.behind or self.disconnected:
            return False
        self._tell(data)
        return True

    def _tell(self, data: bytes) -> None:
        if self._telling.ended or self.disconnected:
            return
        try:
            block = self._splitter.feed(data)
        except EventTooLarge:
            _LOG.warning("an event is too large for a message", extra={"id": self.id})
            self._client.tell(self._telling.error(StreamBroken(_CUT), self.id))
            return
        for message in self._telling.messages(block) if block else ():
            self._client.tell(message)
        if self._telling.final is not None:  # at once: another lane may go on from it
            self._memory.add(self._telling.final, self._create, self._earlier)

    async def end(self) -> None:
        """Finish the response; one without an end gets one."""
        self._tell(b"\n\n")  # behind an event that its server did not finish
        if not self._telling.ended and not self.disconnected:
            self._client.tell(self._telling.error(StreamBroken(_CUT), self.id))
        self.response_complete = not self.disconnected

    async def send(self, body: bytes, status: int = 200) -> None:
        """Tell a whole response at once: `body` is all its events."""
        await self.start()
        self._tell(body)
        await self.end()

    async def fail(self, error: TurnoutError) -> None:
        """Tell the client what went wrong, once."""
        if not self._telling.ended:
            self._client.tell(self._telling.error(error, self.id))
        self.status = self.status or error.status
        self.response_complete = not self.disconnected

    def close(self) -> None:
        """Let the connection go on with what waits."""
        self._client.over(self)


_OF_ONE_REQUEST: Final = frozenset(
    (b"content-encoding", b"content-length", b"content-type", b"expect", b"idempotency-key")
)
_BETA: Final = b"openai-beta"
_OF_THE_TRANSPORT: Final = b"responses_websockets="


def fields_of(opening: Fields) -> dict[bytes, bytes]:
    """The headers of each response: those that opened the connection, but for what a single request
    or the transport alone has."""
    fields = {name: value for name, value in opening.items() if name not in _OF_ONE_REQUEST}
    betas = [beta.strip() for beta in fields.pop(_BETA, b"").split(b",")]
    kept = [beta for beta in betas if beta and not beta.startswith(_OF_THE_TRANSPORT)]
    if kept:
        fields[_BETA] = b",".join(kept)
    return fields
