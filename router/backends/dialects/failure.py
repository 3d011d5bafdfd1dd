"""Errors in all the shapes of the field: what they say, how they name their cause, what wait.

Bodies are read tolerantly: any bytes at all are understood somehow, and nothing here judges. What a
failure means is said by one table, `router.backends.dispatch.causes`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from router.backends.dialects.base import Failure

LONGEST: Final = 1000  # characters of a message
_LONGEST_NAME: Final = 64  # of a code, a type, a parameter
_MOST_NAMES: Final = 12
_DEEPEST: Final = 3  # errors inside errors: a router of models wraps what its provider said
# Where the field's servers name a cause, in the error and beside it.
_NAMES: Final = ("code", "type", "status", "error_type", "internal_code", "__type", "reason")
_MESSAGES: Final = ("message", "detail", "msg", "Message", "title", "status_msg")
_INSIDE: Final = ("innererror", "inner_error", "metadata", "base_resp")
_WAITS: Final = ("retry_after", "retryAfter", "retryDelay", "estimated_time", "retry_after_seconds")


def read_failure(status: int, raw: bytes) -> Failure:
    """What the body of an error says. `status` is the answer's, which says what no body tells."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return Failure(_plain(raw))
    return read_error(body)


def read_error(body: Any) -> Failure:
    """What an error object says, whatever it is wrapped in."""
    if isinstance(body, list) and body:
        body = body[0]  # Gemini's compatible endpoint
    if isinstance(body, str):
        return Failure(body[:LONGEST])
    if not isinstance(body, Mapping):
        return Failure("")
    error = body.get("error") or body.get("base_resp") or body
    if isinstance(error, str):
        error = {**body, "error": None, "message": error}
    if not isinstance(error, Mapping):
        return Failure("")
    errors = [*_errors(error, _DEEPEST), *(() if error is body else (body,))]
    kind, code, param = (error.get(name) for name in ("type", "code", "param"))
    return Failure(
        message="; ".join(dict.fromkeys(filter(None, map(_message, errors))))[:LONGEST],
        type=kind[:_LONGEST_NAME] if isinstance(kind, str) else "invalid_request_error",
        code=str(code)[:_LONGEST_NAME] if isinstance(code, str | int) else None,
        param=param[:_LONGEST_NAME] if isinstance(param, str) else None,
        reasons=_reasons(errors),
        wait=next((wait for one in errors if (wait := _wait(one)) is not None), None),
    )


def _plain(raw: bytes) -> str:
    """A text that is no JSON, unless it is a page for people or no text at all."""
    text = " ".join(raw[: 4 * LONGEST].decode(errors="replace").split())
    if text.startswith(("<", "{", "[")) or "\ufffd" in text or not text.isprintable():
        return ""
    return text[:LONGEST]


def _errors(error: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    """The error, and those that stand inside it: details, and what a provider behind it said."""
    yield error
    if not depth:
        return
    for name in _INSIDE:
        inner = error.get(name)
        if isinstance(inner, Mapping):
            yield from _errors(inner, depth - 1)
    details = error.get("details")
    for detail in details[:_MOST_NAMES] if isinstance(details, list) else ():
        if isinstance(detail, Mapping):
            yield detail
    raw = error.get("raw")  # a provider's own body, as OpenRouter relays it
    if isinstance(raw, str | Mapping):
        try:
            inner = orjson.loads(raw) if isinstance(raw, str) else raw
        except orjson.JSONDecodeError:
            inner = {"message": raw}
        if isinstance(inner, Mapping):
            held = inner.get("error") or inner
            yield from _errors(held if isinstance(held, Mapping) else {"message": held}, depth - 1)


def _reasons(errors: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Every short word that names the cause."""
    words: dict[str, None] = {}
    for one in errors:
        for name in _NAMES:
            word = one.get(name)
            if isinstance(word, str) and 0 < len(word) <= _LONGEST_NAME:
                words[word.lower()] = None
            elif isinstance(word, int) and not isinstance(word, bool):
                words[str(word)] = None
        inner = one.get("status_code")  # MiniMax: its numbers are others' too, so they get a name
        if isinstance(inner, int):
            words[f"base_resp.{inner}"] = None
    return tuple(words)[:_MOST_NAMES]


def _wait(error: Mapping[str, Any]) -> float | None:
    """Seconds to stay away, where a field says so: a number, or a number and `s`."""
    for name in _WAITS:
        wait = error.get(name)
        if isinstance(wait, str):
            try:
                wait = float(wait.removesuffix("s"))
            except ValueError:
                continue
        if isinstance(wait, int | float) and not isinstance(wait, bool) and wait >= 0:
            return float(wait)
    return None


def _message(error: Mapping[str, Any]) -> str:
    """The words of an error: a text, or pydantic's list of details as Mistral and vLLM tell it."""
    message = next((error[name] for name in _MESSAGES if error.get(name)), None)
    if isinstance(message, Mapping):
        message = message.get("detail") or message.get("message")
    if isinstance(message, list):
        details = [detail for detail in message if isinstance(detail, Mapping)]
        return "; ".join(f"{_place(detail)}{detail.get('msg', 'is wrong')}" for detail in details)
    return message if isinstance(message, str) else ""


def _place(detail: Mapping[str, Any]) -> str:
    place = detail.get("loc")
    named = [str(part) for part in place if part != "body"] if isinstance(place, list) else []
    return f"{'.'.join(named)}: " if named else ""
