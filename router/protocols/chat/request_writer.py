"""Chat completions, written: a conversation as a body that OpenAI's servers take.

Chat knows no order of text and calls, no images in tool results and no flag for a tool's error: the
texts come first, the images follow the results as a user's turn, an error says so in its text.

A hot file: what nearly every conversation says, and tools, which agents send by the dozen, are
written without a check for each field that might be there as well.
"""

from collections.abc import Sequence
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final

from router.protocols.chat.custom_format import write_format
from router.protocols.chat.fitting import fit
from router.protocols.chat.parts import name_of_part, write_part
from router.protocols.hub.conversation import (
    TOOL_SAYS_NO_MORE,
    Call,
    Choice,
    Conversation,
    File,
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
from router.protocols.hub.writing import Dropped
from router.protocols.quirks import Quirks
from router.protocols.unsupported import Unsupported

CHAT: Final = "chat"
_TOOLS: Final = frozenset((Tool,))
_description: Final = itemgetter(1)
_parameters: Final = itemgetter(2)
_rest: Final = itemgetter(slice(3, None))
_TIERS: Final = MappingProxyType({"standard_only": "default"})


def write_request(conversation: Conversation, model: str, quirks: Quirks) -> Written:
    """The body of POST /chat/completions, as a server of these quirks takes it."""
    writer = _Writer("developer" if quirks.developer_role else "system")
    body: dict[str, Any] = {"model": model, "messages": writer.messages(conversation.turns)}
    writer.options(body, conversation)
    fit(body, quirks, conversation.limit, writer.dropped)
    return Written(body, writer.dropped.names())


class _Writer:
    """One body in the making; `_shown` are the images of results, until a user's turn may come.

    `developer` is how the server calls that role.
    """

    __slots__ = ("_developer", "_messages", "_shown", "dropped")

    def __init__(self, developer: str) -> None:
        self._developer = developer
        self.dropped = Dropped()
        self._messages: list[dict[str, Any]] = []
        self._shown: list[dict[str, Any]] = []

    def messages(self, turns: tuple[Turn, ...]) -> list[dict[str, Any]]:
        """All turns as messages."""
        messages = self._messages
        for turn in turns:
            role = turn.role
            if role == "user":
                message = self._user(turn.parts)
            else:
                if self._shown:
                    self._show()
                if role == "assistant":
                    message = self._assistant(turn.parts)
                else:
                    spelling = self._developer if role == "developer" else role
                    message = {"role": spelling, "content": self._content(turn.parts, joined=True)}
            if message is not None:
                if turn.name or turn.extras:
                    self._carry(message, turn)
                messages.append(message)
        if self._shown:
            self._show()
        return messages

    def _carry(self, message: dict[str, Any], turn: Turn) -> None:
        """What stands beside a turn's parts."""
        if turn.name:
            message["name"] = turn.name
        for extra in turn.extras:
            if extra.protocol == CHAT:
                message[extra.name.partition(".")[2]] = extra.json
            else:
                self.dropped.foreign((extra,))

    def _content(self, parts: Sequence[Part], *, joined: bool) -> Any:
        """Content: one text where there is one (or where texts are `joined`), else parts."""
        if len(parts) == 1:  # nearly every turn
            part = parts[0]
            if type(part) is Text and not part.cache and not part.citations:
                return part.text
        texts: list[str] = []
        written: list[dict[str, Any]] = []
        for part in self._known(parts):
            if isinstance(part, Text):
                texts.append(part.text)
            written.append(write_part(part))
        if len(texts) == len(written) and (joined or len(texts) == 1):
            return texts[0] if len(texts) == 1 else "\n".join(texts)
        return written

    def _known(self, parts: Sequence[Part]) -> list[Part]:
        """The parts without what is only a hint of another protocol; that is named."""
        known: list[Part] = []
        for part in parts:
            if isinstance(part, Opaque) and part.hint:
                self.dropped.add(part.name)
            else:
                self.dropped.beside(part)
                if isinstance(part, File) and part.context and not part.text and not part.parts:
                    known.append(Text(part.context))  # a file has a name and no room for more
                known.append(part)
        return known

    def _user(self, parts: tuple[Part, ...]) -> dict[str, Any] | None:
        """Results first, as tool messages of their own; then what the user says."""
        rest: list[Part] = []
        for part in parts:
            if isinstance(part, Result):
                self._result(part)
            else:
                rest.append(part)
        if not rest:
            return None
        content = self._content(rest, joined=False)
        if self._shown:
            own = [{"type": "text", "text": content}] if type(content) is str else content
            content, self._shown = self._shown + own, []
        return {"role": "user", "content": content}

    def _result(self, result: Result) -> None:
        parts = result.parts
        if len(parts) == 1 and isinstance(parts[0], Text) and not parts[0].cache:
            text = parts[0].text
        else:
            text = self._shown_beside(result)
        if result.cache:
            self.dropped.add("cache_control")
        if result.error:
            text = f"Error: {text}"
        self._messages.append({"role": "tool", "tool_call_id": result.call_id, "content": text})

    def _shown_beside(self, result: Result) -> str:
        """The text of a result; its images wait for the user's turn behind the results."""
        texts: list[str] = []
        shown: list[dict[str, Any]] = []
        for part in self._known(result.parts):
            written = write_part(part)
            if written["type"] == "text":
                texts.append(written["text"])
            else:
                shown.append(written)
        if shown:
            label = f"What tool call {result.call_id} returned:"
            self._shown += [{"type": "text", "text": label}, *shown]
            texts = texts or ["(in the next message)"]
        return "\n".join(texts)

    def _show(self) -> None:
        """The images of results, as a user's turn of their own."""
        self._messages.append({"role": "user", "content": self._shown})
        self._shown = []

    def _assistant(self, parts: tuple[Part, ...]) -> dict[str, Any] | None:
        message: dict[str, Any] = {"role": "assistant", "content": None}
        calls: list[dict[str, Any]] = []
        for part in parts:
            if isinstance(part, Text):
                content = message["content"]
                message["content"] = part.text if content is None else f"{content}\n{part.text}"
                if part.cache or part.citations:
                    self.dropped.beside(part)
            elif isinstance(part, Call):
                calls.append(self._call(part))
            else:
                self._other(part, message)
        if calls:
            message["tool_calls"] = calls
        elif message["content"] is None and "refusal" not in message:
            if len(message) == 2:
                return None  # nothing is left of it
            message["content"] = ""
        return message

    def _other(self, part: Part, message: dict[str, Any]) -> None:
        """A part of an assistant's turn that is neither a text nor a call."""
        if isinstance(part, Thinking):
            # What is readable goes back to those who want it, a seal to its issuer only.
            if part.seal is not None:
                self.dropped.add("thinking.signature" if part.text else "thinking")
            if part.text:
                message["reasoning_content"] = message.get("reasoning_content", "") + part.text
        elif isinstance(part, Refusal):
            message["refusal"] = message.get("refusal", "") + part.text
        elif self._known((part,)):
            raise Unsupported(name_of_part(part))

    def _call(self, call: Call) -> dict[str, Any]:
        if call.seal is not None:
            self.dropped.add("thought_signature")
        if call.cache:
            self.dropped.add("cache_control")
        if call.kind == "custom":
            custom = {"name": call.name, "input": call.arguments}
            return {"id": call.id, "type": "custom", "custom": custom}
        function = {"name": call.name, "arguments": call.arguments}
        return {"id": call.id, "type": "function", "function": function}

    def options(self, body: dict[str, Any], conversation: Conversation) -> None:
        """Everything but the messages."""
        if tools := conversation.tools:
            body["tools"] = _plain_tools(tools) or [self._tool(tool) for tool in tools]
        limit = conversation.limit
        if limit == 0:  # Anthropic's way to warm a cache
            raise Unsupported("max_tokens")
        if limit is not None:
            body["max_tokens"] = limit
        if conversation.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        if not conversation.plain:
            self._other_options(body, conversation)

    def _other_options(self, body: dict[str, Any], conversation: Conversation) -> None:
        if conversation.choice is not None and conversation.tools:
            _choose(body, conversation.choice, conversation.tools)
        body |= conversation.sampling
        body |= _in_one_word(conversation)
        if conversation.logprobs is not None:
            body |= {"logprobs": True, "top_logprobs": conversation.logprobs}
        if conversation.thinking is not None:
            self.dropped.add("thinking")
        for extra in conversation.extras:
            if extra.protocol == CHAT:
                body[extra.name] = extra.json
            else:
                self.dropped.foreign((extra,))

    def _tool(self, tool: Tool | Opaque) -> dict[str, Any]:
        if isinstance(tool, Opaque):
            if tool.protocol != CHAT:
                raise Unsupported(tool.name)
            fields: dict[str, Any] = tool.json
            return fields
        if tool.cache:
            self.dropped.add("cache_control")
        if tool.extras:
            self.dropped.foreign(tool.extras)
        described: dict[str, Any] = {"name": tool.name}
        if tool.description:
            described["description"] = tool.description
        if tool.kind == "custom":
            if tool.format is not None:
                described["format"] = write_format(tool.format)
            return {"type": "custom", "custom": described}
        if tool.parameters is not None:
            described["parameters"] = tool.parameters
        if tool.strict is not None:
            described["strict"] = tool.strict
        return {"type": "function", "function": described}


def _plain_tools(tools: tuple[Any, ...]) -> list[dict[str, Any]]:
    """The tools where all of them are a name, a description and parameters; else none.

    Nearly always so, and by the dozen: one look at all of them is cheaper than some at each.
    """
    if not _TOOLS.issuperset(map(type, tools)):
        return []
    if [*map(_rest, tools)] != [TOOL_SAYS_NO_MORE] * len(tools):
        return []
    if not (all(map(_description, tools)) and all(map(_parameters, tools))):
        return []
    return [
        {
            "type": "function",
            "function": {"name": tool[0], "description": tool[1], "parameters": tool[2]},
        }
        for tool in tools
    ]


def _in_one_word(conversation: Conversation) -> dict[str, Any]:
    """The options that are single values, where they are given."""
    schema = conversation.schema
    fields = {
        "response_format": None if schema is None else _format(schema),
        "stop": list(conversation.stops),
        "reasoning_effort": conversation.effort,
        "user": conversation.user,
        "service_tier": _TIERS.get(conversation.tier, conversation.tier),
        "n": conversation.n if conversation.n > 1 else None,
    }
    return {name: value for name, value in fields.items() if value}


def _choose(body: dict[str, Any], choice: Choice, tools: Sequence[Tool | Opaque]) -> None:
    if choice.parallel is not None:
        body["parallel_tool_calls"] = choice.parallel
    if not choice.explicit:
        return
    if choice.allowed:
        named = [_named(name, tools) for name in choice.allowed]
        subset = {"mode": choice.mode, "tools": named}
        body["tool_choice"] = {"type": "allowed_tools", "allowed_tools": subset}
    elif choice.mode == "tool":
        body["tool_choice"] = _named(choice.name, tools)
    else:
        body["tool_choice"] = choice.mode


def _named(name: str, tools: Sequence[Tool | Opaque]) -> dict[str, Any]:
    """One of the tools as a choice names it."""
    kinds = {tool.name: tool.kind for tool in tools if isinstance(tool, Tool)}
    kind = kinds.get(name, "function")
    return {"type": kind, kind: {"name": name}}


def _format(schema: Schema) -> dict[str, Any]:
    if schema.schema is None:
        return {"type": "json_object"}
    described: dict[str, Any] = {"name": schema.name, "schema": schema.schema}
    if schema.strict is not None:
        described["strict"] = schema.strict
    if schema.description:
        described["description"] = schema.description
    return {"type": "json_schema", "json_schema": described}
