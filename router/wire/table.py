"""The inference endpoints: one row each. The edge mounts every row; tests run over every row."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from router.errors import TurnoutError
from router.wire.chat import ChatRequest, parse_chat
from router.wire.envelope import error_body, error_event


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One way in: how its request is read and how its errors are written."""

    path: str
    parse: Callable[[bytes], ChatRequest]
    error_body: Callable[[TurnoutError], bytes]
    error_event: Callable[[TurnoutError], bytes]


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint("/v1/chat/completions", parse_chat, error_body, error_event),
)
