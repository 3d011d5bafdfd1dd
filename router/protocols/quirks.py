"""How servers of one protocol differ: data, applied to a chat body as the last thing of all.

A quirk is one field of `Quirks`, and obeyed below. The catalog's presets and a backend's section in
turnout.yaml have a key for each field by themselves.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Final

from router.protocols.hub.call_ids import CallIds, at_most, digest
from router.protocols.parameters import GUARD, Unknown

_ANSWERS: Final = b'"tool_call_id"'
_SHORT_ID: Final = re.compile(r"[a-zA-Z0-9]{9}")


@dataclass(frozen=True, slots=True)
class Quirks:
    """How an OpenAI-compatible server differs from OpenAI's own: data, never a branch by name.

    `token_param` is the one name of the output limit that it takes (None: both are passed on);
    `drop` are parameters it refuses (`tools.TYPE`: a hosted tool that is left out where a request
    is translated), `rename` those it calls something else, `extra` those to send with every
    request; `values` are words it says otherwise (parameter -> word -> word);
    `stream_options` is whether it knows that parameter. Of messages: `message_drop` are fields it
    refuses, `developer_role` is whether it knows that role, `plain_content` that it wants text as
    a text and not as parts, `short_call_ids` that ids of tool calls have nine letters and digits.
    `longest_call_id` is how long such an id may be, `most_stops` how many stop sequences there may.
    `custom_tools` is whether it knows tools that take free text; else they are told it as functions
    where a request is translated. `window` is the context that a server is to set up for a request,
    in tokens, where its protocol has a word for that: the backend's own, and no operator's key.
    `parameters` are those that go on although nobody here knows them, or knows that they steer;
    `unknown_parameters` is what becomes of the other ones (`router.protocols.parameters`).
    """

    token_param: str | None = None
    drop: frozenset[str] = frozenset()
    rename: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    extra: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    stream_options: bool = True
    message_drop: frozenset[str] = frozenset()
    values: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    developer_role: bool = True
    plain_content: bool = False
    short_call_ids: bool = False
    longest_call_id: int | None = None
    most_stops: int | None = None
    custom_tools: bool = True
    parameters: frozenset[str] = frozenset()
    unknown_parameters: Unknown = GUARD
    window: int | None = field(init=False, compare=False, default=None)
    touched: frozenset[str] = field(init=False, compare=False, repr=False, default=frozenset())
    reshapes_messages: bool = field(init=False, compare=False, repr=False, default=False)
    reshapes: bool = field(init=False, compare=False, repr=False, default=False)
    plain: bool = field(init=False, compare=False, repr=False, default=False)

    def __post_init__(self) -> None:
        """Find out once what is asked for every request: which parameters may not go on as they
        are (`touched`), whether messages may not, whatever their roles (`reshapes_messages`),
        whether no body may (`reshapes`), and whether every body may (`plain`): but for the role
        of developers, which stands in few."""
        touched = {*self.drop, *self.rename, *self.values}
        if not self.stream_options:
            touched.add("stream_options")
        if self.token_param is not None:
            touched |= {"max_tokens", "max_completion_tokens"}
        object.__setattr__(self, "touched", frozenset(touched))
        reshapes = bool(self.message_drop or self.plain_content or self.short_call_ids)
        object.__setattr__(self, "reshapes_messages", reshapes)
        object.__setattr__(self, "reshapes", reshapes or bool(self.extra))
        object.__setattr__(self, "plain", not (self.reshapes or self.touched))

    def overridden(self, own: Mapping[str, Any]) -> "Quirks":
        """Return these with a backend's own: sets and mappings are added to, others replaced."""
        changes: dict[str, Any] = {}
        for name, value in own.items():
            preset = getattr(self, name)
            if isinstance(preset, frozenset):
                changes[name] = preset | set(value)
            elif isinstance(preset, Mapping):
                changes[name] = MappingProxyType({**preset, **value})
            else:
                changes[name] = value
        return replace(self, **changes)

    def within(self, window: int | None) -> "Quirks":
        """Return these for a backend of this window."""
        if window == self.window:
            return self
        changed = replace(self)
        object.__setattr__(changed, "window", window)
        return changed


QUIRKS: Final = tuple(each.name for each in fields(Quirks) if each.init)
PLAIN: Final = Quirks()  # a server that differs in nothing


def reshape(body: dict[str, Any], quirks: Quirks, limit: int | None) -> None:
    """Make the parameters of a body what a server takes that differs from OpenAI's own.

    `limit` is the output limit, however the client spelt it.
    """
    if not quirks.stream_options:
        body.pop("stream_options", None)
    if quirks.token_param is not None and limit is not None:
        body.pop("max_tokens", None)
        body.pop("max_completion_tokens", None)
        body[quirks.token_param] = limit
    for name in quirks.drop:
        body.pop(name, None)
    for old, new in quirks.rename.items():
        if old in body:
            body[new] = body.pop(old)
    for name, values in quirks.values.items():
        value = body.get(name)
        if isinstance(value, str) and value in values:
            body[name] = values[value]


def reshape_messages(messages: Sequence[Mapping[str, Any]], quirks: Quirks) -> list[dict[str, Any]]:
    """The messages in the server's shape."""
    ids: CallIds | None = None
    if quirks.short_call_ids:
        ids = CallIds(_short)
    elif quirks.longest_call_id is not None:
        ids = CallIds(at_most(quirks.longest_call_id))
    return [_reshaped(message, quirks, ids) for message in messages]


def _reshaped(message: Mapping[str, Any], quirks: Quirks, ids: CallIds | None) -> dict[str, Any]:
    shaped = {key: value for key, value in message.items() if key not in quirks.message_drop}
    if not quirks.developer_role and shaped.get("role") == "developer":
        shaped["role"] = "system"
    content = shaped.get("content")
    if quirks.plain_content and isinstance(content, list):
        shaped["content"] = _plain(content)
    if ids is not None:
        if shaped.get("tool_calls"):
            shaped["tool_calls"] = [
                call | {"id": ids.of_call(str(call.get("id")))} for call in shaped["tool_calls"]
            ]
        if shaped.get("tool_call_id") is not None:
            shaped["tool_call_id"] = ids.of_result(str(shaped["tool_call_id"]))
    return shaped


def has_long_ids(messages: Sequence[Mapping[str, Any]], most: int) -> bool:
    """Whether a result names its call by an id that is longer than `most`."""
    return any(
        len(str(message["tool_call_id"])) > most
        for message in messages
        if message.get("tool_call_id")
    )


def may_have_long_ids(raw: bytes, most: int) -> bool:
    """The same of a body's bytes, at a look: true at times where there is none."""
    at = raw.find(_ANSWERS)
    while at >= 0:
        start = raw.find(b'"', at + len(_ANSWERS)) + 1
        if start and raw.find(b'"', start, start + most + 1) < 0:
            return True
        at = raw.find(_ANSWERS, start or len(raw))
    return False


def _plain(content: list[Any]) -> Any:
    """Text parts as one text; content that holds anything else stays as it is."""
    if all(isinstance(part, Mapping) and part.get("type") == "text" for part in content):
        return "\n".join(str(part.get("text", "")) for part in content)
    return content


def _short(value: str) -> str:
    """A tool call's id of nine letters and digits: its own where it is one, else made from it."""
    return value if _SHORT_ID.fullmatch(value) else digest(value)[:9]
