"""A streamed answer as events in the words of no protocol, and what reads and writes them.

Theory of operation. Every event names its choice, and those of a part its number: parts may be open
side by side, each is opened, grows and is closed. A part opens with its head: an empty text, a call
with its id and name; what comes in one piece (an image, a citation-bearing block) opens whole. A
reader closes every part before `Stopped`. A writer that can have one part open at a time holds the
later ones back. Events are tuples: there is one for every token.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

import orjson

from router.protocols.hub.answer import Lines, Logprob, Stop
from router.protocols.hub.conversation import Citation, Part, Seal
from router.protocols.passage import MalformedReply
from router.protocols.sse import EventTooLarge, Splitter, data_of
from router.protocols.tolerant_json import loads


class Started(NamedTuple):
    """The answer begins; `usage` is what is known of it so far."""

    id: str
    model: str | None
    usage: Lines = ()


class PartOpened(NamedTuple):
    """A part begins with what is known of it."""

    choice: int
    part: int
    head: Part


class PartDelta(NamedTuple):
    """A part grows: text, thought, refusal or arguments, as its head says."""

    choice: int
    part: int
    text: str
    logprobs: tuple[Logprob, ...] = ()


class PartNoted(NamedTuple):
    """A part gets its seal, or a citation."""

    choice: int
    part: int
    note: Seal | Citation


class PartClosed(NamedTuple):
    """A part is whole."""

    choice: int
    part: int


class Stopped(NamedTuple):
    """One of the answers came to its end."""

    choice: int
    stop: Stop


class UsageSeen(NamedTuple):
    """What was used so far: the last one counts, never the sum."""

    usage: Lines


class Ended(NamedTuple):
    """Nothing more is to come."""


Event = Started | PartOpened | PartDelta | PartNoted | PartClosed | Stopped | UsageSeen | Ended


class StreamReader(Protocol):
    """Reads the bytes of one streamed answer."""

    @property
    def complete(self) -> bool:
        """Whether the server said how it ends, so that it may end here."""

    def feed(self, data: bytes) -> Sequence[Event]:
        """Take the next bytes; return the events they complete, the last of all `Ended`.

        Raises ErrorInside for an error event, MalformedReply for bytes that are no such stream.
        """

    def finish(self) -> Sequence[Event]:
        """The server closed: return what is left; MalformedReply where the answer was cut."""


class StreamWriter(Protocol):
    """Writes one streamed answer for a client."""

    dropped: list[str]

    def write(self, events: Sequence[Event]) -> bytes:
        """The bytes of these events; empty where nothing can be said yet."""

    def cut(self, request_id: str, model: str, why: str) -> bytes:
        """A well-formed end, as if the output limit had been reached; `why` is for people."""


_DONE: Final = b"[DONE]"


class EventStreamReader:
    """The common half of a reader of server-sent events: framing, JSON, the end.

    A protocol derives from it and implements `take`, which gets each event's JSON and appends to
    `out`. It sets `complete` once the answer may end, and says `end()` where it did.
    """

    __slots__ = ("_splitter", "complete", "ended", "out")

    def __init__(self) -> None:
        self._splitter = Splitter()
        self.out: list[Event] = []
        self.complete = False
        self.ended = False

    def feed(self, data: bytes) -> list[Event]:
        """Read the events that are whole."""
        if self.ended:
            return []
        if self._splitter.pending or not _is_one_event(data):
            self._split(data)
        else:
            self._read_data(data[5:])
        out = self.out
        self.out = []
        return out

    def _split(self, data: bytes) -> None:
        try:
            block = self._splitter.feed(data)
        except EventTooLarge:
            raise MalformedReply("sent an event that never ends") from None
        if block:
            self._read(block)

    def finish(self) -> list[Event]:
        """The server closed."""
        if self.ended:
            return []
        out: list[Event] = []
        if self._splitter.pending.strip():
            out = self.feed(b"\n\n")  # a last event without its empty line
        if not self.ended:
            if not self.complete:
                raise MalformedReply("ended its stream before the answer did")
            self.end()
        out += self.out
        self.out = []
        return out

    def take(self, event: dict[str, Any]) -> None:
        """Read one event."""
        raise NotImplementedError

    def end(self) -> None:
        """Nothing more is to come."""
        self.ended = True
        self.out.append(Ended())

    def _read(self, block: bytes) -> None:
        for event in block[:-2].split(b"\n\n"):  # a block ends with an empty line
            if event.startswith(b"data:") and b"\n" not in event:
                data: bytes | None = event[5:]  # the usual case: one line
            else:
                data = data_of(event)
            if data is not None and not self.ended:
                self._read_data(data)

    def _read_data(self, data: bytes) -> None:
        try:
            event = loads(data)
        except orjson.JSONDecodeError:
            data = data.strip()
            if data == _DONE:
                self.done()
                return
            if not data:
                return
            raise MalformedReply("sent an event that is not JSON") from None
        if type(event) is not dict:
            raise MalformedReply("sent an event that is not an object")
        try:
            self.take(event)
        except (KeyError, TypeError, AttributeError, IndexError, ValueError):
            raise MalformedReply("sent an event of an unknown shape") from None

    def done(self) -> None:
        """`[DONE]` came, which only some protocols know."""


def _is_one_event(data: bytes) -> bool:
    """Whether the bytes are one event of one line, as servers mostly send them."""
    if not data.startswith(b"data:") or not data.endswith(b"\n\n") or b"\r" in data:
        return False
    return data.find(b"\n") == len(data) - 2
