"""Where each row is asked: at its own path, and at paths of Azure and Google that hold the model.

Azure's `/openai/deployments/NAME/...` names the model in the path, and that name counts, whatever
the body says; `/openai/v1/...` is `/v1/...`. Google's `/v1beta/models/NAME:VERB` names what is
asked of it too. Of a query only Google's `alt` counts.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote

import orjson

from router.ask import Ask
from router.errors import BadRequest
from router.operations.content import ARRAY, PROTOCOL, parse_content, parse_content_count
from router.operations.operation import Operation, Row
from router.operations.table import (
    CONTENT_PATH,
    COUNT_PATH,
    COUNTS,
    FEEDBACK,
    OPERATIONS,
)
from router.protocols.ahead import LARGE
from router.protocols.fields import read_model
from router.protocols.headers import Fields
from router.protocols.multipart import with_field
from router.protocols.splice import spliced

_ROWS: Final[tuple[Row, ...]] = (*OPERATIONS, *COUNTS, FEEDBACK)


def _paths(row: Row) -> Iterator[str]:
    """Where a row is served: at its path, at that of clients whose base URL lacks `/v1`, and at
    that of Anthropic's, which bring their own, where it has one; a slash behind is no matter."""
    path = row.path
    ways = (path, path.removeprefix("/v1"), *([f"/v1{path}"] if row.names_request else []))
    for way in ways:
        yield from (way, f"{way}/")


ROUTES: Final[Mapping[bytes, Row]] = MappingProxyType(
    {path.encode(): row for row in _ROWS for path in _paths(row)}
)
_DEPLOYMENT: Final = re.compile(rb"/openai/deployments/([!-.0-~]{1,768})/([a-z/]{1,64})")
_CONTENT: Final = re.compile(
    rb"/v1(?:beta)?/models/([!-~]{1,768}):(generateContent|streamGenerateContent|countTokens)"
)
_EMPTY: Final = re.compile(rb"\s*}")
_AZURE: Final = b"/openai/v1/"
_CONTENT_ROW: Final = next(row for row in OPERATIONS if row.path == CONTENT_PATH)
_CONTENT_COUNT: Final = next(row for row in COUNTS if row.path == COUNT_PATH)


def row_at(path: bytes, query: bytes = b"") -> Row | None:
    """The row that is asked at a path with this query; None where there is none."""
    row = ROUTES.get(path)
    if row is not None:
        return row
    if path.startswith(b"/openai/"):
        return _at_azures(path)
    match = _CONTENT.fullmatch(path)
    return None if match is None else _at_googles(match, query)


def _at_googles(match: re.Match[bytes], query: bytes) -> Row:
    model = unquote(match[1].decode())
    if match[2] == b"countTokens":
        return replace(_CONTENT_COUNT, parse=partial(parse_content_count, model=model))
    streams = match[2] == b"streamGenerateContent"
    protocol = ARRAY if streams and b"alt=sse" not in query.split(b"&") else PROTOCOL
    parse = partial(parse_content, model=model, stream=streams, protocol=protocol)
    return replace(_CONTENT_ROW, parse=parse, protocol=protocol)


def _at_azures(path: bytes) -> Row | None:
    if path.startswith(_AZURE):
        return ROUTES.get(b"/v1/" + path.removeprefix(_AZURE))
    match = _DEPLOYMENT.fullmatch(path)
    row = ROUTES.get(b"/v1/" + match[2]) if match else None
    if match is None or not isinstance(row, Operation):
        return None
    name = unquote(match[1].decode())
    return replace(row, parse=partial(_parse_named, row, name), amend=partial(_amended, name))


def _amended(name: str, raw: bytes, small: bytes) -> bytes:
    """A large JSON body with the model that the path names, where it has none by itself."""
    try:
        held = orjson.loads(small)
    except orjson.JSONDecodeError:
        return raw
    has_one = not isinstance(held, dict) or "model" in held
    return raw if has_one else _with_model(raw, name, is_form=False)


def _parse_named(row: Operation, name: str, raw: bytes, headers: Fields) -> Ask:
    """The ask of a body whose model the path names; BadRequest as by the row's own `parse`."""
    read_model({"model": name})
    ask = _parse(row, name, raw, headers)
    return ask if ask.model == name else ask._replace(model=name)


def _parse(row: Operation, name: str, raw: bytes, headers: Fields) -> Ask:
    is_form = headers.get(b"content-type", b"").lower().startswith(b"multipart/")
    sign = b'name="model"' if is_form else b'"model"'
    # A large body of JSON has its model already, where it was read ahead.
    if (is_form or len(raw) <= LARGE) and sign not in raw:
        return row.parse(_with_model(raw, name, is_form=is_form), headers)
    try:
        return row.parse(raw, headers)
    except BadRequest as error:  # it stands somewhere else in the body
        if error.param != "model" or "Missing" not in error.message:
            raise
    return row.parse(_with_model(raw, name, is_form=is_form), headers)


def _with_model(raw: bytes, name: str, *, is_form: bool) -> bytes:
    """The body with a model before all else; one that cannot be read stays as it is."""
    if is_form:
        return with_field(raw, "model", name)
    at = raw.find(b"{") + 1
    if not at:
        return raw
    comma = b"" if _EMPTY.match(raw, at) else b","
    model = b'"model":%b%b' % (orjson.dumps(name), comma)
    return spliced(raw, ((at, at, model),))
