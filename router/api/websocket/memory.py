"""What a connection remembers: responses that nobody stores and that its client may continue.

It is lost with the connection, and never written anywhere. What the answer says is stored, whoever
stores it is asked for.
"""

from typing import Any, Final

import orjson

from router.errors import BadRequest
from router.protocols.responses.frames import Create, Earlier
from router.protocols.responses.kept import is_kept_id, listed, replayed

_NOTHING: Final = Earlier()


class Memory:
    """The last responses of one connection, as far as they fit into `room` bytes.

    A response counts with all that it continues, though it shares that with others.
    """

    __slots__ = ("_held", "_room", "_size")

    def __init__(self, room: int) -> None:
        self._room = room
        self._size = 0
        self._held: dict[str, Earlier] = {}  # the oldest first

    def earlier(self, create: Create) -> Earlier:
        """Return what a response goes on from.

        Raises BadRequest where its client continues what only this connection could know.
        """
        previous = create.previous
        if previous is None:
            return _NOTHING
        held = self._held.get(previous)
        if held is not None:
            return held
        if create.forgets and not is_kept_id(previous):
            shown = previous[:80].encode("ascii", "replace").decode()
            raise BadRequest(
                f"Previous response with id '{shown}' not found. With `store: false` the gateway "
                "remembers the last responses of a connection, and for as long as that stays open: "
                "send the whole conversation in 'input', without 'previous_response_id'.",
                param="previous_response_id",
                code="previous_response_not_found",
            )
        return Earlier(previous)

    def add(self, response: bytes, create: Create, earlier: Earlier) -> None:
        """Remember a response by its JSON, unless it is stored or larger than all room."""
        told: Any = orjson.loads(response)
        id_ = told.get("id") if isinstance(told, dict) else None
        if not isinstance(id_, str) or (told.get("store") and not create.forgets):
            return
        said = orjson.dumps(list(replayed(listed(told.get("output")))))[1:-1]
        parts = tuple(filter(None, (*earlier.parts, create.items, said)))
        held = Earlier(earlier.base, parts)
        self._forget(id_)
        if held.size > self._room:
            return
        self._held[id_] = held
        self._size += held.size
        while self._size > self._room:
            self._forget(next(iter(self._held)))

    def _forget(self, id_: str) -> None:
        held = self._held.pop(id_, None)
        if held is not None:
            self._size -= held.size
