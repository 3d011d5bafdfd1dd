"""Responses, read: a client's body as a conversation.

What stands side by side in one turn elsewhere are items in a row here: those of the model's side
that follow each other are one turn.
"""

from collections.abc import Mapping
from typing import Any, Final

from router.protocols.hub.conversation import (
    Call,
    Choice,
    Conversation,
    Opaque,
    Part,
    Role,
    Schema,
    Seal,
    Text,
    Thinking,
    Tool,
    Turn,
)
from router.protocols.hub.values import name_of, text_of, unknown
from router.protocols.responses.items import beside, read_answered, read_result
from router.protocols.responses.parts import RESPONSES, cache_of, mapping_of, read_parts
from router.protocols.responses.state import refuse_reference, refuse_state
from router.protocols.responses.tools import (
    SEARCH,
    WEB_SEARCHES,
    all_tools,
    flat_name,
    flat_tools,
    is_search,
    merely_offered,
)
from router.protocols.unsupported import Unsupported

_SHAPES: Final = (KeyError, TypeError, AttributeError, IndexError, ValueError)
_SAMPLING: Final = ("temperature", "top_p")
_READ: Final = frozenset(
    (
        *("input", "instructions", "model", "tools", "tool_choice", "parallel_tool_calls", "text"),
        *("reasoning", "max_output_tokens", "user", "safety_identifier", "top_logprobs", "stream"),
        *("service_tier", "include", "truncation", "previous_response_id", "conversation"),
        *("prompt", "background", *_SAMPLING),
    )
)
# What may be dropped, named: it changes neither what is asked nor what is answered.
_HINTS: Final = frozenset(
    (
        *("metadata", "store", "prompt_cache_key", "prompt_cache_retention", "image"),
        *("prompt_cache_options", "max_tool_calls", "context_management", "background_options"),
        *("client_metadata", "stream_options", "access_programs"),
    )
)
_OFF: Final[tuple[Any, ...]] = (None, False, [], {})  # values that ask for nothing
_INCLUDED: Final = frozenset(("reasoning.encrypted_content", "message.output_text.logprobs"))
_LOGPROBS: Final = "message.output_text.logprobs"
_TOOL: Final = frozenset(
    (
        *("type", "name", "description", "parameters", "strict", "format"),
        *("cache_control", "prompt_cache_breakpoint"),
    )
)
_CACHE: Final = "cache_control"
_ROLES: Final[Mapping[str, Role]] = {
    "system": "system",
    "developer": "developer",
    "assistant": "assistant",
}
_RESULTS: Final = frozenset(("function_call_output", "custom_tool_call_output"))
_FOUND: Final = "tool_search_output"


def read_request(body: Mapping[str, Any]) -> Conversation:
    """A body of POST /v1/responses; Unsupported where something has an unknown shape."""
    refuse_state(body)
    text, reasoning = mapping_of(body.get("text")), mapping_of(body.get("reasoning"))
    choice, parallel = body.get("tool_choice"), body.get("parallel_tool_calls")
    turns = _Turns()
    try:
        turns.read(body.get("instructions"), "instructions", "system")
        turns.read(body.get("input"), "input", "user")
        tools, beside_tools = _tools(body)
        wanted = turns.text_format or text.get("format")
        return Conversation(
            turns=tuple(turns.turns),
            tools=tools,
            choice=None if choice is None and parallel is None else _choice(choice, parallel),
            schema=_schema(wanted),
            limit=body.get("max_output_tokens"),
            sampling={name: body[name] for name in _SAMPLING if body.get(name) is not None},
            effort=turns.effort or name_of(reasoning.get("effort")),
            user=name_of(body.get("user")) or name_of(body.get("safety_identifier")),
            tier=name_of(body.get("service_tier")),
            logprobs=_logprobs(body),
            stream=body.get("stream") is True,
            extras=(*beside_tools, *_odd_format(wanted), *_extras(body, text, reasoning)),
        )
    except _SHAPES:
        raise Unsupported("a parameter of an unknown shape") from None


def _logprobs(body: Mapping[str, Any]) -> int | None:
    top = body.get("top_logprobs")
    return top or 0 if top or _LOGPROBS in (body.get("include") or ()) else None


def _extras(
    body: Mapping[str, Any], text: Mapping[str, Any], reasoning: Mapping[str, Any]
) -> list[Opaque]:
    """What responses alone know: parameters, and fields of those that are read."""
    extras = [
        Opaque("messages", _CACHE, value, hint=True)  # of the whole request, as Anthropic has it
        if name == _CACHE
        else Opaque(RESPONSES, str(name)[:64], value, name in _HINTS)
        for name, value in body.items()
        if name not in _READ and value not in _OFF
    ]
    extras += unknown(RESPONSES, "text", text, frozenset(("format",)))
    extras += unknown(RESPONSES, "reasoning", reasoning, frozenset(("effort",)))
    if body.get("truncation") not in (None, "disabled"):
        extras.append(Opaque(RESPONSES, "truncation", body["truncation"], hint=True))
    extras += [
        Opaque(RESPONSES, f"include.{str(name)[:64]}", name, hint=True)
        for name in body.get("include") or ()
        if name not in _INCLUDED
    ]
    return extras


class _Turns:
    """The items of a request as turns; what they change of its configuration beside."""

    __slots__ = ("_answer", "_seal", "effort", "text_format", "turns")

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.effort = ""
        self.text_format: Mapping[str, Any] | None = None
        self._answer: list[Part] = []  # of the model's side, so far
        self._seal: Seal | None = None  # of the call that comes next

    def read(self, given: Any, where: str, role: Role) -> None:
        """A text of this role, or items."""
        if type(given) is str:
            if given:
                self.turns.append(Turn(role, (Text(given),)))
            return
        for index, item in enumerate(given or ()):
            try:
                self._item(item)
            except _SHAPES:
                raise Unsupported(f"{where}[{index}]") from None
        self._end_answer()

    def _item(self, item: Mapping[str, Any]) -> None:
        kind = item.get("type") or ("message" if "role" in item else "item_reference")
        role = _ROLES.get(item.get("role", ""), "user")
        if kind == "message" and role != "assistant":
            self._end_answer()
            parts = read_parts(item["content"])
            self.turns.append(Turn(role, parts, "", beside(kind, item, "input")))
        elif kind in _RESULTS or (kind == _FOUND and item.get("execution") == "client"):
            self._end_answer()
            extras = beside(kind, item, "input")
            self.turns.append(Turn("user", (read_result(item),), "", extras))
        elif kind == "item_reference":
            raise refuse_reference("input: an item by its id")
        elif kind == "configuration_update":
            self._configure(item)
        elif kind != "additional_tools":
            self._answer += beside(kind, item, "input")
            self._answered(read_answered(item, str(kind)))

    def _answered(self, parts: list[Part]) -> None:
        """What the model said; a seal of Gemini's belongs to the call behind it."""
        for part in parts:
            if isinstance(part, Thinking) and part.seal is not None and not part.text:
                if part.seal.issuer == "gemini":
                    self._seal = part.seal
                    continue
            elif isinstance(part, Call) and self._seal is not None:
                part = Call(part.id, part.name, part.arguments, part.kind, self._seal)  # noqa: PLW2901
                self._seal = None
            self._answer.append(part)

    def _configure(self, item: Mapping[str, Any]) -> None:
        self.effort = name_of(mapping_of(item.get("reasoning")).get("effort")) or self.effort
        self.text_format = mapping_of(item.get("text")).get("format") or self.text_format

    def _end_answer(self) -> None:
        self._seal = None
        if self._answer:
            self.turns.append(Turn("assistant", tuple(self._answer)))
            self._answer = []


def _tools(body: Mapping[str, Any]) -> tuple[tuple[Tool | Opaque, ...], list[Opaque]]:
    """The tools; and those that may be left out: what loads tools later, which nobody needs where
    all are told at once, and a search of the web that is merely offered."""
    tools: list[Tool | Opaque] = []
    hints: list[Opaque] = []
    given = all_tools(body)
    about = {
        name_of(tool.get("name")): name_of(tool.get("description"))
        for tool in given
        if tool.get("type") == "namespace"
    }
    offered = merely_offered(body, given)
    known: dict[str, tuple[str, Any]] = {}  # by flat names, whose they are
    for namespace, tool in flat_tools(given):
        kind, own = str(tool.get("type")), (namespace, tool.get("name"))
        if kind in ("function", "custom"):
            if known.setdefault(flat_name(namespace, text_of(tool["name"])), own) is own:
                tools.append(_tool(namespace, tool, about.get(namespace, "")))
            elif known[flat_name(namespace, tool["name"])] != own:
                raise Unsupported("tools: names that are the same without their namespaces")
        elif is_search(tool):
            about_it = name_of(tool.get("description"))
            tools.append(Tool(SEARCH, about_it, tool.get("parameters")))
        elif kind in WEB_SEARCHES and offered:
            hints.append(Opaque(RESPONSES, f"tools.{kind}", tool, hint=True))
        elif kind == SEARCH:
            hints.append(Opaque(RESPONSES, "tools of type 'tool_search'", tool, hint=True))
        else:
            tools.append(Opaque(RESPONSES, f"tools of type '{kind[:64]}'", tool))
    return tuple(tools), hints


def _tool(namespace: str, tool: Mapping[str, Any], about: str) -> Tool:
    described = [text for text in (name_of(tool.get("description")), about) if text]
    name, extras = text_of(tool["name"]), unknown(RESPONSES, "tools", tool, _TOOL)
    description = "\n\n".join(described)
    if tool["type"] == "custom":
        return Tool(
            flat_name(namespace, name),
            description,
            kind="custom",
            format=tool.get("format"),
            cache=cache_of(tool),
            extras=extras,
        )
    strict = True if tool.get("strict") is True else None
    return Tool(
        flat_name(namespace, name),
        description,
        tool.get("parameters"),
        strict,
        cache=cache_of(tool),
        extras=extras,
    )


def _choice(choice: Any, parallel: Any) -> Choice:
    together = parallel if isinstance(parallel, bool) else None
    if choice is None:
        return Choice(parallel=together, explicit=False)
    if type(choice) is str:
        return Choice(choice if choice in ("none", "required") else "auto", parallel=together)
    if choice.get("type") == "allowed_tools":
        names = tuple([_chosen(tool) for tool in choice["tools"]])
        mode = "required" if choice.get("mode") == "required" else "auto"
        return Choice(mode, allowed=names, parallel=together)
    return Choice("tool", _chosen(choice), parallel=together)


def _chosen(choice: Mapping[str, Any]) -> str:
    if choice.get("type") not in ("function", "custom"):
        raise Unsupported("tool_choice")
    return flat_name(name_of(choice.get("namespace")), text_of(choice["name"]))


def _schema(wanted: Any) -> Schema | None:
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    if kind == "json_object":
        return Schema()
    if kind != "json_schema" or _odd_format(wanted):
        return None
    return Schema(
        wanted["schema"],
        name_of(wanted.get("name")) or "answer",
        wanted.get("strict"),
        name_of(wanted.get("description")),
    )


def _odd_format(wanted: Any) -> tuple[Opaque, ...]:
    """A format of the answer that the hub does not know, or a schema that is missing."""
    if not wanted or wanted.get("type") in ("text", "json_object"):
        return ()
    if wanted.get("type") == "json_schema" and wanted.get("schema") is not None:
        return ()
    return (Opaque(RESPONSES, "text.format", wanted),)
