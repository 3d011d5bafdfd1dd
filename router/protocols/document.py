"""Reading a client's JSON body: strictly where an attacker could hide something, else tolerantly.

Accepted: one UTF-8 JSON object (RFC 8259), at most 240 levels deep. Of a key that stands
twice the last one counts, for the gateway and for the backend alike, since the backend is sent what
was read here; but `model` twice is refused: it is never an accident.
"""

import json
import re
from typing import Any, Final

import orjson

from router.errors import BadRequest

# orjson reads 1024 levels and writes 254: what is read here must be writable again.
_SAFE_DEPTH: Final = 240
# An ASCII letter written as an escape: the only other way to write `model`.
_ESCAPED_LETTER: Final = re.compile(rb"\\u00[4-7]")


def parse_object(raw: bytes) -> dict[str, Any]:
    """The JSON object of a request body; BadRequest with the error's place where it is none."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not valid JSON: {_reason(error)}.") from None
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
    # Taking a byte out is many times faster than counting it: CPython searches by memchr there.
    flat = raw.replace(b"[", b"").replace(b"{", b"")
    if len(raw) - len(flat) > _SAFE_DEPTH:
        _refuse_depth(body)
    if _may_repeat(raw):
        _refuse_second_model(raw)
    return body


def _reason(error: orjson.JSONDecodeError) -> str:
    """What orjson says, without any of the body: it names the place only."""
    return f"{error.msg} (line {error.lineno}, column {error.colno})".replace("\n", " ")


def _refuse_depth(body: dict[str, Any]) -> None:
    wrapped: Any = body
    for _ in range(254 - _SAFE_DEPTH):
        wrapped = [wrapped]
    try:
        orjson.dumps(wrapped)
    except orjson.JSONEncodeError:
        raise BadRequest("The body is nested too deeply.") from None


def _may_repeat(raw: bytes) -> bool:
    """Whether `model` may stand twice; cheap, and never wrongly false."""
    if raw.find(b'"model"') != raw.rfind(b'"model"'):
        return True
    return b"\\" in raw and b"\\u00" in raw and _ESCAPED_LETTER.search(raw) is not None


def _refuse_second_model(raw: bytes) -> None:
    """BadRequest where `model` stands twice at the top of the object."""
    top: list[tuple[str, Any]] = []

    def remember(pairs: list[tuple[str, Any]]) -> None:
        nonlocal top
        top = pairs  # objects end inside out: the last one told is the outermost

    try:
        # Numbers are of no interest here, and Python refuses integers of thousands of digits.
        json.loads(raw, object_pairs_hook=remember, parse_int=float)
    except RecursionError:
        raise BadRequest("The body is nested too deeply.") from None
    if sum(key == "model" for key, _ in top) > 1:
        raise BadRequest("The key 'model' stands twice in the body.", param="model")
