"""Asking a dialect in the client's protocol: natively where it speaks that, else translated.

Who sends a request need not know which of the two it is: either way there is somebody who makes the
call, and a passage that reads the answer into the client's protocol. A translated pair is the
reader of one protocol and the writer of another, with the hub between them.
"""

import time
from types import MappingProxyType
from typing import Any, Final

import orjson

from router.ask import Ask
from router.backends.backend import Backend, Deployment
from router.backends.dialects.base import Dialect, Failure, Posting
from router.backends.dialects.spoken import NOTHING
from router.backends.dialects.table import DIALECTS
from router.backends.dialects.translated_stream import TranslatedStream, settled
from router.backends.transport.transport import Call
from router.domain import Usage
from router.errors import BadRequest
from router.operations.chat import parse_chat
from router.operations.message import parse_message
from router.protocols.answer import Answer, billed, lines_of_usage
from router.protocols.hub import CLIENTS, SERVERS
from router.protocols.passage import AnswerStream, MalformedReply, Passage, Reply
from router.protocols.quirks import PLAIN, Quirks
from router.protocols.table import PROTOCOLS
from router.protocols.unsupported import Unsupported
from router.protocols.usage import estimate_output, estimate_usage, is_impossible

# By dialect and protocol, once they were asked: how natively, and who reads the answer.
_NATIVE: Final[dict[tuple[str, str], tuple[Dialect, Passage]]] = {}
# How a body in the words of a protocol is read, for a dialect that wants to be asked as a client.
_PARSERS: Final = MappingProxyType({"chat": parse_chat, "messages": parse_message})


def dialect_of(name: str, ask: Ask) -> "tuple[Dialect | Translation, Passage]":
    """How a backend of this dialect is asked this, and who reads its answer.

    Raises Unsupported where it cannot be asked in the request's protocol at all.
    """
    native = _NATIVE.get((name, ask.protocol))
    if native is not None:
        return native
    dialect = DIALECTS[name]
    if ask.protocol in dialect.speaks and isinstance(dialect, Dialect):
        native = _NATIVE[name, ask.protocol] = dialect, PROTOCOLS[ask.protocol].passage
        return native
    translation = translated(name, ask)
    return translation, translation


def translated(name: str, ask: Ask) -> "Translation":
    """The dialect as clients of another protocol meet it; Unsupported where none can."""
    dialect = DIALECTS[name]
    if ask.protocol in CLIENTS:
        if isinstance(dialect, Posting):
            return Translation(dialect, dialect.protocol, ask)
        for protocol in _PARSERS:
            if protocol in dialect.speaks:
                return Translation(dialect, protocol, ask)
    raise Unsupported(f"the operation {ask.operation}")


class Translation:
    """One request to a dialect that does not speak its protocol, and the way of its answer back.

    `dropped` are the names of what the backend is not told: hints it does not know, and seals that
    only their issuer can read.
    """

    headers = ()
    speaks = NOTHING

    def __init__(self, dialect: Dialect | Posting, protocol: str, ask: Ask) -> None:
        self._dialect = dialect
        self._protocol = protocol
        self._server = SERVERS[protocol]
        self._client = CLIENTS[ask.protocol]
        self._conversation = self._client.read_request(ask.body)
        self.stream_type = dialect.stream_type
        self.dropped: tuple[str, ...] = ()

    def call(self, deployment: Deployment, backend: Backend, ask: Ask, request_id: str) -> Call:
        """Ask in the backend's words; Unsupported where it has none for the request."""
        dialect = self._dialect
        if isinstance(dialect, Posting):
            body = self._written(backend.model, backend.quirks)
            return dialect.post(deployment, backend, body, request_id, stream=ask.stream)
        try:
            own = _PARSERS[self._protocol](self._written(backend.model, PLAIN))
        except BadRequest as error:
            raise Unsupported(error.param or "messages") from None
        return dialect.call(deployment, backend, own, request_id)  # and minds its quirks itself

    def _written(self, model: str, quirks: Quirks) -> bytes:
        written = self._server.write_request(self._conversation, model, quirks)
        self.dropped = written.dropped
        return orjson.dumps(written.body)

    def failure(self, status: int, raw: bytes) -> Failure:
        """See `Dialect.failure`."""
        return self._dialect.failure(status, raw)

    def reply(self, raw: bytes, ask: Ask) -> Reply:
        """A whole answer, in the client's words."""
        answer = self._read(raw)
        usage = billed(answer.usage)
        if usage is None or is_impossible(usage.output_tokens, ask):
            usage = estimate_usage(ask, estimate_output(_size(answer)))
            answer = Answer(answer.id, answer.model, answer.alternatives, lines_of_usage(usage))
        answer = _with_reasons(answer, usage, ask)
        written = self._client.write_answer(answer, int(time.time()))
        return Reply(orjson.dumps(written.body), usage, answer.model)

    def stream(self, ask: Ask) -> AnswerStream:
        """A streamed answer, in the client's words."""
        writer = self._client.writer(ask, int(time.time()))
        return TranslatedStream(ask, self._server.reader(), writer)

    def _read(self, raw: bytes) -> Answer:
        """A whole body; whatever shape it has instead of the right one, MalformedReply."""
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise MalformedReply("answered something that is not JSON") from None
        if not isinstance(body, dict):
            raise MalformedReply("answered JSON that is not an object")
        try:
            return self._server.read_answer(body)
        except (KeyError, TypeError, AttributeError, IndexError, ValueError):
            raise MalformedReply("answered with an unknown shape") from None


def _with_reasons(answer: Answer, usage: Usage, ask: Ask) -> Answer:
    """The answer with the reason to stop that its server does not tell."""
    stops = [one.stop for one in answer.alternatives]
    if all(stop is None or settled(stop, usage, ask) is stop for stop in stops):
        return answer
    alternatives: list[Any] = []
    for one in answer.alternatives:
        stop = one.stop and settled(one.stop, usage, ask)
        alternatives.append(type(one)(one.parts, stop, one.logprobs))
    return Answer(answer.id, answer.model, tuple(alternatives), answer.usage)


def _size(answer: Answer) -> int:
    """Bytes of all that was said."""
    said = 0
    for alternative in answer.alternatives:
        said += len(alternative.text.encode()) + len(alternative.refusal.encode())
        said += len(alternative.thoughts.encode())
        said += sum([len(call.name) + len(call.arguments.encode()) for call in alternative.calls])
    return said
