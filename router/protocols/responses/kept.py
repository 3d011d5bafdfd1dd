"""Responses that the gateway keeps: their ids, what is kept of a request, what a kept one says.

Of an answer three members are told anew, at their places in its bytes: its id, what it continues,
and whether it is stored. Everything else stays as the backend, or whoever translated it, said it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from uuid import uuid4

import orjson

from router.protocols.scan import scan
from router.protocols.splice import replaced, splice
from router.protocols.sse import data_of, encode

_PREFIX: Final = "resp_turnout_"
_CONVERSATION_ID: Final = re.compile("conv_turnout_[0-9a-f]{32}")
_ID: Final = re.compile(_PREFIX + "[0-9a-f]{32}")
_ITEM_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
# An event says its kind in its first line, or as the first member of its data.
_KIND: Final = re.compile(rb'(?m)^(?:event: ?|data: ?\{"type": ?")([a-z_.]+)')
_RUNNING: Final = ("response.created", "response.queued", "response.in_progress")
_ENDED: Final = ("response.completed", "response.incomplete")
_TOLD: Final = frozenset((*_RUNNING, *_ENDED, "response.failed"))
_HINT: Final = re.compile(rb"response\.(?:created|queued|in_progress|completed|incomplete|failed)")
_PREFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "message": "msg",
        "reasoning": "rs",
        "function_call": "fc",
        "function_call_output": "fco",
        "custom_tool_call": "ctc",
        "custom_tool_call_output": "ctco",
    }
)

_NAMELESS: Final = frozenset(_PREFIXES) - {"reasoning"}


class Kept(NamedTuple):
    """What an answer is kept with. `previous` is the response that it continues; `given` is the
    request's own input; where it is not `wanted`, the answer only says what it continues. In the
    `background`: its client does not wait for it. `talk`: the conversation that it goes on with,
    which takes in what was said where that is `wanted` (`router.pipeline.conversing`).
    """

    previous: str | None
    given: Any
    wanted: bool
    background: bool = False
    talk: Any = None

    @property
    def conversation(self) -> str | None:
        """The id of that conversation."""
        return None if self.talk is None else self.talk.id


def kept_id(request_id: str) -> str:
    """The id of the response to a request, as this gateway gives it."""
    return _PREFIX + request_id


def is_kept_id(id_: Any) -> bool:
    """Whether an id is one of a gateway's, not of a provider's."""
    return isinstance(id_, str) and _ID.fullmatch(id_) is not None


def new_conversation_id() -> str:
    """The id of a conversation that this gateway makes."""
    return f"conv_turnout_{uuid4().hex}"


def is_conversation_id(id_: Any) -> bool:
    """Whether an id is of a conversation that a gateway made, not a provider."""
    return isinstance(id_, str) and _CONVERSATION_ID.fullmatch(id_) is not None


def is_item_id(id_: Any) -> bool:
    """Whether an item could have this id."""
    return isinstance(id_, str) and _ITEM_ID.fullmatch(id_) is not None


def listed(given: Any) -> list[dict[str, Any]]:
    """The input of a request as items."""
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    return [item for item in given or () if isinstance(item, dict)]


def input_items(given: Any, unique: str) -> list[dict[str, Any]]:
    """The input of a request as items that have ids: `unique` sets them apart from any other's."""
    return [_whole(item, f"{unique}{number:04x}") for number, item in enumerate(listed(given))]


def _whole(item: dict[str, Any], unique: str) -> dict[str, Any]:
    kind = item.get("type") or "message"
    told = {"id": f"{_PREFIXES.get(kind, 'item')}_{unique}", "type": kind}
    if kind != "message":
        return {**told, **item}
    content = item.get("content")
    if isinstance(content, str):
        of = "output_text" if item.get("role") == "assistant" else "input_text"
        beside: dict[str, Any] = {"annotations": []} if of == "output_text" else {}
        item = {**item, "content": [{"type": of, "text": content, **beside}]}
    return {**told, "status": "completed", **item}


def is_reference(item: Any) -> bool:
    """Whether an item is only named."""
    if not isinstance(item, dict) or not isinstance(item.get("id"), str):
        return False
    kind = item.get("type")
    if kind == "image_generation_call":  # its picture is where it was made
        return not item.get("result")
    return kind == "item_reference" or (kind is None and "role" not in item)


def has_unsealed(given: Any) -> bool:
    """Whether an input has a thought without a seal, which stands for one that was stored."""
    return isinstance(given, list) and any(
        item.get("type") == "reasoning" and not item.get("encrypted_content")
        for item in listed(given)
    )


def names_thoughts(given: Any) -> bool:
    """Whether an input has a thought whose text and seal are with who remembers its id."""
    return isinstance(given, list) and any(map(_is_only_named, given))


def forgotten(items: Sequence[Any]) -> list[Any]:
    """An input for a server that remembers nothing: without thoughts that are only named, and
    where there was one, without the ids that would lead to it."""
    there = [item for item in items if not _is_only_named(item)]
    return there if len(there) == len(items) else [_nameless(item) for item in there]


def _is_only_named(item: Any) -> bool:
    if not isinstance(item, dict) or item.get("type") != "reasoning":
        return False
    return not (item.get("encrypted_content") or item.get("content"))


def _nameless(item: Any) -> Any:
    if not isinstance(item, dict) or item.get("type", "message") not in _NAMELESS:
        return item
    return {name: held for name, held in item.items() if name != "id"}


def replayed(items: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Items that were kept, as input of a request that keeps nothing at its backend.

    Ids of messages and calls would be looked for there, so they go; a thought without a seal is one
    that only its provider's memory could read, and nobody was asked to remember it.
    """
    for item in items:
        kind = item.get("type")
        if kind in _NAMELESS:
            yield {name: held for name, held in item.items() if name != "id"}
        elif kind != "reasoning" or item.get("encrypted_content"):
            yield item


def document_of(response: bytes, given: Any, unique: str) -> bytes:
    """What is stored: the request's own input as items, and the response as it is told."""
    items = orjson.dumps(input_items(given, unique))
    return b'{"input":%b,"response":%b}' % (items, response)


def items_of(document: bytes) -> list[dict[str, Any]]:
    """The items of what is stored: the input's, then the output's."""
    held = orjson.loads(document)
    return [*held["input"], *listed(held["response"].get("output"))]


def said_items(document: bytes, unique: str) -> list[dict[str, Any]]:
    """The same, each with an id: `unique` sets those that get one apart from any other's."""
    return [
        item if is_item_id(item.get("id")) else {**item, "id": f"item_{unique}{number:04x}"}
        for number, item in enumerate(items_of(document))
    ]


def named_items(response: bytes) -> tuple[tuple[str, bytes], ...]:
    """What was answered, as JSON by its id: items that a client could name."""
    output = listed(orjson.loads(response).get("output"))
    return tuple(
        [(item["id"], orjson.dumps(item)) for item in output if is_item_id(item.get("id"))]
    )


def retold(response: bytes, id_: str, kept: Kept, *, stored: bool) -> bytes:
    """A response with its id, what it continues, and whether it is stored.

    ValueError where it is none that can be read.
    """
    edits: dict[str, bytes | None] = {
        "id": orjson.dumps(id_),
        "previous_response_id": orjson.dumps(kept.previous),
        "store": b"true" if stored else b"false",
    }
    if kept.conversation is not None:
        edits["conversation"] = orjson.dumps({"id": kept.conversation})
    return splice(response, scan(response), edits)


class LifeEvent(NamedTuple):
    """An event that tells the whole response: `data` its bytes, `span` where the response is."""

    kind: str
    data: bytes
    span: tuple[int, int, int]

    @property
    def response(self) -> bytes:
        """The response as it is told."""
        return self.data[self.span[1] : self.span[2]]

    @property
    def ended(self) -> bool:
        """Whether it is the answer's end, and a good one."""
        return self.kind in _ENDED

    def with_response(self, response: bytes) -> bytes:
        """The event with another response."""
        return encode(replaced(self.data, self.span, response), self.kind.encode())


def may_tell_life(block: bytes) -> bool:
    """Whether a block of events may have one that tells the whole response."""
    return _HINT.search(block) is not None


def life_event(event: bytes) -> LifeEvent | None:
    """An event that tells the whole response; None for another. ValueError for no JSON."""
    told = _KIND.search(event)
    kind = None if told is None else told[1].decode()
    if kind is not None and kind not in _TOLD:
        return None
    data = data_of(event)
    if data is None or not data.startswith(b"{"):
        return None
    kind = str(orjson.loads(data).get("type"))
    if kind not in _TOLD:
        return None
    span = scan(data).get("response")
    return None if span is None else LifeEvent(kind, data, span)
