"""How an answer passes through: read for what is metered, and handed on in the client's protocol.

A `Passage` reads the answers of servers that speak the client's own protocol: the bytes go on as
they came. Where a server speaks another one, a translation has the same face, so that whoever
relays an answer need not know which of the two it is. Sans-I/O: bytes in, bytes out.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from policies.value import value
from router.ask import Ask
from router.domain import Usage
from router.protocols.tolerant_json import loads


class MalformedReply(Exception):
    """The server's answer is not what its protocol says: not JSON, no choices, cut short."""


class ErrorInside(Exception):
    """The server answered 200 and put an error into the body or the stream.

    `status` is the HTTP status it should have been, `body` the object in which it stood.
    """

    def __init__(
        self, message: str, status: int = 502, body: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.body = body


def read_object(raw: bytes, what: str = "answered", which: str = "") -> dict[str, Any]:
    """The JSON object that a server sent; MalformedReply, which says `what` it did, for another."""
    try:
        body = loads(raw)
    except orjson.JSONDecodeError:
        raise MalformedReply(f"{what} {which or 'something'} that is not JSON") from None
    if not isinstance(body, dict):
        raise MalformedReply(f"{what} {which or 'JSON'} that is not an object")
    return body


@value
class Reply:
    """A whole answer, client-ready. `model` is what the server said served it."""

    body: bytes
    usage: Usage
    model: str | None


@value
class Ending:
    """What an answer is called, and why each of its choices ended, in its protocol's own words."""

    id: str | None = None
    reasons: tuple[str, ...] = ()


class AnswerStream(Protocol):
    """Takes the bytes of one streamed answer as they come, and gives client-ready bytes."""

    @property
    def usage(self) -> Usage | None:
        """What the server said it used; None until it did."""

    @property
    def output_tokens_seen(self) -> int:
        """Output tokens handed out so far, counted by the gateway."""

    @property
    def model(self) -> str | None:
        """The model as the server names it, once it did."""

    @property
    def ending(self) -> Ending:
        """What is known so far of its id, and of why it ended; worked out when it is asked for."""

    @property
    def has_content(self) -> bool:
        """Whether something came that a client would call a part of the answer.

        A comment, a ping, a chunk that names a role and no more are none: until then another
        backend may still be asked.
        """

    @property
    def finished(self) -> bool:
        """Whether nothing more is to come, so that nobody need wait for the close."""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return what they complete, maybe nothing.

        Raises ErrorInside for an error event, MalformedReply for bytes that are no such stream.
        """

    def finish(self) -> bytes:
        """The server closed: return what is left, and be `finished`.

        MalformedReply where the answer was cut.
        """

    def cut(self, request_id: str, model: str, why: str) -> bytes:
        """Return how a stream ends that the gateway ends here: well formed, as if the output limit
        had been reached. `why` stands beside it for people, where the protocol leaves room.
        """


class Passage(Protocol):
    """Reads the answers to one request after another.

    `headers` are the names of those of an answer's headers that go back to the client, the first
    being one that a server sends if it sends any of them. `types` is how the content types begin
    under which answers come that are neither JSON nor events; they go back under their own.
    """

    @property
    def headers(self) -> tuple[str, ...]:
        """Names in lower case."""

    @property
    def types(self) -> tuple[str, ...]:
        """Beginnings in lower case; none where every answer is JSON or events."""

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """Headers of the gateway's own that say what became of the request."""

    def reply(self, raw: bytes, ask: Ask) -> Reply:
        """A whole body of a 200; ErrorInside or MalformedReply where it is none."""

    def stream(self, ask: Ask) -> AnswerStream:
        """A new reader for one streamed answer."""
