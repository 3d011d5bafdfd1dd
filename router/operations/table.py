"""What the edge serves by itself, one row each: inference, calculations, opinions of answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from router.ask import Ask
from router.errors import TurnoutError
from router.protocols.anthropic_messages import count_tokens, parse_messages
from router.protocols.anthropic_reply import (
    MessageStream,
    encode_message,
    message_error_body,
    message_error_event,
)
from router.protocols.chat import parse_chat
from router.protocols.envelope import error_body, error_event


class StreamEncoder(Protocol):
    """Turns the client-ready chunks of a chat stream into another protocol's events."""

    def feed(self, block: bytes) -> bytes:
        """Encode what a block holds; maybe nothing."""

    def finish(self) -> bytes:
        """Encode the end of an answer that came to its end."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One way in: how its request is read and how its answers and errors are written.

    `encode` and `encoder` are None where the client speaks what the gateway speaks inside, OpenAI:
    then the bytes of a reply and of a stream go out as they are.
    """

    path: str
    parse: Callable[[bytes], Ask]
    error_body: Callable[[TurnoutError], bytes]
    error_event: Callable[[TurnoutError], bytes]
    encode: Callable[[bytes, Ask], bytes] | None = None
    encoder: Callable[[Ask], StreamEncoder] | None = None


@dataclass(frozen=True, slots=True)
class Calculation:
    """A way in that the gateway answers by itself from the body: no backend, nothing to pay."""

    path: str
    answer: Callable[[bytes], bytes]
    error_body: Callable[[TurnoutError], bytes]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The way in for opinions of answers: no backend, but what is said is kept."""

    path: str
    error_body: Callable[[TurnoutError], bytes]


Row = Endpoint | Calculation | Judgement

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint("/v1/chat/completions", parse_chat, error_body, error_event),
    Endpoint(
        "/v1/messages",
        parse_messages,
        message_error_body,
        message_error_event,
        encode_message,
        MessageStream,
    ),
)
CALCULATIONS: Final[tuple[Calculation, ...]] = (
    Calculation("/v1/messages/count_tokens", count_tokens, message_error_body),
)
FEEDBACK: Final = Judgement("/v1/feedback", error_body)
