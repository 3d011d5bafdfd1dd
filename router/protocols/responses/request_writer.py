"""Responses, written: a conversation as a body that servers of responses take.

Turns become items in a row: thoughts, texts and calls of an answer keep their order. Nothing is
left at the server: the conversation is the client's, who sends all of it each time.
"""

from types import MappingProxyType
from typing import Any, Final

from router.protocols.hub.call_ids import CallIds, at_most
from router.protocols.hub.conversation import (
    Call,
    Choice,
    Conversation,
    File,
    Image,
    Opaque,
    Part,
    Refusal,
    Result,
    Schema,
    Text,
    Thinking,
    Tool,
    Turn,
    Written,
)
from router.protocols.hub.writing import Dropped, left_out, sampling_of
from router.protocols.quirks import Quirks
from router.protocols.responses.parts import RESPONSES, write_annotations, write_part, write_parts
from router.protocols.responses.reasoning import write_reasoning
from router.protocols.unsupported import Unsupported

Items = list[dict[str, Any]]
_FIT: Final = at_most(64)
_SAMPLING: Final = MappingProxyType({name: name for name in ("temperature", "top_p")})
_TIERS: Final = MappingProxyType({"standard_only": "default"})
_NO_PARAMETERS: Final = MappingProxyType({"type": "object", "properties": {}})
_LOGPROBS: Final = "message.output_text.logprobs"


def write_request(conversation: Conversation, model: str, quirks: Quirks) -> Written:
    """The body of POST /responses; Unsupported where it cannot be said there."""
    if conversation.n > 1:
        raise Unsupported("n")
    if conversation.stops:
        raise Unsupported("stop")
    if conversation.limit == 0:  # Anthropic's way to warm a cache
        raise Unsupported("max_tokens")
    writer = _Writer("developer" if quirks.developer_role else "system")
    body: dict[str, Any] = {"model": model, "input": writer.items(conversation.turns)}
    body["store"] = False
    if conversation.tools:
        writer.tools(body, conversation)
    writer.options(body, conversation)
    left_out(body, quirks.drop, writer.dropped)
    return Written(body | dict(quirks.extra), writer.dropped.names())


class _Writer:
    """One body in the making; `developer` is how the server calls that role."""

    __slots__ = ("_custom", "_developer", "_ids", "_items", "dropped")

    def __init__(self, developer: str) -> None:
        self._developer = developer
        self._items: Items = []
        self._ids = CallIds(_FIT)
        self._custom: set[str] = set()  # ids of calls of custom tools
        self.dropped = Dropped()

    def items(self, turns: tuple[Turn, ...]) -> Items:
        """All turns as items."""
        for turn in turns:
            if turn.name:
                self.dropped.add("messages.name")
            extras = self._carried(turn.extras)
            before = len(self._items)
            if turn.role == "assistant":
                self._assistant(turn.parts)
            else:
                role = self._developer if turn.role == "developer" else turn.role
                self._said(role, turn.parts)
            if extras and len(self._items) > before:
                self._items[before] |= extras
        return self._items

    def _carried(self, extras: tuple[Opaque, ...]) -> dict[str, Any]:
        """What only responses know of a turn; of what others know hints are named."""
        self.dropped.foreign([one for one in extras if one.protocol != RESPONSES])
        own = [one for one in extras if one.protocol == RESPONSES]
        return {one.name.partition(".")[2]: one.json for one in own}

    def _said(self, role: str, parts: tuple[Part, ...]) -> None:
        """Results first, as items of their own; then what this role says."""
        rest: list[Part] = []
        for part in self._known(parts):
            if isinstance(part, Result):
                self._result(part)
            else:
                rest.append(part)
        if rest:
            self._items.append({"type": "message", "role": role, "content": write_parts(rest)})

    def _known(self, parts: tuple[Part, ...]) -> list[Part]:
        """The parts without what is only a hint of another protocol; that is named."""
        known: list[Part] = []
        for part in parts:
            if isinstance(part, Opaque) and part.hint:
                self.dropped.add(part.name)
                continue
            self.dropped.beside(part)
            if isinstance(part, File) and part.context and not part.text and not part.parts:
                known.append(Text(part.context))
            known.append(part)
        return known

    def _result(self, result: Result) -> None:
        call_id = self._ids.of_result(result.call_id)
        custom = call_id in self._custom
        kind = "custom_tool_call_output" if custom else "function_call_output"
        output = write_parts(self._known(result.parts))
        if result.error:
            output = _as_error(output)
        self._items.append({"type": kind, "call_id": call_id, "output": output})

    def _assistant(self, parts: tuple[Part, ...]) -> None:
        """Texts that follow each other are one message."""
        said: Items | None = None
        for part in parts:
            if isinstance(part, Text | Refusal):
                if said is None:
                    said = []
                    message = {"type": "message", "role": "assistant", "content": said}
                    self._items.append(message)
                said.append(self._text(part))
            elif isinstance(part, Opaque) and part.hint:
                self.dropped.add(part.name)
            elif self._other(part):
                said = None

    def _text(self, part: Text | Refusal) -> dict[str, Any]:
        if part.cache:
            self.dropped.add("cache_control")
        if isinstance(part, Refusal):
            return {"type": "refusal", "refusal": part.text}
        lost: list[str] = []
        annotations = write_annotations(part, lost)
        for name in lost:
            self.dropped.add(name)
        return {"type": "output_text", "text": part.text, "annotations": annotations}

    def _other(self, part: Part) -> bool:
        """A part of an answer that is no text; whether it stands there."""
        if isinstance(part, Thinking):
            seal = part.seal
            if seal is None or seal.issuer != RESPONSES:
                self.dropped.add("reasoning_content" if seal is None else "thinking")
                return False
            self._items.append(write_reasoning(part, ""))
        elif isinstance(part, Call):
            self._call(part)
        elif isinstance(part, Image):
            self._items.append(
                {
                    "type": "message",
                    "role": "user",
                    "content": [_label("An image of the answer before:"), write_part(part)],
                }
            )
        else:
            self._items.append(write_part(part))
        return True

    def _call(self, call: Call) -> None:
        if call.seal is not None:
            self.dropped.add("thought_signature")
        if call.cache:
            self.dropped.add("cache_control")
        call_id = self._ids.of_call(call.id)
        item: dict[str, Any] = {"call_id": call_id, "name": call.name}
        if call.kind == "custom":
            self._custom.add(call_id)
            item |= {"type": "custom_tool_call", "input": call.arguments}
        else:
            item |= {"type": "function_call", "arguments": call.arguments}
        self._items.append(item)

    def tools(self, body: dict[str, Any], conversation: Conversation) -> None:
        """The tools, and which are to be called."""
        body["tools"] = [self._tool(tool) for tool in conversation.tools]
        choice = conversation.choice
        if choice is None:
            return
        if choice.parallel is not None:
            body["parallel_tool_calls"] = choice.parallel
        if choice.explicit:
            body["tool_choice"] = _choice(choice, conversation.tools)

    def _tool(self, tool: Tool | Opaque) -> dict[str, Any]:
        if isinstance(tool, Opaque):
            if tool.protocol != RESPONSES:
                raise Unsupported(tool.name)
            fields: dict[str, Any] = tool.json
            return fields
        if tool.cache:
            self.dropped.add("cache_control")
        carried = self._carried(tool.extras)
        described: dict[str, Any] = {"type": tool.kind, "name": tool.name}
        if tool.description:
            described["description"] = tool.description
        if tool.kind == "custom":
            if tool.format is not None:
                described["format"] = tool.format
        else:
            described["parameters"] = tool.parameters or dict(_NO_PARAMETERS)
            described["strict"] = tool.strict is True  # here the default is true
        return described | carried

    def options(self, body: dict[str, Any], conversation: Conversation) -> None:
        """Everything but input and tools."""
        body |= sampling_of(conversation, _SAMPLING, self.dropped)
        fields = {
            "max_output_tokens": conversation.limit,
            "stream": conversation.stream,
            "user": conversation.user,
            "service_tier": _TIERS.get(conversation.tier, conversation.tier),
            "reasoning": {"effort": conversation.effort} if conversation.effort else None,
            "text": _text_of(conversation.schema),
        }
        body |= {name: value for name, value in fields.items() if value}
        if conversation.logprobs is not None:
            body |= {"include": [_LOGPROBS], "top_logprobs": conversation.logprobs}
        if conversation.thinking is not None:
            self.dropped.add("thinking")
        for extra in conversation.extras:
            if extra.protocol != RESPONSES:
                self.dropped.foreign((extra,))
            elif "." in extra.name:
                self.dropped.add(extra.name)
            else:
                body[extra.name] = extra.json


def _label(text: str) -> dict[str, str]:
    return {"type": "input_text", "text": text}


def _as_error(output: Any) -> Any:
    """What a tool returned, marked as its error: there is no flag for that."""
    if isinstance(output, str):
        return f"Error: {output}"
    return [_label("Error:"), *output]


def _choice(choice: Choice, tools: tuple[Tool | Opaque, ...]) -> Any:
    kinds = {tool.name: tool.kind for tool in tools if isinstance(tool, Tool)}
    if choice.allowed:
        named = [{"type": kinds.get(name, "function"), "name": name} for name in choice.allowed]
        return {"type": "allowed_tools", "mode": choice.mode, "tools": named}
    if choice.mode == "tool":
        return {"type": kinds.get(choice.name, "function"), "name": choice.name}
    return choice.mode


def _text_of(schema: Schema | None) -> dict[str, Any] | None:
    if schema is None:
        return None
    if schema.schema is None:
        return {"format": {"type": "json_object"}}
    wanted: dict[str, Any] = {"type": "json_schema", "name": schema.name, "schema": schema.schema}
    if schema.strict is not None:
        wanted["strict"] = schema.strict
    if schema.description:
        wanted["description"] = schema.description
    return {"format": wanted}
