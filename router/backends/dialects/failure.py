"""Errors of the OpenAI family in all their shapes: refused requests, and 200s that are none."""

from typing import Any, Final

import orjson

from router.backends.dialects.base import ErrorInside, Failure

# Most bodies have neither: one look for both together, by a set, decides that.
_TELLING: Final = frozenset(("error", "base_resp"))


def refuse_error_inside(body: dict[str, Any]) -> None:
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


def read_failure(status: int, raw: bytes) -> Failure:
    """What an error body says, in whatever of the field's shapes it is."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return Failure(f"The backend answered with status {status}.")
    if isinstance(body, list) and body:
        body = body[0]  # Gemini's compatible endpoint
    error = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(error, str) and error:
        return Failure(error[:1000])
    if not isinstance(error, dict):
        return Failure(f"The backend answered with status {status}.")
    message = _message(error) or f"The backend answered with status {status}."
    code, param, kind = error.get("code"), error.get("param"), error.get("type")
    return Failure(
        message=message[:1000],
        type=kind if isinstance(kind, str) else "invalid_request_error",
        code=str(code)[:64] if isinstance(code, str | int) else None,
        param=param[:64] if isinstance(param, str) else None,
    )


def _message(error: dict[str, Any]) -> str:
    """The words of an error: a text, or pydantic's list of details as Mistral and vLLM tell it."""
    told = error.get("message") or error.get("detail") or error.get("msg")
    if isinstance(told, dict):
        told = told.get("detail")
    if isinstance(told, list):
        details = [detail for detail in told if isinstance(detail, dict)]
        return "; ".join(f"{_place(detail)}{detail.get('msg', 'is wrong')}" for detail in details)
    return told if isinstance(told, str) else ""


def _place(detail: dict[str, Any]) -> str:
    place = detail.get("loc")
    named = [str(part) for part in place if part != "body"] if isinstance(place, list) else []
    return f"{'.'.join(named)}: " if named else ""
