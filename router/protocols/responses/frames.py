"""Responses over a WebSocket: what a client says in a message, and how a response is told there.

A message is the body of POST /v1/responses with a `type`, which goes; it may name a lane by
`stream_id`, in which its response is told, and say `generate: false`, which is to prepare only.
An answer is the events of a stream, one a message, without the framing of SSE. Exactly one of four
ends a response (completed, incomplete, failed, an error): nothing else tells that it is over.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson

from router.errors import BadRequest, Headers, TurnoutError
from router.protocols import known_keys
from router.protocols.document import parse_members
from router.protocols.envelope import error_object
from router.protocols.fields import read_flag, wrong_type
from router.protocols.responses.errors import error_inside
from router.protocols.responses.kept import life_event, may_tell_life
from router.protocols.scan import Members, scan
from router.protocols.splice import replaced, splice
from router.protocols.sse import data_of, events

CREATE: Final = "response.create"
_PREVIOUS: Final = "previous_response_id"
_LANE: Final = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_ERROR: Final = re.compile(rb'"type": ?"error"')
_ROUND_EACH: Final = 256  # bytes of memory around what is remembered
_FAILED: Final = "response.failed"
_END: Final = re.compile(
    rb'(?m)^(?:event: ?|data: ?\{"type": ?")response\.(?:completed|incomplete|failed)\b'
)


class Earlier(NamedTuple):
    """What a response goes on from: `base` is a response that somebody else stored, if any;
    `parts` are the items behind it, as JSON without the brackets, oldest first.
    """

    base: str | None = None
    parts: tuple[bytes, ...] = ()

    @property
    def size(self) -> int:
        """Bytes that it takes in memory, about."""
        return sum(map(len, self.parts)) + _ROUND_EACH * (1 + len(self.parts))


class Create(NamedTuple):
    """A `response.create` as it came. `lane` is empty for the one without a name; `items` is its
    input as JSON without the brackets, None where it is none; `warms`: nothing is generated;
    `forgets`: it says `store: false`.
    """

    raw: bytes
    members: Members
    lane: str
    previous: str | None
    items: bytes | None
    warms: bool
    forgets: bool

    def body(self, earlier: Earlier) -> bytes:
        """The body that says the same to POST /v1/responses."""
        edits: dict[str, bytes | None] = dict.fromkeys(("type", "stream_id", "generate"))
        edits["stream"] = b"true"
        edits[_PREVIOUS] = None if earlier.base is None else orjson.dumps(earlier.base)
        if earlier.parts and self.items is not None:
            edits["input"] = b"[%b]" % b",".join(filter(None, (*earlier.parts, self.items)))
        elif self.warms and "input" not in self.members:
            edits["input"] = b"[]"
        return splice(self.raw, self.members, edits)


class WrongMessage(Exception):
    """A message that cannot be served: `error` is what its client did wrong, in this `lane`."""

    def __init__(self, error: BadRequest, lane: str) -> None:
        super().__init__(error.message)
        self.error = error
        self.lane = lane


def read_message(raw: bytes) -> Create:
    """Read what a client says. Raises WrongMessage."""
    lane = ""
    try:
        body, members, _ = parse_members(raw, known_keys.RESPONSES, known_keys.METERED_OF_RESPONSES)
        lane = _lane(body)
        return _create(raw, body, members, lane)
    except BadRequest as error:
        raise WrongMessage(error, lane) from None


def _lane(body: Mapping[str, Any]) -> str:
    lane = body.get("stream_id")
    if lane is None:
        return ""
    if not isinstance(lane, str) or _LANE.fullmatch(lane) is None:
        raise BadRequest(
            "'stream_id' is 1 to 256 letters, digits, '_', '-' and '.'. Leave it out for the "
            "default lane.",
            param="stream_id",
            code="invalid_stream_id",
        )
    return lane


def _create(raw: bytes, body: Mapping[str, Any], members: Members, lane: str) -> Create:
    kind = body.get("type")
    if kind != CREATE:
        shown = f"'{kind[:64]}'" if isinstance(kind, str) else "what has no type"
        raise BadRequest(
            f"A message has the type '{CREATE}' here, not {shown}.",
            param="type",
            code="unknown_event_type",
        )
    if body.get("background"):
        raise BadRequest(
            "A response over a WebSocket is told as it comes: there is no 'background'.",
            param="background",
        )
    previous = body.get(_PREVIOUS)
    if not isinstance(previous, str | None):
        raise wrong_type(_PREVIOUS, "a string")
    generates = body.get("generate") is None or read_flag(dict(body), "generate")
    items = _items(raw, members, body.get("input"))
    forgets = body.get("store") is False
    return Create(raw, members, lane, previous or None, items, not generates, forgets)


def _items(raw: bytes, members: Members, given: Any) -> bytes | None:
    if given is None:
        return b""
    if isinstance(given, str):
        return orjson.dumps({"role": "user", "content": given})
    if not isinstance(given, list):
        return None
    _, start, end = members["input"]
    return raw[start + 1 : end - 1].strip()


class Telling:
    """One response on its way into messages.

    `headers` are told with its first event. `ended` once its last event was told; `final` is then
    the response as that told it, None where it failed.
    """

    __slots__ = ("_more", "_previous", "ended", "final", "headers")

    def __init__(self, lane: str, previous: str | None) -> None:
        """`previous`: the response that the client wanted to continue."""
        self._more = _in_lane(lane)
        self._previous = previous
        self.headers: Headers = ()
        self.ended = False
        self.final: bytes | None = None

    def messages(self, block: bytes) -> list[bytes]:
        """The messages that tell a block of events; none behind the end."""
        told = []
        for event in events(block):
            data = data_of(event)
            if data is None or self.ended or not data.startswith(b"{"):
                continue
            if may_tell_life(event) or _ERROR.search(event):
                data = self._looked_at(event, data)
            told.append(self._told(data))
        return told

    def error(self, error: TurnoutError, request_id: str) -> bytes:
        """The message that tells that it failed: its last."""
        self.ended, self.headers = True, ()
        return self._told(_error_message(error, (("x-request-id", request_id),)))

    def _told(self, data: bytes) -> bytes:
        data = data.rstrip()
        if self.headers:
            data, self.headers = _with_headers(data, self.headers), ()
        return data[:-1] + self._more if self._more else data

    def _looked_at(self, event: bytes, data: bytes) -> bytes:
        try:
            life = life_event(event)
            if life is None:
                return self._error_inside(data)
            self.ended = life.ended or life.kind == _FAILED
            response = life.response
            if self._previous is not None:
                told = {_PREVIOUS: orjson.dumps(self._previous)}
                response = splice(response, scan(response), told)
                data = replaced(life.data, life.span, response)
        except ValueError:  # it cannot be read: it goes on as it came
            self.ended = _END.search(event) is not None
            return data
        if life.ended:
            self.final = response
        return data

    def _error_inside(self, data: bytes) -> bytes:
        """An error of a stream with the members that one has in a message."""
        said = orjson.loads(data)
        if said.get("type") != "error":
            return data
        self.ended = True
        inner = said.get("error") if isinstance(said.get("error"), dict) else said
        status = error_inside(inner).status
        kind = "invalid_request_error" if status < 500 else "server_error"
        error = {name: inner.get(name) for name in ("code", "message", "param")}
        named = inner.get("type")
        error["type"] = kind if named in (None, "error") else named
        return orjson.dumps({**said, "status": status, "error": error})


def error_message(error: TurnoutError, lane: str = "") -> bytes:
    """The message that tells an error, of a lane or of the connection."""
    data, more = _error_message(error), _in_lane(lane)
    return data[:-1] + more if more else data


def _error_message(error: TurnoutError, more: Headers = ()) -> bytes:
    told = {"type": "error", "status": error.status, **error_object(error)}
    headers = dict((*error.headers, *more))
    if headers:  # Codex looks there for when to come back
        told["headers"] = headers
    return orjson.dumps(told)


def _with_headers(data: bytes, headers: Headers) -> bytes:
    """An event with the headers that an answer over HTTP has, unless it has some of its own."""
    try:
        has_some = "headers" in scan(data)
    except ValueError:
        return data
    told = orjson.dumps(dict(headers))
    return data if has_some else data[:-1] + b',"headers":%b}' % told


def _in_lane(lane: str) -> bytes:
    return b',"stream_id":"%b"}' % lane.encode() if lane else b""
