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
        message, code = error, 502
        if isinstance(error, dict):
            message = error.get("message") or error.get("type") or "an error"
            code = error.get("code") or error.get("status") or 502
        raise ErrorInside(str(message)[:500], code if _is_status(code) else 502)
    base = body.get("base_resp")
    if base and isinstance(base, dict) and base.get("status_code"):
        raise ErrorInside(str(base.get("status_msg", "an error"))[:500])
    if body.get("object") == "error":
        raise ErrorInside(str(body.get("message", "an error"))[:500])


def _is_status(code: Any) -> bool:
    return isinstance(code, int) and 400 <= code <= 599
