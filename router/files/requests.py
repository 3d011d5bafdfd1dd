"""The requests of a batch as clients write them: one a line, or all in one body."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from router.errors import BadRequest, PayloadTooLarge, TurnoutError
from router.files.body import Spool
from router.files.screening import Screening, Wrong
from router.operations.operation import Operation
from router.operations.paths import ROUTES
from router.protocols.scan import Members, scan
from router.protocols.splice import splice
from router.protocols.tolerant_json import without_halves
from router.protocols.twins import UnsafeBody

_BLANK: Final = re.compile(r"[ \t\n\r]*")
_COMMA: Final = re.compile(r"[ \t\n\r]*,?[ \t\n\r]*")
_MESSAGES: Final = b"/v1/messages"


async def screened_lines(
    source: Spool, target: Spool, screening: Screening, *, most: int, most_bytes: int
) -> None:
    """Judge every line of a file, and write it as it goes on.

    `most` requests are taken, of `most_bytes` each. Raises BadRequest with the line that is wrong.
    """
    seen: set[str] = set()
    for number, raw in enumerate(source.lines(most_bytes), 1):
        if not raw.strip():
            continue
        if len(seen) >= most:
            raise BadRequest(f"The file has more than {most} requests.", param="file")
        if len(raw) > most_bytes:
            raise PayloadTooLarge(f"Line {number}: more than {most_bytes} bytes.", param="file")
        try:
            target.take(await _screened_line(raw.rstrip(b"\r\n"), screening, seen) + b"\n")
        except Wrong as error:
            raise _at(f"Line {number}", error, "file") from None
        await asyncio.sleep(0)  # others are served meanwhile
    if not seen:
        raise BadRequest("The file has no requests.", param="file")


async def _screened_line(raw: bytes, screening: Screening, seen: set[str]) -> bytes:
    line, members = _object(raw)
    _note(line, seen)
    path = line.get("url")
    row = ROUTES.get(path.encode()) if isinstance(path, str) else None
    if line.get("method") != "POST" or not isinstance(row, Operation) or path != row.path:
        raise BadRequest("expected `method` to be POST and `url` an endpoint: /v1/responses.")
    if screening.bound.path not in ("", row.path):
        raise BadRequest(f"`url` differs from that of the lines before: {screening.bound.path}.")
    screening.bound.path = row.path
    if not isinstance(line.get("body"), dict):
        raise BadRequest("`body` is no object.")
    _, start, end = members["body"]
    return splice(raw, members, {"body": await screening.passed(row, raw[start:end])})


async def screened_body(raw: bytes, screening: Screening, *, most: int) -> bytes:
    """Judge every request of a body, and return the body as it goes on.

    Raises BadRequest with the request that is wrong.
    """
    body, members = _object(raw)
    if not isinstance(body.get("requests"), list) or not body["requests"]:
        raise BadRequest("requests: expected a list of requests", param="requests")
    if len(body["requests"]) > most:
        raise BadRequest(f"requests: more than {most}", param="requests")
    row = ROUTES[_MESSAGES]
    if not isinstance(row, Operation):
        raise TypeError("messages are no operation")
    _, start, end = members["requests"]
    seen: set[str] = set()
    written: list[bytes] = []
    for number, each in enumerate(_elements(raw[start:end].decode())):
        place = f"requests.{number}"
        try:
            written.append(await _screened_request(each, row, screening, seen))
        except Wrong as error:
            raise _at(place, error, place) from None
        await asyncio.sleep(0)  # others are served meanwhile
    return splice(raw, members, {"requests": b"[" + b",".join(written) + b"]"})


async def _screened_request(
    raw: bytes, row: Operation, screening: Screening, seen: set[str]
) -> bytes:
    request, members = _object(raw)
    _note(request, seen)
    if not isinstance(request.get("params"), dict):
        raise BadRequest("`params` is no object.")
    _, start, end = members["params"]
    return splice(raw, members, {"params": await screening.passed(row, raw[start:end])})


def _object(raw: bytes) -> tuple[dict[str, Any], Members]:
    whole = raw
    try:
        try:
            given = orjson.loads(raw)
        except orjson.JSONDecodeError:  # what stands where is the same in both
            whole = without_halves(raw)
            given = orjson.loads(whole)
        if isinstance(given, dict):
            return given, scan(whole)
    except orjson.JSONDecodeError:
        raise BadRequest("not JSON.") from None
    except UnsafeBody as error:
        raise BadRequest(str(error)) from None
    raise BadRequest("not a JSON object.")


def _note(request: dict[str, Any], seen: set[str]) -> None:
    """Take note of a request's name."""
    name = request.get("custom_id")
    if not isinstance(name, str) or not name:
        raise BadRequest("`custom_id` is missing.")
    if name in seen:
        raise BadRequest("`custom_id` stands twice.")
    seen.add(name)


def _elements(text: str) -> Iterator[bytes]:
    """The elements of a JSON array, each as it is written."""
    decoder = json.JSONDecoder(parse_float=str, parse_int=str)
    at = _end(_BLANK, text, text.index("[") + 1)
    while text[at] != "]":
        _, end = decoder.raw_decode(text, at)
        yield text[at:end].encode()
        at = _end(_COMMA, text, end)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return at if match is None else match.end()


def _at(place: str, error: Exception, param: str) -> TurnoutError:
    """The same error with its place."""
    if not isinstance(error, TurnoutError):
        return BadRequest(f"{place}: {error}", param=param)
    told = type(error)(f"{place}: {error.message}", param=param, code=error.code)
    told.code = error.code
    return told
