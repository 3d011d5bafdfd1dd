"""A body as one particular server takes it, by its quirks: as edits of the client's own bytes."""

from typing import Any, Final

import orjson

from router.ask import Ask
from router.backends.backend import Backend
from router.protocols.ahead import LARGE, outline_of
from router.protocols.beside import json_of
from router.protocols.messages.foreign_thoughts import (
    has_foreign_thoughts,
    has_unsigned_thoughts,
    own_messages,
)
from router.protocols.quirks import Quirks, may_have_long_ids, reshape_messages
from router.protocols.responses.kept import forgotten, names_thoughts
from router.protocols.responses.reasoning import has_foreign_reasoning, own_items
from router.protocols.splice import replaced, splice, spliced

_ASKS_FOR_USAGE: Final = b',"stream_options":{"include_usage":true}'


def shaped_body(backend: Backend, ask: Ask, model: bytes) -> bytes:
    """The client's body under the backend's model name (as JSON), with the gateway's wish for
    usage and the backend's quirks of parameters."""
    quirks, members = backend.quirks, ask.members
    if not quirks.extra and quirks.touched.isdisjoint(members):
        return _in_passing(quirks, ask, model)
    edits = _parameters(quirks, ask)
    return _spliced(quirks, ask, edits | {"model": model})


def shaped_form(backend: Backend, ask: Ask, model: bytes) -> bytes:
    """A form under the backend's model name, or JSON where the client sent that instead; quirks are
    for JSON alone."""
    if not ask.form:
        return shaped_body(backend, ask, model)
    return replaced(ask.raw, ask.members["model"], backend.model.encode())


def shaped_message(backend: Backend, ask: Ask, model: bytes) -> bytes:
    """The same of a message, without the thoughts that its servers did not make."""
    if not (ask.bare or has_foreign_thoughts(outline_of(ask.raw, ask.members))):
        return shaped_body(backend, ask, model)
    edits = _parameters(backend.quirks, ask) | {"model": model}
    edits["messages"] = json_of(own_messages(ask.body["messages"], bare=ask.bare), len(ask.raw))
    return _spliced(backend.quirks, ask, edits)


def signed_message(backend: Backend, ask: Ask, model: bytes) -> bytes:
    """The same for Claude, whose servers refuse thoughts without a signature too."""
    if not _has_others_thoughts(ask):
        return shaped_body(backend, ask, model)
    return edited_message(backend, ask, {"model": model})


def edited_message(backend: Backend, ask: Ask, own: "Edits") -> bytes:
    """The same with a dialect's own edits."""
    edits = _parameters(backend.quirks, ask) | own
    if _has_others_thoughts(ask):
        own_ones = own_messages(ask.body["messages"], signed=True, bare=ask.bare)
        edits["messages"] = json_of(own_ones, len(ask.raw))
    return _spliced(backend.quirks, ask, edits)


def _has_others_thoughts(ask: Ask) -> bool:
    return (
        ask.bare
        or has_foreign_thoughts(outline_of(ask.raw, ask.members))
        or has_unsigned_thoughts(outline_of(ask.raw, ask.members))
    )


def shaped_response(backend: Backend, ask: Ask, model: bytes) -> bytes:
    """The same of a response: without such thoughts, with the server's word for developers, and
    not to be remembered in an account that is all customers'."""
    told = backend.shares_state or ask.body.get("store") is False or "store" in backend.quirks.drop
    return _reshaped(backend, ask, model, {} if told else {"store": b"false"})


def shaped_compaction(backend: Backend, ask: Ask, model: bytes) -> bytes:
    """The same of what is to be compacted, which no server remembers."""
    return _reshaped(backend, ask, model, {})


def _reshaped(backend: Backend, ask: Ask, model: bytes, more: "Edits") -> bytes:
    """A request for a server of responses, with these edits besides."""
    quirks, given = backend.quirks, ask.body.get("input")
    raw = outline_of(ask.raw, ask.members)
    forgets = not backend.shares_state
    roles = quirks.developer_role or b'"developer"' not in raw
    thinks = ask.bare or has_foreign_reasoning(raw) or (forgets and names_thoughts(given))
    if roles and not thinks and not more:
        return shaped_body(backend, ask, model)
    edits = _parameters(quirks, ask) | {"model": model} | more
    items = _items(given, bare=ask.bare, roles=roles, forgets=forgets)
    if items != given:
        edits["input"] = json_of(items, len(ask.raw))
    return _spliced(quirks, ask, edits)


def _items(items: Any, *, bare: bool, roles: bool, forgets: bool) -> Any:
    """The items of an input as a server of responses takes them."""
    if not isinstance(items, list):
        return items
    items = own_items(items, bare=bare)
    if forgets:
        items = forgotten(items)
    return items if roles else [_as_system(item) for item in items]


def _as_system(item: Any) -> Any:
    if isinstance(item, dict) and item.get("role") == "developer" and "content" in item:
        return {**item, "role": "system"}
    return item


def shaped_chat(backend: Backend, ask: Ask, model: bytes) -> bytes:
    """The same of a chat body, with the quirks of messages and of its output limit."""
    quirks, raw = backend.quirks, ask.raw
    if len(raw) > LARGE:
        raw = outline_of(raw, ask.members)
    # The raw bytes tell quickly that no message has the role.
    as_said = quirks.developer_role or b'"developer"' not in raw
    if quirks.longest_call_id is not None and as_said:
        as_said = not may_have_long_ids(raw, quirks.longest_call_id)
    if as_said and not quirks.reshapes and quirks.touched.isdisjoint(ask.members):
        return _in_passing(quirks, ask, model)
    edits = _limits(quirks, ask) | _parameters(quirks, ask) | {"model": model}
    if quirks.reshapes_messages or not as_said:
        edits["messages"] = json_of(reshape_messages(ask.body["messages"], quirks), len(ask.raw))
    return _spliced(quirks, ask, edits)


def _in_passing(quirks: Quirks, ask: Ask, model: bytes) -> bytes:
    """What most requests need: another model, and in a stream the wish for usage."""
    raw, members = ask.raw, ask.members
    if not ask.stream or ask.include_usage or not quirks.stream_options:
        return replaced(raw, members["model"], model)
    if "stream_options" in members:
        return _spliced(quirks, ask, {"model": model})
    _, start, end = members["model"]
    _, _, last = members[next(reversed(members))]
    return spliced(raw, ((start, end, model), (last, last, _ASKS_FOR_USAGE)))


def _spliced(quirks: Quirks, ask: Ask, edits: "Edits") -> bytes:
    if not quirks.stream_options:
        edits["stream_options"] = None
    elif ask.stream and not ask.include_usage:
        given = ask.body.get("stream_options") or {}
        edits["stream_options"] = orjson.dumps({**given, "include_usage": True})
    return splice(ask.raw, ask.members, edits, _renames(quirks, ask, edits))


Edits = dict[str, bytes | None]


def _limits(quirks: Quirks, ask: Ask) -> Edits:
    """The output limit under the one name that the server takes."""
    name, most = quirks.token_param, ask.max_output_tokens
    if name is None or most is None:
        return {}
    return {"max_tokens": None, "max_completion_tokens": None, name: b"%d" % most}


def _parameters(quirks: Quirks, ask: Ask) -> Edits:
    """The edits that quirks make: values added, values replaced, parameters left out."""
    edits: Edits = {name: orjson.dumps(held) for name, held in quirks.extra.items()}
    as_it_came = {new: old for old, new in quirks.rename.items()}
    for name, words in quirks.values.items():
        key = as_it_came.get(name, name)
        value = ask.body.get(key)
        if isinstance(value, str) and value in words:
            edits[key] = orjson.dumps(words[value])
    return edits | dict.fromkeys(quirks.drop)


def _renames(quirks: Quirks, ask: Ask, edits: Edits) -> dict[str, str]:
    """What is called otherwise; whatever came under that name gives way."""
    renames = {old: new for old, new in quirks.rename.items() if old in ask.members}
    for old, new in renames.items():
        if new in ask.members and new not in renames and edits.get(old, b"") is not None:
            edits[new] = None
    return renames
