"""Answers of the OpenAI family under status 200 that are errors all the same."""

from collections.abc import Mapping
from typing import Any, Final

from router.protocols.passage import ErrorInside

# Most bodies have neither: one look for both together, by a set, decides that.
_TELLING: Final = frozenset(("error", "base_resp"))


def refuse_error_inside(body: Mapping[str, Any]) -> None:
    """Raise ErrorInside where a 200 is none: `error`, `base_resp` or `object: error`."""
    if _TELLING.isdisjoint(body) and body.get("object") != "error":
        return
    error = body.get("error")
    if error:
        if not isinstance(error, dict):
            raise ErrorInside(str(error)[:500], 502, body)
        message = error.get("message") or error.get("type") or "an error"
        raise ErrorInside(str(message)[:500], _status(error), body)
    base = body.get("base_resp")
    if base and isinstance(base, dict) and base.get("status_code"):
        raise ErrorInside(str(base.get("status_msg", "an error"))[:500], 502, body)
    if body.get("object") == "error":
        raise ErrorInside(str(body.get("message", "an error"))[:500], _status(body), body)


def _status(error: Mapping[str, Any]) -> int:
    """The HTTP status that it should have been."""
    code = error.get("code") or error.get("status")
    return code if isinstance(code, int) and 400 <= code <= 599 else 502
