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


class Room:
    """What all connections of a process may remember together: `most` bytes. Where it is too much,
    what was remembered longest ago goes, whosever it is.
    """

    __slots__ = ("_held", "_most", "size")

    def __init__(self, most: int) -> None:
        self._most = most
        self.size = 0
        self._held: dict[tuple[Memory, str], int] = {}  # the oldest first

    def take(self, memory: "Memory", id_: str, size: int) -> None:
        """Count a response, and make room for it."""
        self._held[memory, id_] = size
        self.size += size
        while self.size > self._most:
            oldest, its_id = next(iter(self._held))
            oldest.forget(its_id)

    def give(self, memory: "Memory", id_: str) -> None:
        """Count a response no more."""
        self.size -= self._held.pop((memory, id_))


class Memory:
    """The last responses of one connection, as far as they fit into `most` bytes, and into `room`.

    A response counts with all that it continues, though it shares that with others.
    """

    __slots__ = ("_held", "_most", "_room", "_size")

    def __init__(self, most: int, room: Room) -> None:
        self._most = most
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
        self.forget(id_)
        if held.size > self._most:
            return
        self._held[id_] = held
        self._size += held.size
        self._room.take(self, id_, held.size)
        while self._size > self._most:
            self.forget(next(iter(self._held)))

    def forget(self, id_: str) -> None:
        """Remember a response no longer, if it is remembered."""
        held = self._held.pop(id_, None)
        if held is not None:
            self._size -= held.size
            self._room.give(self, id_)

    def close(self) -> None:
        """Forget everything."""
        for id_ in list(self._held):
            self.forget(id_)
