"""Asking a dialect in the client's protocol: natively where it speaks that, else translated.

Who sends a request need not know which of the two it is: either way there is a dialect that makes
the call, and a passage that reads the answer into the client's protocol.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from router.ask import Ask
from router.backends.backend import Backend, Deployment
from router.backends.dialects.anthropic_chat import AnthropicByChat
from router.backends.dialects.base import Dialect, Failure, Translation
from router.backends.dialects.gemini import Gemini
from router.backends.dialects.replicate import Replicate
from router.backends.dialects.spoken import NOTHING
from router.backends.dialects.table import DIALECTS
from router.backends.transport.transport import Call
from router.operations.message import chat_of
from router.protocols.anthropic_reply import MessageStream, encode_message
from router.protocols.passage import AnswerStream, Passage, Reply
from router.protocols.table import PROTOCOLS
from router.protocols.unsupported import Unsupported

_OF_CHAT: Final[Mapping[str, Translation]] = MappingProxyType(
    {"anthropic": AnthropicByChat(), "gemini": Gemini(), "replicate": Replicate()}
)


# By dialect and protocol, once they were asked: how natively, and who reads the answer.
_NATIVE: Final[dict[tuple[str, str], tuple[Dialect, Passage]]] = {}


def dialect_of(name: str, ask: Ask) -> tuple[Dialect, Passage]:
    """How a backend of this dialect is asked this, and who reads its answer.

    Raises Unsupported where it cannot be asked in the request's protocol at all.
    """
    native = _NATIVE.get((name, ask.protocol))
    if native is not None:
        return native
    dialect = DIALECTS[name]
    if ask.protocol in dialect.speaks:
        native = _NATIVE[name, ask.protocol] = dialect, PROTOCOLS[ask.protocol].passage
        return native
    translation = translated(name, ask)
    return translation, translation


def translated(name: str, ask: Ask) -> Translation:
    """The dialect as clients of another protocol meet it; Unsupported where none can."""
    if ask.protocol == "chat" and name in _OF_CHAT:
        return _OF_CHAT[name]
    if ask.protocol == "messages":
        return _MessagesByChat(name, ask)
    raise Unsupported(f"the operation {ask.operation}")


class _MessagesByChat:
    """A dialect for clients of Anthropic's Messages, by way of chat completions."""

    headers = ()
    speaks = NOTHING

    def __init__(self, name: str, ask: Ask) -> None:
        self._chat = chat_of(ask)
        self._dialect, self._passage = dialect_of(name, self._chat)
        self.stream_type = self._dialect.stream_type

    def call(self, deployment: Deployment, backend: Backend, _ask: Ask, request_id: str) -> Call:
        """Ask in chat's words."""
        return self._dialect.call(deployment, backend, self._chat, request_id)

    def failure(self, status: int, raw: bytes) -> Failure:
        """See `Dialect.failure`."""
        return self._dialect.failure(status, raw)

    def reply(self, raw: bytes, ask: Ask) -> Reply:
        """A whole answer as a message."""
        reply = self._passage.reply(raw, self._chat)
        return Reply(encode_message(reply.body, ask), reply.usage, reply.model)

    def stream(self, ask: Ask) -> AnswerStream:
        """A streamed answer as the events of a message."""
        return MessageStream(ask, self._passage.stream(self._chat))
