"""A response that is over, told as the events that a stream of it would have had.

Each text comes in one piece. The same response is always told by the same events, so that a client
can go on from a number.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import orjson

from router.protocols.responses.kept import listed
from router.protocols.sse import encode

Told = Iterator[tuple[str, dict[str, Any]]]  # events: their kinds, and their fields


class _Part(NamedTuple):
    """How one part of an item grows: which events tell its text, and which that it is there."""

    field: str
    text: str
    around: str = ""


_INDEX: Final = MappingProxyType({"summary": "summary_index", "content": "content_index"})
_PARTS: Final = MappingProxyType(
    {
        ("content", "output_text"): _Part("text", "output_text", "content_part"),
        ("content", "refusal"): _Part("refusal", "refusal", "content_part"),
        ("content", "reasoning_text"): _Part("text", "reasoning_text"),
        ("summary", "summary_text"): _Part(
            "text", "reasoning_summary_text", "reasoning_summary_part"
        ),
    }
)
_CALLS: Final = MappingProxyType(
    {
        "function_call": ("arguments", "function_call_arguments"),
        "custom_tool_call": ("input", "custom_tool_call_input"),
    }
)


def retold_events(response: Mapping[str, Any]) -> Iterator[bytes]:
    """The events of a response that is over; the number of each is its place."""
    begun = {**response, "status": "in_progress", "output": [], "usage": None, "error": None}
    begun.pop("completed_at", None)
    last = f"response.{response.get('status') or 'completed'}"
    told: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
        *told_items(listed(response.get("output"))),
        (last, {"response": response}),
    ]
    for number, (kind, fields) in enumerate(told):
        event = {"type": kind, "sequence_number": number, **fields}
        yield encode(orjson.dumps(event), kind.encode())


def told_items(output: list[dict[str, Any]]) -> Told:
    """The events of whole items, one behind the other."""
    for index, item in enumerate(output):
        at = {"output_index": index}
        yield "response.output_item.added", {**at, "item": _empty(item)}
        yield from _inside(item, {**at, "item_id": item.get("id")})
        yield "response.output_item.done", {**at, "item": item}


def _empty(item: dict[str, Any]) -> dict[str, Any]:
    """An item that has yet to say something."""
    said: dict[str, Any] = {name: [] for name in _INDEX if isinstance(item.get(name), list)}
    if item.get("type") in _CALLS:
        said[_CALLS[item["type"]][0]] = ""
    running = {"status": "in_progress"} if "status" in item else {}
    return {**item, **said, **running}


def _inside(item: dict[str, Any], at: dict[str, Any]) -> Told:
    """The events between an item's first and its last."""
    if item.get("type") in _CALLS:
        field, kind = _CALLS[item["type"]]
        said = item.get(field) or ""
        yield f"response.{kind}.delta", {**at, "delta": said}
        yield f"response.{kind}.done", {**at, "name": item.get("name"), field: said}
        return
    for where, index in _INDEX.items():
        parts = item.get(where)
        for number, part in enumerate(parts if isinstance(parts, list) else ()):
            how = _PARTS.get((where, part.get("type")))
            if how is not None:
                yield from _part(how, part, {**at, index: number})


def _part(how: _Part, part: dict[str, Any], at: dict[str, Any]) -> Told:
    said = part.get(how.field) or ""
    scored = {"logprobs": part.get("logprobs") or []} if how.text == "output_text" else {}
    if how.around:
        lists: dict[str, Any] = {name: [] for name, held in part.items() if isinstance(held, list)}
        yield f"response.{how.around}.added", {**at, "part": {**part, **lists, how.field: ""}}
    yield f"response.{how.text}.delta", {**at, "delta": said, **scored}
    yield f"response.{how.text}.done", {**at, how.field: said, **scored}
    if how.around:
        yield f"response.{how.around}.done", {**at, "part": part}
