"""Errors as Google's clients expect them: the JSON envelope, and the same as one SSE event."""

from types import MappingProxyType
from typing import Final

import orjson

from router.errors import TurnoutError
from router.protocols.sse import encode

_STATUSES: Final = MappingProxyType(
    {
        400: "INVALID_ARGUMENT",
        401: "UNAUTHENTICATED",
        402: "FAILED_PRECONDITION",
        403: "PERMISSION_DENIED",
        404: "NOT_FOUND",
        405: "UNIMPLEMENTED",
        413: "INVALID_ARGUMENT",
        422: "INVALID_ARGUMENT",
        429: "RESOURCE_EXHAUSTED",
        502: "UNAVAILABLE",
        503: "UNAVAILABLE",
        504: "DEADLINE_EXCEEDED",
    }
)


def content_error_body(error: TurnoutError) -> bytes:
    """`{"error": {"code", "message", "status"}}`."""
    status = _STATUSES.get(error.status, "INTERNAL")
    told = {"code": error.status, "message": error.message, "status": status}
    return orjson.dumps({"error": told})


def content_error_event(error: TurnoutError) -> bytes:
    """The same as the last event of a stream."""
    return encode(content_error_body(error))
