"""Google's generateContent, written: a conversation as a body that its servers take.

Results carry the tool's name here, not the call's id, and are objects. System turns of any
place become `systemInstruction`. A thought signature goes back with its call.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from router.protocols.hub.call_ids import CallIds
from router.protocols.hub.conversation import (
    Audio,
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
from router.protocols.hub.values import arguments_object, count
from router.protocols.hub.writing import (
    BEGINNING,
    Dropped,
    description_of,
    left_out,
    sampling_of,
    titled,
)
from router.protocols.quirks import Quirks
from router.protocols.tolerant_json import loads
from router.protocols.unsupported import Unsupported

GEMINI: Final = "gemini"
_MOST_STOPS: Final = 5
_UNSIGNED: Final = "skip_thought_signature_validator"  # Google's word for calls of other models
_SAMPLING: Final = MappingProxyType(
    {
        "temperature": "temperature",
        "top_p": "topP",
        "top_k": "topK",
        "seed": "seed",
        "presence_penalty": "presencePenalty",
        "frequency_penalty": "frequencyPenalty",
    }
)
_MODES: Final = MappingProxyType({"auto": "AUTO", "none": "NONE", "required": "ANY", "tool": "ANY"})
_BUDGETS: Final = MappingProxyType(
    {"none": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24576, "max": 24576}
)


def write_request(conversation: Conversation, _model: str, quirks: Quirks) -> Written:
    """The body of generateContent, whose model stands in the address."""
    writer = _Writer()
    body: dict[str, Any] = {"contents": writer.contents(conversation.turns)}
    if writer.system and not body["contents"]:  # an answer to nothing is refused
        parts = [{"text": text} for text in writer.system]
        body["contents"] = [{"role": "user", "parts": parts}]
    elif writer.system:
        body["systemInstruction"] = {"parts": [{"text": "\n".join(writer.system)}]}
    if conversation.tools:
        writer.tools(body, conversation)
    settings = writer.settings(conversation)
    writer.name_the_rest(conversation)
    left_out(settings, quirks.drop, writer.dropped)
    if settings:
        body["generationConfig"] = settings
    return Written(body | dict(quirks.extra), writer.dropped.names())


class _Writer:
    """One body in the making."""

    __slots__ = ("_ids", "_names", "_waiting", "dropped", "system")

    def __init__(self) -> None:
        self.dropped = Dropped()
        self.system: list[str] = []
        self._ids = CallIds(str)
        self._names: dict[str, str] = {}  # call id -> the tool's name
        self._waiting: list[dict[str, Any]] = []  # what results show, until all are told

    def contents(self, turns: tuple[Turn, ...]) -> list[dict[str, Any]]:
        """The turns; neighbours of the same role become one."""
        contents: list[dict[str, Any]] = []
        for turn in turns:
            if turn.name:
                self.dropped.add("messages.name")
            self.dropped.foreign(turn.extras)
            if turn.role in ("system", "developer"):
                self._systems(turn)
                continue
            role = "model" if turn.role == "assistant" else "user"
            if role == "model":
                self._show(contents)
            parts = self._parts(turn.parts)
            if not parts:
                continue
            if contents and contents[-1]["role"] == role:
                contents[-1]["parts"] += parts
            else:
                contents.append({"role": role, "parts": parts})
        self._show(contents)
        if contents[0]["role"] == "model" if contents else not self.system:
            contents.insert(0, {"role": "user", "parts": [{"text": BEGINNING}]})
        _sign(contents)
        return contents

    def _show(self, contents: list[dict[str, Any]]) -> None:
        """What results show, behind all of them."""
        if self._waiting:
            contents[-1]["parts"] += self._waiting
            self._waiting = []

    def _systems(self, turn: Turn) -> None:
        for part in turn.parts:
            if not isinstance(part, Text):
                raise Unsupported("messages: more than text in a system turn")
            self._note_cache(part.cache)
            self.system.append(part.text)

    def _note_cache(self, cache: str) -> None:
        if cache:
            self.dropped.add("cache_control")

    def _parts(self, parts: tuple[Part, ...]) -> list[dict[str, Any]]:
        """Results first; what they show stands between them and what the user says."""
        results: list[dict[str, Any]] = []
        written: list[dict[str, Any]] = []
        for part in parts:
            if isinstance(part, Result):
                results.append(self._result(part))
            elif isinstance(part, Thinking):
                self.dropped.add("reasoning_content" if part.seal is None else "thinking")
            elif isinstance(part, Call):
                written.append(self._call(part))
            elif isinstance(part, Opaque) and part.hint:
                self.dropped.add(part.name)
            elif not isinstance(part, Text) or part.text:  # an empty one is refused
                self.dropped.beside(part)
                if isinstance(part, Image) and part.detail:
                    self.dropped.add("image_url.detail")
                written += _shown(part)
        if self._waiting and written:
            results += self._waiting
            self._waiting = []
        return results + written

    def _call(self, call: Call) -> dict[str, Any]:
        if call.kind != "function":
            raise Unsupported(f"messages: a call of a tool of type '{call.kind}'")
        self._note_cache(call.cache)
        self._names[self._ids.of_call(call.id)] = call.name
        given = arguments_object(call.arguments)
        part: dict[str, Any] = {"functionCall": {"name": call.name, "args": given}}
        if call.seal is not None and call.seal.issuer == GEMINI:
            part["thoughtSignature"] = call.seal.data
        elif call.seal is not None:
            self.dropped.add("thought_signature")
        return part

    def _result(self, result: Result) -> dict[str, Any]:
        self._note_cache(result.cache)
        named = self._names.get(self._ids.of_result(result.call_id))
        name = named or result.name or result.call_id
        texts: list[str] = []
        shown: list[dict[str, Any]] = []
        for part in result.parts:
            if isinstance(part, Opaque) and part.hint:
                self.dropped.add(part.name)
                continue
            self.dropped.beside(part)
            for block in _shown(part):
                if "text" in block:
                    texts.append(block["text"])
                else:
                    shown.append(block)
        if shown:
            self._waiting += [{"text": f"What {name} returned (call {result.call_id}):"}, *shown]
            texts = texts or [f"(behind the results, as that of call {result.call_id})"]
        text = "\n".join(texts)
        response = {"error": text} if result.error else _response(text)
        return {"functionResponse": {"name": name, "response": response}}

    def tools(self, body: dict[str, Any], conversation: Conversation) -> None:
        """The tools, those that are allowed where only some are, and which are to be called."""
        choice = conversation.choice or Choice()
        calling: dict[str, Any] = {"mode": _MODES[choice.mode]}
        allowed = choice.allowed
        if choice.mode == "tool":
            calling["allowedFunctionNames"] = [choice.name]
        elif allowed and choice.mode == "required":
            calling["allowedFunctionNames"] = list(allowed)
        if choice.parallel is False:
            self.dropped.add("parallel_tool_calls")
        declared = [
            self._declaration(tool)
            for tool in conversation.tools
            if not allowed or (isinstance(tool, Tool) and tool.name in allowed)
        ]
        body["tools"] = [{"functionDeclarations": declared}]
        body["toolConfig"] = {"functionCallingConfig": calling}

    def _declaration(self, tool: Tool | Opaque) -> dict[str, Any]:
        if isinstance(tool, Opaque):
            raise Unsupported(tool.name)
        if tool.kind != "function":
            raise Unsupported(f"tools of type '{tool.kind}'")
        self._note_cache(tool.cache)
        self.dropped.foreign(tool.extras)
        if tool.strict:
            self.dropped.add("tools.function.strict")
        declaration: dict[str, Any] = {"name": tool.name}
        if tool.description:
            declaration["description"] = tool.description
        if tool.parameters:
            declaration["parametersJsonSchema"] = tool.parameters
        return declaration

    def settings(self, conversation: Conversation) -> dict[str, Any]:
        """`generationConfig`."""
        settings: dict[str, Any] = sampling_of(conversation, _SAMPLING, self.dropped)
        if conversation.n > 1:
            settings["candidateCount"] = conversation.n
        if conversation.logprobs is not None:
            settings |= {"responseLogprobs": True, "logprobs": conversation.logprobs}
        if conversation.limit is not None:
            settings["maxOutputTokens"] = conversation.limit
        if conversation.stops:
            self._stop(settings, conversation.stops)
        if conversation.schema is not None:
            if conversation.schema.schema is not None:
                settings["responseJsonSchema"] = conversation.schema.schema
            settings["responseMimeType"] = "application/json"
        budget = _budget(conversation)
        if budget is not None:
            settings["thinkingConfig"] = {"thinkingBudget": budget}
        elif conversation.thinking or conversation.effort:
            self.dropped.add("thinking" if conversation.thinking else "reasoning_effort")
        return settings

    def _stop(self, settings: dict[str, Any], given: tuple[str, ...]) -> None:
        """What ends an answer: with fewer of them it would be another, but for empty ones."""
        stops = [stop for stop in given if stop]
        if len(stops) > _MOST_STOPS:
            raise Unsupported("stop")
        if stops:
            settings["stopSequences"] = stops
        if len(stops) < len(given):
            self.dropped.add("stop")

    def name_the_rest(self, conversation: Conversation) -> None:
        """What has no place there and changes nothing that is asked."""
        if conversation.user:
            self.dropped.add("user")
        if conversation.tier:
            self.dropped.add("service_tier")
        self.dropped.foreign(conversation.extras)


def _sign(contents: list[dict[str, Any]]) -> None:
    """Calls that other models made, marked as such since the user last spoke.

    Newer models refuse a step whose first call nobody signed; theirs are never touched.
    """
    for content in reversed(contents):
        calls = [part for part in content["parts"] if "functionCall" in part]
        if content["role"] == "user":
            if not any("functionResponse" in part for part in content["parts"]):
                return
        elif calls and not any("thoughtSignature" in call for call in calls):
            calls[0]["thoughtSignature"] = _UNSIGNED


def _budget(conversation: Conversation) -> int | None:
    """Tokens to think with: the number given, else one that fits the effort."""
    thinking = conversation.thinking
    if isinstance(thinking, Mapping):
        if thinking.get("type") == "disabled":
            return 0
        budget = count(thinking.get("budget_tokens"))
        if budget is not None:
            return budget
    return _BUDGETS.get(conversation.effort)


def _response(text: str) -> dict[str, Any]:
    """What a tool returned, as the object that the API demands."""
    try:
        value = loads(text)
    except orjson.JSONDecodeError:
        return {"result": text}
    return value if isinstance(value, dict) else {"result": value}


def _shown(part: Part) -> list[dict[str, Any]]:
    """What the model is shown of a part; bytes have no place for a title, which stands before."""
    if isinstance(part, Text | Refusal):
        return [{"text": part.text}]
    if isinstance(part, Image):
        return [_media(part.url, part.media_type, part.data)]
    if isinstance(part, Audio):
        return [_media("", f"audio/{part.format}", part.data)]
    if isinstance(part, File | SearchResult):
        return _document(part)
    if isinstance(part, Opaque) and part.protocol == GEMINI:
        return [part.json]
    raise Unsupported(part.name if isinstance(part, Opaque) else "messages: content")


def _document(part: File | SearchResult) -> list[dict[str, Any]]:
    if isinstance(part, SearchResult):
        return [{"text": titled(part.title, part.source, part.parts, "")}]
    if part.text or part.parts:
        return [{"text": titled(part.name, part.context, part.parts, part.text)}]
    about = description_of(part)
    media = _media(part.url, part.media_type, part.data)
    return [{"text": about}, media] if about else [media]


def _media(url: str, media_type: str, data: str) -> dict[str, Any]:
    if url:
        return {"fileData": {"fileUri": url}}
    return {"inlineData": {"mimeType": media_type, "data": data}}
