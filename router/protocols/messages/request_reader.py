"""Anthropic's Messages, read: a client's body as a conversation.

A hot file: what nearly every body says, and tools, which agents send by the dozen, are read without
a check for each field that might be there as well.
"""

from collections.abc import Mapping
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final

from router.protocols.hub.conversation import (
    Choice,
    Conversation,
    Opaque,
    Role,
    Schema,
    Tool,
    Turn,
    plain_tools,
)
from router.protocols.hub.values import name_of, text_of, unknown
from router.protocols.messages.parts import MESSAGES, cache_of, read_blocks
from router.protocols.unsupported import Unsupported

_SHAPES: Final = (KeyError, TypeError, AttributeError, IndexError, ValueError)
_SAMPLING: Final = ("temperature", "top_p", "top_k")
_PLAIN: Final = frozenset(("messages", "system", "model", "max_tokens", "stream", "tools"))
_READ: Final = _PLAIN | {
    *("stop_sequences", "metadata", "tool_choice", "output_config", "output_format"),
    *("thinking", "service_tier"),
    *_SAMPLING,
}
# What may be dropped, named: it changes neither what is asked nor what is answered.
_HINTS: Final = frozenset(
    ("context_management", "speed", "inference_geo", "cache_control", "diagnostics", "betas")
)
_ROLES: Final = frozenset(("user", "assistant", "system"))
_MESSAGE: Final = frozenset(("role", "content"))
_TOOL: Final = frozenset(("type", "name", "description", "input_schema", "strict", "cache_control"))
_THREE: Final = frozenset((3,))
_TEXT: Final = frozenset((str,))
_tool_fields: Final = itemgetter("name", "description", "input_schema")
_OUTPUT: Final = frozenset(("format", "effort"))
_MODES: Final = MappingProxyType(
    {"auto": "auto", "any": "required", "none": "none", "tool": "tool"}
)


def read_request(body: Mapping[str, Any]) -> Conversation:
    """A body of POST /v1/messages; Unsupported where something has an unknown shape."""
    try:
        conversation = Conversation(
            _turns(body),
            _tools(body.get("tools")),
            body.get("max_tokens"),
            body.get("stream") is True,
        )
        return conversation if body.keys() <= _PLAIN else _with_options(conversation, body)
    except _SHAPES:
        raise Unsupported("a parameter of an unknown shape") from None


def _with_options(conversation: Conversation, body: Mapping[str, Any]) -> Conversation:
    output = body.get("output_config") or {}
    wanted = output.get("format") or body.get("output_format")
    metadata = body.get("metadata")
    choice = body.get("tool_choice")
    return conversation._replace(
        choice=None if choice is None else _choice(choice),
        schema=_schema(wanted),
        sampling={name: body[name] for name in _SAMPLING if body.get(name) is not None},
        stops=tuple([text_of(text) for text in body.get("stop_sequences") or ()]),
        effort=name_of(output.get("effort")),
        thinking=body.get("thinking"),
        user=name_of(metadata.get("user_id")) if isinstance(metadata, Mapping) else "",
        tier=name_of(body.get("service_tier")),
        extras=_odd_format(wanted)
        + tuple(_extras(body))
        + unknown(MESSAGES, "output_config", output, _OUTPUT),
    )


def _extras(body: Mapping[str, Any]) -> list[Opaque]:
    if body.keys() <= _READ:
        return []
    return [
        Opaque(MESSAGES, str(name)[:64], value, name in _HINTS)
        for name, value in body.items()
        if name not in _READ and value not in (None, False, [], {})
    ]


def _turns(body: Mapping[str, Any]) -> tuple[Turn, ...]:
    system = read_blocks(body.get("system"))
    turns = [Turn("system", system)] if system else []
    index = -1
    try:
        for message in body["messages"]:
            index += 1
            role: Role = message["role"]
            if role not in _ROLES:
                raise ValueError
            extras = () if len(message) == 2 else unknown(MESSAGES, "messages", message, _MESSAGE)
            turns.append(Turn(role, read_blocks(message["content"]), "", extras))
    except _SHAPES:
        raise Unsupported(f"messages[{max(index, 0)}]") from None
    return tuple(turns)


def _tools(tools: Any) -> tuple[Tool | Opaque, ...]:
    if plain := _plain_tools(tools) if tools else ():
        return plain
    return tuple([_tool(tool) for tool in tools or ()])


def _plain_tools(tools: Any) -> tuple[Tool, ...]:
    """The tools where all of them say just what they must, as nearly always; else none."""
    if not _THREE.issuperset(map(len, tools)):
        return ()
    try:
        read = [*map(_tool_fields, tools)]
    except KeyError:
        return ()
    for name, description, schema in read:
        if not (type(name) is type(description) is str and schema):
            return ()
    return plain_tools(read)


def _tool(tool: Mapping[str, Any]) -> Tool | Opaque:
    kind = tool.get("type") or "custom"
    if kind != "custom":
        return Opaque(MESSAGES, f"tools of type '{str(kind)[:64]}'", tool)
    return Tool(
        text_of(tool["name"]),
        name_of(tool.get("description")),
        tool.get("input_schema") or {},
        tool.get("strict"),
        cache=cache_of(tool),
        extras=unknown(MESSAGES, "tools", tool, _TOOL),
    )


def _choice(choice: Mapping[str, Any]) -> Choice:
    mode = _MODES.get(choice.get("type", "auto"), "auto")
    parallel = False if choice.get("disable_parallel_tool_use") else None
    return Choice(mode, text_of(choice["name"]) if mode == "tool" else "", parallel=parallel)


def _schema(wanted: Any) -> Schema | None:
    return Schema(wanted["schema"]) if wanted and not _odd_format(wanted) else None


def _odd_format(wanted: Any) -> tuple[Opaque, ...]:
    """A format of the answer that the hub does not know, or a schema that is missing."""
    if not wanted:
        return ()
    if wanted.get("type") == "json_schema" and wanted.get("schema") is not None:
        return ()
    return (Opaque(MESSAGES, "output_config.format", wanted),)
