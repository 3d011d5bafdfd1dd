"""Anthropic's Messages, written: a conversation as a body that its servers take.

System turns of any place become `system`, since not every model takes them in between. What the
servers refuse and others take is put right here: blank texts and stop sequences, a blank behind the
last text of the assistant, ids of calls with other letters or of several calls, errors of tools
without a word, a conversation that the assistant begins, a request of system text alone.
"""

import re
from types import MappingProxyType
from typing import Any, Final

from router.protocols.hub.call_ids import CallIds, in_letters
from router.protocols.hub.conversation import (
    Call,
    Choice,
    Conversation,
    Image,
    Opaque,
    Part,
    Refusal,
    Result,
    Text,
    Thinking,
    Tool,
    Turn,
    Written,
)
from router.protocols.hub.values import arguments_object
from router.protocols.hub.writing import BEGINNING, Dropped, left_out, sampling_of
from router.protocols.messages.breakpoints import fit_breakpoints
from router.protocols.messages.parts import MESSAGES, cache_control, write_shown
from router.protocols.quirks import Quirks
from router.protocols.unsupported import Unsupported

MAX_TOKENS: Final = 8192  # where the client names no limit: the API demands one
_MODES: Final = MappingProxyType(
    {"auto": "auto", "none": "none", "required": "any", "tool": "tool"}
)
_SAMPLING: Final = MappingProxyType({name: name for name in ("temperature", "top_p", "top_k")})
_TIERS: Final = MappingProxyType(
    {"auto": "auto", "standard_only": "standard_only", "default": "standard_only"}
)
_EFFORTS: Final = MappingProxyType({"none": "low", "minimal": "low"})
Blocks = list[dict[str, Any]]
_FIT: Final = in_letters(re.compile(r"[^a-zA-Z0-9_-]"))


def write_request(conversation: Conversation, model: str, quirks: Quirks) -> Written:
    """The body of POST /messages; Unsupported where it cannot be said there."""
    if conversation.n > 1:
        raise Unsupported("n")
    if conversation.logprobs is not None:
        raise Unsupported("logprobs")
    writer = _Writer()
    limit = conversation.limit
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": MAX_TOKENS if limit is None else limit,
        "messages": writer.messages(conversation.turns),
    }
    if writer.system:
        body["system"] = writer.joined_system()
    writer.tools(body, conversation)
    writer.options(body, conversation)
    if fit_breakpoints(body):
        writer.dropped.add("cache_control")
    left_out(body, quirks.drop, writer.dropped)
    return Written(body | dict(quirks.extra), writer.dropped.names())


class _Writer:
    """One body in the making."""

    __slots__ = ("_ids", "_messages", "dropped", "system")

    def __init__(self) -> None:
        self.dropped = Dropped()
        self.system: list[dict[str, Any]] = []
        self._ids = CallIds(_FIT)
        self._messages: list[dict[str, Any]] = []

    def messages(self, turns: tuple[Turn, ...]) -> list[dict[str, Any]]:
        """The turns; neighbours of the same role become one, as tool results and texts do."""
        messages = self._messages
        for turn in turns:
            blocks = self._blocks(turn.parts)
            if turn.name:
                self.dropped.add("messages.name")
            if turn.extras:
                self.dropped.foreign(turn.extras)
            if turn.role in ("system", "developer"):
                self._systems(blocks)
            elif turn.role == "assistant" and any(type(part) is Image for part in turn.parts):
                self._show(blocks)
            elif blocks:
                self._say(turn.role, blocks)
        if messages and messages[-1]["role"] == "assistant":
            self._strip(messages)
        if not messages and self.system:
            messages.append({"role": "user", "content": self.system})
            self.system = []
        if not messages or messages[0]["role"] == "assistant":
            messages.insert(0, {"role": "user", "content": [{"type": "text", "text": BEGINNING}]})
        return messages

    def _say(self, role: str, blocks: Blocks) -> None:
        messages = self._messages
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] = _results_first(messages[-1]["content"], blocks)
        else:
            messages.append({"role": role, "content": blocks})

    def _show(self, blocks: Blocks) -> None:
        """An answer that holds images, which only users may show: they do so behind it."""
        kept = [block for block in blocks if block["type"] != "image"]
        if kept:
            self._say("assistant", kept)
        label = {"type": "text", "text": "Images of the answer before:"}
        self._say("user", [label, *(block for block in blocks if block["type"] == "image")])

    def _systems(self, blocks: list[dict[str, Any]]) -> None:
        for block in blocks:
            if block["type"] != "text":
                raise Unsupported(f"messages: content of type '{block['type']}' in a system turn")
        self.system += blocks

    @staticmethod
    def _strip(messages: list[dict[str, Any]]) -> None:
        """The beginning of an answer may not end with a blank."""
        last = messages[-1]["content"][-1]
        if last["type"] == "text":
            last["text"] = last["text"].rstrip()

    def joined_system(self) -> Any:
        """All system texts as one; as blocks where the cache is to break between them."""
        if any("cache_control" in block for block in self.system):
            return self.system
        return "\n".join([block["text"] for block in self.system])

    def _blocks(self, parts: tuple[Part, ...]) -> list[dict[str, Any]]:
        blocks: list[dict[str, Any]] = []
        for part in parts:
            if isinstance(part, Text):
                self._say_text(part, blocks)
            elif isinstance(part, Call):
                blocks.append(self._call(part))
            elif isinstance(part, Result):
                blocks.append(self._result(part))
            elif isinstance(part, Thinking):
                self._thought(part, blocks)
            elif isinstance(part, Opaque) and part.hint:
                self.dropped.add(part.name)
            elif not isinstance(part, Refusal) or part.text.strip():
                if isinstance(part, Image) and part.detail:
                    self.dropped.add("image_url.detail")
                blocks.append(write_shown(part))
        return blocks

    def _say_text(self, part: Text, blocks: Blocks) -> None:
        """A text; of a blank one its cache breakpoint alone, at the block before it."""
        cache = part.cache
        if part.text.strip():
            blocks.append(self._text(part))
        elif not cache:
            return
        elif blocks and "cache_control" not in blocks[-1] and "thinking" not in blocks[-1]["type"]:
            blocks[-1] = blocks[-1] | {"cache_control": cache_control(cache)}
        else:
            self.dropped.add("cache_control")

    def _text(self, part: Text) -> dict[str, Any]:
        if not part.citations:
            return write_shown(part)
        block = write_shown(part)
        own = [cited.json for cited in part.citations if cited.protocol == MESSAGES]
        if own:
            block["citations"] = own
        if len(own) < len(part.citations):
            self.dropped.add("citations")
        return block

    def _call(self, call: Call) -> dict[str, Any]:
        if call.kind != "function":
            raise Unsupported(f"messages: a call of a tool of type '{call.kind}'")
        if call.seal is not None:
            self.dropped.add("thought_signature")
        given = arguments_object(call.arguments)
        block = {
            "type": "tool_use",
            "id": self._ids.of_call(call.id),
            "name": call.name,
            "input": given,
        }
        if call.cache:
            block["cache_control"] = cache_control(call.cache)
        return block

    def _result(self, result: Result) -> dict[str, Any]:
        content: Any
        if all(type(part) is Text and not part.cache for part in result.parts):
            content = "\n".join([part.text for part in result.parts if isinstance(part, Text)])
            content = content if content.strip() else ""
        else:
            content = self._blocks(result.parts)
        call_id = self._ids.of_result(result.call_id)
        if result.error and not content:
            content = "Error"  # one without a word is refused
        block = {"type": "tool_result", "tool_use_id": call_id, "content": content}
        if result.error:
            block["is_error"] = True
        if result.cache:
            block["cache_control"] = cache_control(result.cache)
        return block

    def _thought(self, thought: Thinking, blocks: list[dict[str, Any]]) -> None:
        """Sealed thoughts go back to their issuer; the servers take no others."""
        seal = thought.seal
        if seal is None or seal.issuer != MESSAGES:
            self.dropped.add("reasoning_content" if seal is None else "thought_signature")
        elif seal.kind == "redacted":
            blocks.append({"type": "redacted_thinking", "data": seal.data})
        else:
            signed = {"thinking": thought.text, "signature": seal.data}
            blocks.append({"type": "thinking", **signed})

    def tools(self, body: dict[str, Any], conversation: Conversation) -> None:
        """The tools, those that are allowed where only some are, and which are to be called."""
        if not conversation.tools:
            return
        choice = conversation.choice or Choice()
        allowed = choice.allowed
        body["tools"] = [
            self._tool(tool)
            for tool in conversation.tools
            if not allowed or (isinstance(tool, Tool) and tool.name in allowed)
        ]
        fields: dict[str, Any] = {"type": _MODES[choice.mode]}
        if choice.name:
            fields["name"] = choice.name
        if choice.parallel is False and choice.mode != "none":
            fields["disable_parallel_tool_use"] = True
        body["tool_choice"] = fields

    def _tool(self, tool: Tool | Opaque) -> dict[str, Any]:
        if isinstance(tool, Opaque):
            if tool.protocol != MESSAGES:
                raise Unsupported(tool.name)
            fields: dict[str, Any] = tool.json
            return fields
        if tool.kind != "function":
            raise Unsupported(f"tools of type '{tool.kind}'")
        self.dropped.foreign([extra for extra in tool.extras if extra.protocol != MESSAGES])
        schema = tool.parameters or {"type": "object", "properties": {}}
        block: dict[str, Any] = {"name": tool.name, "input_schema": schema}
        if tool.description:
            block["description"] = tool.description
        if tool.strict is not None:
            block["strict"] = tool.strict
        if tool.cache:
            block["cache_control"] = cache_control(tool.cache)
        for extra in tool.extras:
            if extra.protocol == MESSAGES:
                block[extra.name.partition(".")[2]] = extra.json
        return block

    def options(self, body: dict[str, Any], conversation: Conversation) -> None:
        """Everything but turns and tools."""
        body |= sampling_of(conversation, _SAMPLING, self.dropped)
        if isinstance(body.get("temperature"), int | float):
            body["temperature"] = min(1, body["temperature"])
        stops = [stop for stop in conversation.stops if stop.strip()]
        if stops:
            body["stop_sequences"] = stops
        if len(stops) < len(conversation.stops):
            self.dropped.add("stop")
        if conversation.user:
            body["metadata"] = {"user_id": conversation.user}
        if conversation.stream:
            body["stream"] = True
        if conversation.thinking is not None:
            body["thinking"] = conversation.thinking
        if conversation.tier:
            tier = _TIERS.get(conversation.tier)
            if tier is None:
                self.dropped.add("service_tier")
            else:
                body["service_tier"] = tier
        if output := _output(conversation):
            body["output_config"] = output
        self._extras(body, conversation.extras)

    def _extras(self, body: dict[str, Any], extras: tuple[Opaque, ...]) -> None:
        for extra in extras:
            if extra.protocol != MESSAGES:
                self.dropped.foreign((extra,))
            elif extra.name.startswith("output_config."):
                output = body.setdefault("output_config", {})
                output[extra.name.partition(".")[2]] = extra.json
            else:
                body[extra.name] = extra.json


def _output(conversation: Conversation) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if conversation.schema is not None:
        if conversation.schema.schema is None:
            raise Unsupported("response_format of type 'json_object'")
        config["format"] = {"type": "json_schema", "schema": conversation.schema.schema}
    if conversation.effort:
        config["effort"] = _EFFORTS.get(conversation.effort, conversation.effort)
    return config


def _results_first(
    before: list[dict[str, Any]], more: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Neighbours as one turn: results of tools stand at its beginning, or they are refused."""
    results = [block for block in more if block["type"] == "tool_result"]
    if not results or before[-1]["type"] == "tool_result":
        return before + more
    fields = [block for block in before if block["type"] == "tool_result"]
    rest = [block for block in before + more if block["type"] != "tool_result"]
    return fields + results + rest
