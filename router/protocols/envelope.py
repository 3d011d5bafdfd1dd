"""Errors as OpenAI's clients expect them: the JSON envelope, and the same as one SSE event."""

from typing import Any

import orjson

from router.errors import TurnoutError


def error_object(error: TurnoutError) -> dict[str, Any]:
    """The envelope as a mapping: `{"error": {message, type, param, code}}`."""
    return {
        "error": {
            "message": error.message,
            "type": error.type,
            "param": error.param,
            "code": error.code,
        }
    }


def error_body(error: TurnoutError) -> bytes:
    """The body of an error response, UTF-8 JSON."""
    return orjson.dumps(error_object(error))


def error_event(error: TurnoutError) -> bytes:
    """One SSE event with the envelope: how a stream that has begun says that it broke.

    No `[DONE]` follows, so a client that waits for it knows that the answer is not whole.
    """
    return b"data: " + orjson.dumps(error_object(error)) + b"\n\n"
