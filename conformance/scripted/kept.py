"""Responses that the scripted server keeps, as OpenAI does unless it is told not to."""

import itertools
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Response:
    items: list[Any]
    told: Json


class Kept:
    """By id. A conversation goes on by the id of its last response."""

    def __init__(self) -> None:
        self._held: dict[str, _Response] = {}
        self._numbers = itertools.count(1000)

    def name(self) -> str:
        """What the next answer is called."""
        return str(next(self._numbers))

    def continued(self, body: Json) -> list[Any]:
        """All input items: those of the conversation that the body goes on with, and its own.

        Raises KeyError where it is not there.
        """
        held = body.get("input")
        own = [{"role": "user", "content": held}] if isinstance(held, str) else held or []
        previous = body.get("previous_response_id")
        if previous is None:
            return own
        before = self._held[previous]
        return [*before.items, *before.told["output"], *own]

    def add(self, items: list[Any], told: Json) -> None:
        """Keep a response with all that led to it."""
        self._held[told["id"]] = _Response(items, told)

    def get(self, path: str) -> Json | None:
        """What `GET path` answers: the response, or its `input_items`."""
        name, _, more = path.partition("/")
        held = self._held.get(name)
        if held is None:
            return None
        if more != "input_items":
            return held.told
        data = [_told(item) | {"id": f"msg_{n}"} for n, item in enumerate(held.items)]
        return {"object": "list", "data": data, "has_more": False}

    def delete(self, name: str) -> Json | None:
        """What `DELETE` answers."""
        if self._held.pop(name, None) is None:
            return None
        return {"id": name, "object": "response", "deleted": True}


def _told(item: Json) -> Json:
    """An input item as it is told: a message in full."""
    held = item.get("content")
    if not isinstance(held, str):
        return item
    return item | {"type": "message", "content": [{"type": "input_text", "text": held}]}
