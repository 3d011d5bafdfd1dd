"""A response in the background, as its client is told it: its events, numbered, and its end.

Whoever works on it sends an ordinary answer. Here that answer becomes the row of events of one
response with our id that was queued first: `response.created` and `response.queued` are told before
a backend is asked, `response.in_progress` when it begins. Every event gets its number anew, since
clients go on from a number, at any gateway. All else stays as the backend said it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import orjson

from router.ask import Ask
from router.errors import TurnoutError
from router.protocols.responses.echo import Around
from router.protocols.responses.errors import BEHIND_ALL, failure
from router.protocols.responses.kept import Kept, document_of, listed, named_items
from router.protocols.responses.retelling import told_items
from router.protocols.scan import scan
from router.protocols.splice import splice
from router.protocols.sse import data_of, encode, events

RUNNING: Final = ("queued", "in_progress")
_BEGUN: Final = ("response.created", "response.queued", "response.in_progress")
_ENDED: Final = ("response.completed", "response.incomplete")
_ITEM: Final = "response.output_item.done"
_KILLED: Final = {
    "code": "server_error",
    "message": "The gateway that worked on this response stopped before its end. What it had"
    " answered until then is charged. Please send the request again.",
}
_NO_ROOM: Final = {
    "code": "server_error",
    "message": "The answer is larger than what this gateway keeps of one organization"
    " (its operator's `responses.room`). It is charged.",
}


class Finish(NamedTuple):
    """The end of a response: what is stored of it, the items that may be named, its last event and
    that event's number. `instead` is stored where there is no room for it.
    """

    document: bytes
    items: tuple[tuple[str, bytes], ...]
    number: int
    event: bytes
    instead: bytes


class RunningResponse:
    """One response from its first event to its last. `number` is the next event's."""

    def __init__(self, ask: Ask, kept: Kept, id_: str, created: int) -> None:
        """`created` is in seconds of Unix time."""
        around = Around(ask, created)
        around.begin(id_, ask.model)
        self.previous = kept.previous
        self._given = kept.given
        self._unique = id_
        self._own: dict[str, Any] = {
            "id": id_,
            "created_at": created,
            "background": True,
            "store": True,
            "previous_response_id": kept.previous,
        }
        self._edits = {name: orjson.dumps(told) for name, told in self._own.items()}
        self.head: dict[str, Any] = around.response("queued", []) | self._own
        self._items: list[Any] = []
        self.number = 0
        self.unread = 0  # events that are no JSON that can be read
        self.finish: Finish | None = None

    @property
    def begun(self) -> bool:
        """Whether a backend answers."""
        return bool(self.head["status"] != "queued")

    def opening(self) -> list[bytes]:
        """The events that are told before a backend is asked."""
        response = orjson.dumps(self.head)
        return [self._life(kind, response) for kind in _BEGUN[:2]]

    def document(self) -> bytes:
        """What is stored while it is worked on."""
        return self._document(orjson.dumps(self.head))

    def take(self, block: bytes) -> Iterator[bytes]:
        """The events of a block as they are told; `finish` holds the last one.

        What is no event with JSON in it is passed over, and what comes behind the end.
        """
        for event in events(block):
            data = data_of(event)
            if self.finish is None and data is not None and data.startswith(b"{"):
                try:
                    yield from self._event(data)
                except ValueError:
                    self.unread += 1

    def whole(self, answer: bytes) -> Iterator[bytes]:
        """The same of an answer that came at once. Raises ValueError."""
        yield from self._begin(answer)
        told = orjson.loads(answer)
        self._items = listed(told.get("output"))
        for kind, fields in told_items(self._items):
            yield self._numbered(kind, fields)
        self._end(_ENDED[told.get("status") == "incomplete"], self._retold(answer))

    def fail(self, error: TurnoutError) -> None:
        """End it by what went wrong."""
        ended = _ended(self.head, self._items, "failed", failure(error))
        self._end("response.failed", orjson.dumps(ended))

    def _event(self, data: bytes) -> Iterator[bytes]:
        members = scan(data)
        told = orjson.loads(data)
        kind = str(told.get("type"))
        edits = {"sequence_number": b"%d" % self.number}
        if kind in (*_BEGUN, *_ENDED) and isinstance(told.get("response"), dict):
            _, start, end = members["response"]
            response = data[start:end]
            if kind in _BEGUN:
                yield from self._begin(response)
                return
            response = self._retold(response)
            edits["response"] = response
            self._end(kind, response, encode(splice(data, members, edits), kind.encode()))
            return
        if kind == _ITEM:
            self._items.append(told.get("item"))
        self.number += 1
        yield encode(splice(data, members, edits), kind.encode())

    def _begin(self, response: bytes) -> Iterator[bytes]:
        """A backend has begun: that is told once, in whatever words it says so."""
        if self.begun:
            return
        self.head = {**orjson.loads(response), **self._own, "status": "in_progress", "output": []}
        yield self._life(_BEGUN[2], orjson.dumps(self.head))

    def _end(self, kind: str, response: bytes, event: bytes | None = None) -> None:
        number = self.number
        if event is None:
            event = self._life(kind, response)
        instead = _ended(self.head, [], "failed", _NO_ROOM)
        self.finish = Finish(
            self._document(response),
            named_items(response),
            number,
            event,
            self._document(orjson.dumps(instead)),
        )

    def _retold(self, response: bytes) -> bytes:
        return splice(response, scan(response), self._edits)

    def _document(self, response: bytes) -> bytes:
        return document_of(response, self._given, self._unique)

    def _life(self, kind: str, response: bytes) -> bytes:
        return self._numbered(kind, {"response": orjson.Fragment(response)})

    def _numbered(self, kind: str, fields: Mapping[str, Any]) -> bytes:
        told = {"type": kind, "sequence_number": self.number, **fields}
        self.number += 1
        return encode(orjson.dumps(told), kind.encode())


def is_running(response: Mapping[str, Any]) -> bool:
    """Whether a stored response is still worked on."""
    return bool(response.get("background")) and response.get("status") in RUNNING


def cancelled(document: bytes, told: bytes) -> bytes:
    """What is stored of a response that its client ended, by what is stored and told of it."""
    return _stopped(document, told, "cancelled", None)[0]


def killed(document: bytes, told: bytes) -> tuple[bytes, int, bytes]:
    """The same where its gateway is gone, with the event that tells it, and its number.

    Nobody knows what that gateway told last: the number is behind any.
    """
    stored, response = _stopped(document, told, "failed", _KILLED)
    kind, number = "response.failed", BEHIND_ALL
    event = {"type": kind, "sequence_number": number, "response": response}
    return stored, number, encode(orjson.dumps(event), kind.encode())


def behind(block: bytes, first: int, after: int) -> bytes:
    """The events of a block, the first of which has the number `first`, behind another number."""
    return block if after < first else b"".join(events(block)[after - first + 1 :])


def without_output(document: bytes) -> bytes:
    """The document of a response that there is no room for."""
    held = orjson.loads(document)
    return orjson.dumps(held | {"response": _ended(held["response"], [], "failed", _NO_ROOM)})


def _stopped(document: bytes, told: bytes, status: str, error: Any) -> tuple[bytes, dict[str, Any]]:
    held = orjson.loads(document)
    response = _ended(held["response"], list(_items_told(told)), status, error)
    return orjson.dumps(held | {"response": response}), response


def _items_told(told: bytes) -> Iterator[Any]:
    """The items that were whole."""
    for event in events(told):
        if event.startswith(b"event: %b\n" % _ITEM.encode()):
            yield orjson.loads(data_of(event) or b"{}").get("item")


def _ended(head: Mapping[str, Any], items: list[Any], status: str, error: Any) -> dict[str, Any]:
    return {**head, "status": status, "error": error, "output": items}
