"""Whose words an error outside of inference is told in: Anthropic's below its paths."""

from collections.abc import Callable, Mapping
from typing import Final

from router.errors import TurnoutError
from router.protocols.envelope import error_body
from router.protocols.messages.errors import message_error_body

VERSION: Final = b"anthropic-version"  # a header that Anthropic's clients alone send
_PATHS: Final = (b"/v1/messages", b"/messages", b"/v1/v1/messages")
_NONE: Final[Mapping[bytes, bytes]] = {}


def is_anthropics(path: bytes, fields: Mapping[bytes, bytes] = _NONE) -> bool:
    """Whether a request is one of Anthropic's clients; `fields` are its headers."""
    return path.startswith(_PATHS) or VERSION in fields


def envelope(path: bytes, fields: Mapping[bytes, bytes] = _NONE) -> Callable[[TurnoutError], bytes]:
    """Return what writes an error for such a request."""
    return message_error_body if is_anthropics(path, fields) else error_body
