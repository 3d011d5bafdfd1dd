"""Asking a dialect in the client's protocol: natively where it speaks that, else translated.

Who sends a request need not know which of the two it is: either way there is somebody who makes the
call, and a passage that reads the answer into the client's protocol. A translated pair is the
reader of one protocol and the writer of another, with the hub between them.
"""

import time
from collections.abc import Sequence
from typing import Any, Final

import orjson

from policies.headers import PREFIX
from router.ask import Ask
from router.backends.backend import Backend, Deployment
from router.backends.dialects.base import Asking, Dialect, Failure
from router.backends.dialects.declared import DeclaredAsking
from router.backends.dialects.table import DIALECTS
from router.backends.dialects.translated_stream import TranslatedStream, settled
from router.backends.transport.transport import HttpCall
from router.domain import Usage
from router.protocols.beside import json_of
from router.protocols.headers import Pairs, listed
from router.protocols.hub.answer import UNTOLD, Answer
from router.protocols.hub.conversation import Conversation
from router.protocols.hub.custom_tools import (
    CustomCalls,
    custom_names,
    with_custom_calls,
    with_functions,
)
from router.protocols.hub.table import CLIENTS, SERVERS
from router.protocols.hub.usage_lines import billed, lines_of_usage
from router.protocols.hub.writing import without_thoughts, without_tools
from router.protocols.passage import AnswerStream, MalformedReply, Passage, Reply, read_object
from router.protocols.table import PROTOCOLS
from router.protocols.unsupported import Unsupported
from router.protocols.usage import believed, completed, estimate_output

# What says that a request has tools that take free text, in the words of either protocol.
_CUSTOM: Final = frozenset(("custom_tools", "hosted:custom"))
DROPPED: Final = PREFIX + "dropped"
MEANING_OF_DROPPED: Final = (
    "what the backend was not told, by name: hints that its protocol does not know, parameters that"
    " its server refuses (`drop`), and seals that only their issuer can read"
)

# By dialect and protocol, once they were asked: how natively, and who reads the answer.
NATIVE: Final[dict[tuple[str, str], tuple[Asking, Passage]]] = {}


def dialect_of(name: str, ask: Ask, speaks: frozenset[str] = frozenset()) -> tuple[Asking, Passage]:
    """How a backend of this dialect is asked this, and who reads its answer.

    `speaks` are the protocols that this one backend knows beside those of its dialect.

    Raises Unsupported where it cannot be asked in the request's protocol at all.
    """
    dialect = DIALECTS[name]
    if ask.declared is not None:
        asking = DeclaredAsking(dialect)
        NATIVE[name, ask.protocol] = asking, PROTOCOLS[ask.protocol].passage
        return NATIVE[name, ask.protocol]
    if ask.protocol in dialect.speaks and isinstance(dialect, Asking):
        native = NATIVE[name, ask.protocol] = dialect, PROTOCOLS[ask.protocol].passage
        return native
    if ask.protocol in speaks and isinstance(dialect, Asking):
        return dialect, PROTOCOLS[ask.protocol].passage
    translation = translated(name, ask)
    return translation, translation


def translated(name: str, ask: Ask) -> "Translation":
    """The dialect as clients of another protocol meet it; Unsupported where none can."""
    if ask.protocol not in CLIENTS:
        raise Unsupported(f"the operation {ask.operation}")
    return Translation(DIALECTS[name], ask)


def told_as_dropped(names: Sequence[str]) -> Pairs:
    """The header that names what a backend was not told."""
    return ((DROPPED, listed(names)),)


class Translation:
    """One request to a dialect that does not speak its protocol, and the way of its answer back.

    `dropped` are the names of what the backend is not told: hints it does not know, and seals that
    only their issuer can read.
    """

    headers = ()
    types = ()

    def __init__(self, dialect: Dialect, ask: Ask) -> None:
        self._dialect = dialect
        self._server = SERVERS[dialect.protocol]
        self._client = CLIENTS[ask.protocol]
        conversation = self._client.read_request(ask.body)
        if conversation.stream is not ask.stream:  # Google's clients say it in the path
            conversation = conversation._replace(stream=ask.stream)
        self._conversation = conversation
        self.stream_type = dialect.stream_type
        self.dropped: tuple[str, ...] = ()
        # The custom tools that the backend is told of as functions.
        self._custom: frozenset[str] = frozenset()

    def call(self, deployment: Deployment, backend: Backend, ask: Ask, request_id: str) -> HttpCall:
        """Ask in the backend's words; Unsupported where it has none for the request."""
        conversation, quirks = self._conversation, backend.quirks
        left_out: tuple[str, ...] = ()
        if ask.bare:
            conversation = without_thoughts(conversation)
        if ask.features:
            if not _CUSTOM.isdisjoint(ask.features):
                conversation = self._told(conversation, known=quirks.custom_tools)
            if quirks.drop:
                conversation, left_out = without_tools(conversation, quirks.drop)
        written = self._server.write_request(conversation, backend.model, quirks)
        self.dropped = left_out + written.dropped
        body = json_of(written.body, len(ask.raw))
        return self._dialect.post(deployment, backend, body, request_id, stream=ask.stream)

    def _told(self, conversation: Conversation, *, known: bool) -> Conversation:
        """The conversation with custom tools as functions, unless they are `known` as they are."""
        if known and self._server.custom_tools:
            self._custom = frozenset()
            return conversation
        self._custom = custom_names(conversation)
        return with_functions(conversation)

    @property
    def notes(self) -> Pairs:
        """What was dropped, as a header."""
        return told_as_dropped(self.dropped) if self.dropped else ()

    def failure(self, status: int, raw: bytes) -> Failure:
        """See `Dialect.failure`."""
        return self._dialect.failure(status, raw)

    def reply(self, raw: bytes, ask: Ask) -> Reply:
        """A whole answer, in the client's words."""
        answer = self._read(raw)
        usage = believed(billed(answer.usage), ask)
        if usage is None or usage.estimated:
            usage = completed(usage, ask, estimate_output(_size(answer)))
            answer = Answer(answer.id, answer.model, answer.alternatives, lines_of_usage(usage))
        told = answer.model
        if told is None:  # clients with types take no null
            answer = Answer(answer.id, ask.model, answer.alternatives, answer.usage)
        answer = _with_reasons(answer, usage, ask)
        if self._custom:
            answer = with_custom_calls(answer, self._custom)
        written = self._client.write_answer(answer, ask, int(time.time()))
        self.dropped += written.dropped
        return Reply(orjson.dumps(written.body), usage, told)

    def stream(self, ask: Ask) -> AnswerStream:
        """A streamed answer, in the client's words."""
        writer = self._client.writer(ask, int(time.time()))
        reader = self._server.reader()
        if self._custom:
            reader = CustomCalls(reader, self._custom)
        return TranslatedStream(ask, reader, writer)

    def _read(self, raw: bytes) -> Answer:
        """A whole body; whatever shape it has instead of the right one, MalformedReply."""
        body = read_object(raw)
        try:
            return self._server.read_answer(body)
        except (KeyError, TypeError, AttributeError, IndexError, ValueError):
            raise MalformedReply("answered with an unknown shape") from None


def _with_reasons(answer: Answer, usage: Usage, ask: Ask) -> Answer:
    """The answer with the reason to stop that its server does not tell."""
    if UNTOLD not in [one.stop and one.stop.reason for one in answer.alternatives]:
        return answer
    alternatives: list[Any] = []
    for one in answer.alternatives:
        stop = one.stop and settled(one.stop, usage, ask)
        alternatives.append(type(one)(one.parts, stop, one.logprobs))
    return Answer(answer.id, answer.model, tuple(alternatives), answer.usage)


def _size(answer: Answer) -> int:
    """The size of an answer's content in bytes."""
    size = 0
    for alternative in answer.alternatives:
        size += len(alternative.text.encode()) + len(alternative.refusal.encode())
        size += len(alternative.thoughts.encode())
        size += sum([len(call.name) + len(call.arguments.encode()) for call in alternative.calls])
    return size
