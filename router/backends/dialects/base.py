"""What a dialect is: how one family of model servers is asked and understood. Sans-I/O.

Everything a dialect hands back is in OpenAI's words, ready for a client: a body, a stream of
chunks, an error. It never sees a socket; `Upstream` feeds it the bytes that came.
"""

from typing import Final, Protocol, runtime_checkable

from policies.value import value
from router.ask import Ask
from router.backends.backend import Backend, Deployment
from router.backends.transport.transport import Call
from router.domain import Usage

EVENT_STREAM: Final = "text/event-stream"


class MalformedReply(Exception):
    """The server's answer is not what its dialect says: not JSON, no choices, cut in the middle."""


class ErrorInside(Exception):
    """The server answered 200 and put an error into the body or the stream.

    `status` is the HTTP status it should have been.
    """

    def __init__(self, message: str, status: int = 502) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


@value
class Reply:
    """A whole answer, client-ready. `model` is what the server said served it."""

    body: bytes
    usage: Usage
    model: str | None


@value
class Failure:
    """An error of the server in OpenAI's words, its message bounded and free of our credential."""

    message: str
    type: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None


class Translator(Protocol):
    """Turns the bytes of one streamed answer into client-ready bytes, as they come.

    `usage` is None until the server said it; `output_tokens_seen` counts what was handed out;
    `finished` is true once nothing more is to come, so that nobody need wait for the close.
    """

    usage: Usage | None
    output_tokens_seen: int
    model: str | None
    finished: bool

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return what they complete, maybe nothing.

        Raises ErrorInside for an error event, MalformedReply for bytes that are no such stream.
        """

    def finish(self) -> bytes:
        """The server closed: return what is left, and be `finished`.

        MalformedReply where the answer was cut.
        """


@runtime_checkable
class Dialect(Protocol):
    """One family of model servers."""

    @property
    def stream_type(self) -> str:
        """The content type in which an answer comes that is to be streamed."""

    def call(self, deployment: Deployment, backend: Backend, request: Ask, request_id: str) -> Call:
        """The HTTP request that asks this backend."""

    def reply(self, raw: bytes, request: Ask) -> Reply:
        """A whole body of a 200; ErrorInside or MalformedReply where it is none."""

    def translator(self, request: Ask) -> Translator:
        """A new translator for one streamed answer."""

    def failure(self, status: int, raw: bytes) -> Failure:
        """What an error answer says; any bytes at all are understood somehow."""
