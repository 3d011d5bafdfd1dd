"""Errors in a stream of a response: as servers tell them, and as its clients expect them."""

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from router.errors import TurnoutError
from router.protocols.passage import ErrorInside
from router.protocols.sse import encode

_STATUS: Final = MappingProxyType(
    {
        "rate_limit_exceeded": 429,
        "too_many_requests": 429,
        "insufficient_quota": 429,
        "server_error": 502,
        "vector_store_timeout": 504,
        "context_length_exceeded": 400,
        "failed_to_download_image": 400,
        "data_residency_mismatch": 400,
        "bio_policy": 400,
        "misalignment_policy_violation": 400,
    }
)
_OF_THE_REQUEST: Final = ("invalid_", "image_", "unsupported_", "empty_", "content_policy")
_RETRIED: Final = MappingProxyType({429: "rate_limit_exceeded"})
# The number of an event where nobody counted those before it: it comes behind any of them.
BEHIND_ALL: Final = 1_000_000


def refuse_failed(response: Mapping[str, Any]) -> None:
    """Raise ErrorInside where a response says that it failed."""
    error = response.get("error")
    if error or response.get("status") == "failed":
        raise error_inside(error)
    if response.get("type") == "error":
        raise error_inside(response)


def error_inside(error: Any) -> ErrorInside:
    """What an `error` says, of whatever shape, with the status that it should have had."""
    if not isinstance(error, Mapping):
        return ErrorInside(str(error or "an error")[:500])
    code = error.get("code") or error.get("type")
    words = error.get("message") or code or "an error"
    return ErrorInside(str(words)[:500], _status(code), {"error": error})


def _status(code: Any) -> int:
    if isinstance(code, int) and 400 <= code <= 599:
        return code
    named = str(code)
    known = _STATUS.get(named)
    if known is not None:
        return known
    return 400 if named.startswith(_OF_THE_REQUEST) else 502


def failure(error: TurnoutError) -> dict[str, str]:
    """The `error` of a response that failed so."""
    code = _RETRIED.get(error.status, "server_error")
    return {"code": code, "message": error.message}


def response_error_event(error: TurnoutError) -> bytes:
    """How a stream that has begun says that it broke: an `error`, then a failed response.

    The official clients raise for the inner object, others read the fields beside it, and some
    know the end of a response alone.
    """
    told = {"code": error.code, "message": error.message, "param": error.param}
    event = {
        "type": "error",
        **told,
        "error": {"type": error.type, **told},
        "sequence_number": BEHIND_ALL,
    }
    failed = {
        "id": "resp_turnout",
        "object": "response",
        "created_at": int(time.time()),
        "status": "failed",
        "model": "",
        "error": failure(error),
        "incomplete_details": None,
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": None,
    }
    last = {"type": "response.failed", "response": failed, "sequence_number": BEHIND_ALL + 1}
    return encode(orjson.dumps(event), b"error") + encode(orjson.dumps(last), b"response.failed")
