"""Errors of the OpenAI family in all the shapes that a refused request meets."""

from typing import Any

import orjson

from router.backends.dialects.base import Failure


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
    message = error.get("message") or error.get("detail") or error.get("msg")
    if isinstance(message, dict):
        message = message.get("detail")
    if isinstance(message, list):
        details = [detail for detail in message if isinstance(detail, dict)]
        return "; ".join(f"{_place(detail)}{detail.get('msg', 'is wrong')}" for detail in details)
    return message if isinstance(message, str) else ""


def _place(detail: dict[str, Any]) -> str:
    place = detail.get("loc")
    named = [str(part) for part in place if part != "body"] if isinstance(place, list) else []
    return f"{'.'.join(named)}: " if named else ""
