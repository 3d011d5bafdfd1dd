"""Errors as Anthropic's clients expect them: the JSON envelope, and the same as one SSE event."""

from types import MappingProxyType
from typing import Final

import orjson

from router.errors import TurnoutError
from router.protocols.sse import encode

_ERROR_TYPES: Final = MappingProxyType(
    {
        400: "invalid_request_error",
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        503: "overloaded_error",
        504: "timeout_error",
    }
)


_TOO_LONG: Final = "prompt is too long"  # by which clients know that they must compact


def message_error_body(error: TurnoutError) -> bytes:
    """An error as the anthropic client expects it."""
    others = "invalid_request_error" if error.status < 500 else "api_error"
    kind, message = _ERROR_TYPES.get(error.status, others), error.message
    if error.code == "context_length_exceeded" and _TOO_LONG not in message:
        message = f"{_TOO_LONG}: {message}"
    return orjson.dumps({"type": "error", "error": {"type": kind, "message": message}})


def message_error_event(error: TurnoutError) -> bytes:
    """The same as the last event of a stream."""
    return encode(message_error_body(error), b"error")
