"""Answers of operations that the operator declared: relayed as they come, whatever they are.

Nothing in them is understood. Where the operator says at which JSON pointers an answer tells its
tokens, those are read in passing: of a whole answer, or of the events of a stream, where the last
ones count.
"""

from typing import Any, Final, NamedTuple

from router.ask import Ask
from router.domain import Usage
from router.protocols.hub.values import count
from router.protocols.passage import AnswerStream, Ending, Reply
from router.protocols.sse import EventTooLarge, Splitter, data_of, events
from router.protocols.tolerant_json import loads
from router.protocols.usage import estimate_usage

LARGEST_READ: Final = 4 * 1024 * 1024  # bytes of an answer, or of an event, that tells tokens
_OBJECT: Final = (b"{", b"[")
Pointer = tuple[str, ...]
_Told = tuple[int | None, int | None]  # input and output
_NOTHING: Final[_Told] = (None, None)


class TokenPointers(NamedTuple):
    """Where an answer tells its tokens (RFC 6901), each by the names on the way; None: nowhere."""

    input: Pointer | None = None
    output: Pointer | None = None


class Sending(NamedTuple):
    """How one request of a declared operation goes on.

    `path` is as it is sent, its parameters in place; `at_root`: below the server's root, and not
    below the backend's base address. `query` came with the request. `tokens` None: an answer is
    not read.
    """

    method: str
    path: str
    query: str = ""
    at_root: bool = False
    tokens: TokenPointers | None = None


class DeclaredPassage:
    """Relays any answer under its own content type."""

    headers = ("content-disposition",)
    notes = ()
    types = ("",)  # any

    def reply(self, raw: bytes, ask: Ask) -> Reply:
        """A whole answer, as it came."""
        tokens = ask.declared.tokens
        told = _NOTHING if tokens is None else _read(raw, tokens, _NOTHING)
        return Reply(raw, _usage(ask, told), None)

    def stream(self, ask: Ask) -> AnswerStream:
        """An answer of which nobody said how long it is, or events."""
        return DeclaredStream(ask)


class DeclaredStream:
    """The bytes of an answer as they come."""

    __slots__ = (
        *("_ask", "_splitter", "_told", "_tokens", "_whole"),
        *("finished", "has_content", "model", "output_tokens_seen", "usage"),
    )

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._tokens: TokenPointers | None = ask.declared.tokens
        self._splitter: Splitter | None = None  # of events
        self._whole: bytearray | None = None  # of an answer that is none of events
        self._told = _NOTHING
        self.usage: Usage | None = None
        self.output_tokens_seen = 0
        self.model: str | None = None
        self.has_content = False
        self.finished = False

    @property
    def ending(self) -> Ending:
        """Nothing: neither an id nor a reason is known."""
        return Ending()

    def feed(self, data: bytes) -> bytes:
        """Relay everything."""
        if self._tokens is not None:
            self._note(data, self._tokens)
        self.has_content = True
        return data

    def _note(self, data: bytes, tokens: TokenPointers) -> None:
        """Look for tokens; an answer that is too large for that is relayed unread."""
        if not self.has_content:
            if data.lstrip()[:1] in _OBJECT:
                self._whole = bytearray()
            else:
                self._splitter = Splitter(LARGEST_READ)
        if self._whole is not None:
            self._whole += data
            if len(self._whole) > LARGEST_READ:
                self._whole = self._tokens = None
        elif self._splitter is not None:
            try:
                self._note_events(self._splitter.feed(data), tokens)
            except EventTooLarge:
                self._splitter = self._tokens = None

    def _note_events(self, block: bytes, tokens: TokenPointers) -> None:
        for event in events(block) if block else ():
            said = data_of(event)
            if said is not None:
                self._told = _read(said, tokens, self._told)

    def finish(self) -> bytes:
        """It is whole where it ended as HTTP says."""
        if self._tokens is not None:
            if self._splitter is not None and self._splitter.pending.strip():
                self._note(b"\n\n", self._tokens)  # a last event without its empty line
            if self._whole:
                self._told = _read(bytes(self._whole), self._tokens, self._told)
        self.finished = True
        self.usage = _usage(self._ask, self._told)
        return b""

    def cut(self, request_id: str, model: str, why: str) -> bytes:
        """Nothing: of what is not known no end can be said."""
        del request_id, model, why
        return b""


def _usage(ask: Ask, told: _Told) -> Usage:
    """What an answer told, else the gateway's own count; units are those of the request."""
    if ask.declared.tokens is None:
        return Usage(units=ask.units)
    if told == _NOTHING:
        return estimate_usage(ask, 0)
    read, wrote = told
    return Usage(read or 0, wrote or 0, units=ask.units)


def _read(raw: bytes, tokens: TokenPointers, before: _Told) -> _Told:
    """The tokens that JSON tells; where it tells none that can be true, those told `before`."""
    try:
        document = loads(raw)
    except ValueError:
        return before
    read, wrote = count(_at(document, tokens.input)), count(_at(document, tokens.output))
    return before[0] if read is None else read, before[1] if wrote is None else wrote


def _at(document: Any, pointer: Pointer | None) -> Any:
    """The value at a pointer; None where there is none."""
    held = document if pointer is not None else None
    for name in pointer or ():
        if isinstance(held, dict):
            held = held.get(name)
        elif isinstance(held, list) and name.isascii() and name.isdigit() and len(name) < 10:
            held = held[int(name)] if int(name) < len(held) else None
        else:
            return None
    return held
