"""Ollama's `/api/chat`, written: a conversation as a body that its servers take.

images        in their message's `images`, which stand before its text: a turn is cut into
              messages where an image follows a text
num_ctx       the backend's window, so that the server sets up as much context as we count on
truncate,     false: a prompt that is too long is an error, which sends the request elsewhere;
shift         the server's own way is to cut the conversation in silence
think         false where no thoughts are wanted; models that think do so unasked. Levels are
              told only where the quirk `values: {think: {low: low}}` has a word for them: all
              but gpt-oss refuse them
"""

from collections.abc import Iterable, Mapping
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
    SearchResult,
    Text,
    Thinking,
    Tool,
    Turn,
    Written,
)
from router.protocols.hub.values import arguments_object
from router.protocols.hub.writing import BEGINNING, Dropped, left_out, sampling_of, titled
from router.protocols.quirks import Quirks
from router.protocols.unsupported import Unsupported

_CHAT: Final = "chat"
_LONGEST_ID: Final = 64
_SAMPLING: Final = MappingProxyType(
    {
        name: name
        for name in (
            *("temperature", "top_p", "top_k", "seed"),
            *("presence_penalty", "frequency_penalty"),
        )
    }
)
# What chat's clients say to servers of open models, and what it is called here.
_HINTS: Final = MappingProxyType({"min_p": "min_p", "repetition_penalty": "repeat_penalty"})
_NO_PARAMETERS: Final[Mapping[str, Any]] = MappingProxyType({"type": "object", "properties": {}})


def write_request(conversation: Conversation, model: str, quirks: Quirks) -> Written:
    """The body of POST /api/chat; what the operator adds as `options` joins ours."""
    if conversation.n > 1:
        raise Unsupported("n")
    writer = _Writer()
    body: dict[str, Any] = {
        "model": model,
        "messages": writer.messages(conversation.turns),
        "stream": conversation.stream,
        "truncate": False,
        "shift": False,
    }
    if conversation.tools:
        writer.tools(body, conversation)
    writer.wishes(body, conversation, quirks)
    options = writer.options(conversation, quirks)
    writer.name_the_rest(conversation)
    for fields in (options, body):
        left_out(fields, quirks.drop, writer.dropped)
    extra = dict(quirks.extra)
    options |= extra.pop("options", {})
    if options:
        body["options"] = options
    return Written(body | extra, writer.dropped.names())


class _Writer:
    """One body in the making; `_shown` is what results show, until a user's message may come."""

    __slots__ = ("_ids", "_messages", "_names", "_shown", "dropped")

    def __init__(self) -> None:
        self.dropped = Dropped()
        self._ids = CallIds(at_most(_LONGEST_ID))
        self._messages: list[dict[str, Any]] = []
        self._names: dict[str, str] = {}  # call id -> the tool's name
        self._shown: list[Part] = []

    def messages(self, turns: tuple[Turn, ...]) -> list[dict[str, Any]]:
        """All turns as messages; one at least, without which a server only loads its model."""
        for turn in turns:
            if turn.name:
                self.dropped.add("messages.name")
            self.dropped.foreign(turn.extras)
            if turn.role == "user":
                self._user(turn.parts)
                continue
            self._show()
            if turn.role == "assistant":
                self._assistant(turn.parts)
            else:
                self._system(turn.parts)
        self._show()
        return self._messages or [{"role": "user", "content": BEGINNING}]

    def _user(self, parts: tuple[Part, ...]) -> None:
        """Results first, then what they show, then what the user says."""
        for part in parts:
            if isinstance(part, Result):
                self._result(part)
        said = [part for part in parts if not isinstance(part, Result)]
        if said:
            shown, self._shown = self._shown, []
            self._say([*shown, *said])

    def _show(self) -> None:
        """What results show, as a user's message of its own."""
        if self._shown:
            shown, self._shown = self._shown, []
            self._say(shown)

    def _say(self, parts: Iterable[Part]) -> None:
        """A user's messages: each its images, and the text behind them."""
        images: list[str] = []
        texts: list[str] = []
        for part in self._known(parts):
            if not isinstance(part, Image):
                texts.append(_text_of(part))
                continue
            if texts:
                self._add("user", texts, images)
                images, texts = [], []
            images.append(self._image(part))
        if texts or images:
            self._add("user", texts, images)

    def _add(self, role: str, texts: list[str], images: list[str]) -> None:
        message: dict[str, Any] = {"role": role, "content": "\n".join(texts)}
        if images:
            message["images"] = images
        self._messages.append(message)

    def _known(self, parts: Iterable[Part]) -> list[Part]:
        """The parts without what is only a hint of another protocol; that is named."""
        known: list[Part] = []
        for part in parts:
            if isinstance(part, Opaque) and part.hint:
                self.dropped.add(part.name)
            else:
                self.dropped.beside(part)
                known.append(part)
        return known

    def _image(self, image: Image) -> str:
        if image.url:
            raise Unsupported("messages: an image by its address")
        if image.detail:
            self.dropped.add("image_url.detail")
        return image.data

    def _system(self, parts: tuple[Part, ...]) -> None:
        texts = [_text_of(part) for part in self._known(parts)]
        self._add("system", texts, [])

    def _result(self, result: Result) -> None:
        """A tool's message; images have no place in it."""
        if result.cache:
            self.dropped.add("cache_control")
        id_ = self._ids.of_result(result.call_id)
        name = self._names.get(id_) or result.name
        known = self._known(result.parts)
        texts = [_text_of(part) for part in known if not isinstance(part, Image)]
        images = [part for part in known if isinstance(part, Image)]
        if images:
            self._shown += [Text(f"What tool call {id_} returned:"), *images]
            texts = texts or ["(in the next message)"]
        text = "\n".join(texts)
        message = {"role": "tool", "content": f"Error: {text}" if result.error else text}
        if name:
            message["tool_name"] = name
        self._messages.append(message | {"tool_call_id": id_})

    def _assistant(self, parts: tuple[Part, ...]) -> None:
        texts: list[str] = []
        thoughts: list[str] = []
        calls: list[dict[str, Any]] = []
        for part in self._known(parts):
            if isinstance(part, Thinking):
                if part.seal is not None:
                    self.dropped.add("thinking.signature" if part.text else "thinking")
                thoughts.append(part.text)
            elif isinstance(part, Call):
                calls.append(self._call(part))
            else:
                texts.append(_text_of(part))
        message: dict[str, Any] = {"role": "assistant", "content": "\n".join(texts)}
        if thought := "".join(thoughts):
            message["thinking"] = thought
        if calls:
            message["tool_calls"] = calls
        if texts or len(message) > 2:
            self._messages.append(message)

    def _call(self, call: Call) -> dict[str, Any]:
        if call.kind != "function":
            raise Unsupported(f"messages: a call of a tool of type '{call.kind}'")
        if call.seal is not None:
            self.dropped.add("thought_signature")
        id_ = self._ids.of_call(call.id)
        self._names[id_] = call.name
        function = {"name": call.name, "arguments": arguments_object(call.arguments)}
        return {"id": id_, "function": function}

    def tools(self, body: dict[str, Any], conversation: Conversation) -> None:
        """The tools that may be called: none of them can be demanded."""
        choice = conversation.choice or Choice()
        if choice.mode in ("required", "tool"):
            raise Unsupported("tool_choice")
        if choice.parallel is False:
            self.dropped.add("parallel_tool_calls")
        if choice.mode == "none":
            return
        allowed = choice.allowed
        body["tools"] = [
            self._tool(tool)
            for tool in conversation.tools
            if not allowed or (isinstance(tool, Tool) and tool.name in allowed)
        ]

    def _tool(self, tool: Tool | Opaque) -> dict[str, Any]:
        if isinstance(tool, Opaque):
            raise Unsupported(tool.name)
        if tool.kind != "function":
            raise Unsupported(f"tools of type '{tool.kind}'")
        if tool.cache:
            self.dropped.add("cache_control")
        self.dropped.foreign(tool.extras)
        if tool.strict:
            self.dropped.add("tools.function.strict")
        described: dict[str, Any] = {"name": tool.name}
        if tool.description:
            described["description"] = tool.description
        described["parameters"] = tool.parameters or dict(_NO_PARAMETERS)
        return {"type": "function", "function": described}

    def wishes(self, body: dict[str, Any], conversation: Conversation, quirks: Quirks) -> None:
        """What is asked of the answer, besides its sampling."""
        schema = conversation.schema
        if schema is not None:
            body["format"] = "json" if schema.schema is None else schema.schema
        if conversation.logprobs is not None:
            body |= {"logprobs": True, "top_logprobs": conversation.logprobs}
        think = self._think(conversation, quirks)
        if think is not None:
            body["think"] = think

    def _think(self, conversation: Conversation, quirks: Quirks) -> bool | str | None:
        thinking, effort = conversation.thinking, conversation.effort
        disabled = isinstance(thinking, Mapping) and thinking.get("type") == "disabled"
        if disabled or effort == "none":
            return False
        word = quirks.values.get("think", {}).get(effort)
        if thinking:
            self.dropped.add("thinking")
        elif effort and word is None:
            self.dropped.add("reasoning_effort")
        return word

    def options(self, conversation: Conversation, quirks: Quirks) -> dict[str, Any]:
        """`options`: sampling, limits, and the context that the server is to set up."""
        options = sampling_of(conversation, _SAMPLING, self.dropped)
        for extra in conversation.extras:
            if extra.protocol == _CHAT and extra.name in _HINTS:
                options[_HINTS[extra.name]] = extra.json
        if conversation.limit == 0:  # no limit at all, here
            raise Unsupported("max_tokens")
        if conversation.limit is not None:
            options["num_predict"] = conversation.limit
        stops = [stop for stop in conversation.stops if stop]  # an empty one ends every answer
        if stops:
            options["stop"] = stops
        if len(stops) < len(conversation.stops):
            self.dropped.add("stop")
        if quirks.window is not None:
            options["num_ctx"] = quirks.window
        return options

    def name_the_rest(self, conversation: Conversation) -> None:
        """What has no place there and changes nothing that is asked."""
        if conversation.user:
            self.dropped.add("user")
        if conversation.tier:
            self.dropped.add("service_tier")
        self.dropped.foreign(
            [one for one in conversation.extras if one.protocol != _CHAT or one.name not in _HINTS]
        )


def _text_of(part: Part) -> str:
    """A part as a text; Unsupported where it is none."""
    if isinstance(part, Text | Refusal):
        return part.text
    if isinstance(part, SearchResult):
        return titled(part.title, part.source, part.parts, "")
    if isinstance(part, File) and (part.text or part.parts):
        return titled(part.name, part.context, part.parts, part.text)
    name = part.name if isinstance(part, Opaque) else f"content of type '{_kind(part)}'"
    raise Unsupported(name if isinstance(part, Opaque) else f"messages: {name}")


def _kind(part: Part) -> str:
    return type(part).__name__.lower()
