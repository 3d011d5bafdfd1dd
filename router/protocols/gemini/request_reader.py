"""Google's generateContent, asked: a client's request read as a conversation.

Its calls may have no ids: then they are numbered, and results belong to them by name, in order.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from router.protocols.gemini.answer_reader import GEMINI
from router.protocols.gemini.schemas import json_schema
from router.protocols.gemini.seals import SIGNATURE, read_seal
from router.protocols.hub.conversation import (
    NOTHING,
    Audio,
    Call,
    Choice,
    Conversation,
    File,
    Image,
    Opaque,
    Part,
    Result,
    Schema,
    Text,
    Thinking,
    Tool,
    Turn,
)
from router.protocols.hub.values import count, name_of, text_of, unknown
from router.protocols.unsupported import Unsupported

_SHAPES: Final = (KeyError, TypeError, AttributeError, ValueError)
_ROLES: Final = MappingProxyType({"model": "assistant", "user": "user", "function": "user"})
_SAMPLING: Final = MappingProxyType(
    {
        "temperature": "temperature",
        "topP": "top_p",
        "topK": "top_k",
        "seed": "seed",
        "presencePenalty": "presence_penalty",
        "frequencyPenalty": "frequency_penalty",
    }
)
_MODES: Final = MappingProxyType({"ANY": "required", "NONE": "none"})
_READ: Final = frozenset(
    ("model", "contents", "systemInstruction", "tools", "toolConfig", "generationConfig")
)
_HINTS: Final = frozenset(("safetySettings", "labels", "serviceTier", "store"))
_CONFIG: Final = frozenset(
    (
        *("maxOutputTokens", "candidateCount", "stopSequences", "responseMimeType"),
        *("responseSchema", "responseJsonSchema", "responseLogprobs", "logprobs"),
        *("thinkingConfig", "responseModalities", *_SAMPLING),
    )
)
_CONFIG_HINTS: Final = frozenset(("mediaResolution", "enableEnhancedCivicAnswers"))
_JSON: Final = "application/json"


def read_request(body: Mapping[str, Any]) -> Conversation:
    """A body as a conversation; Unsupported for what cannot be read."""
    try:
        return _read(body)
    except _SHAPES:
        raise Unsupported("contents") from None


def _read(body: Mapping[str, Any]) -> Conversation:
    config = body.get("generationConfig") or NOTHING
    return Conversation(
        _turns(body),
        tools=tuple(_tools(body.get("tools") or ())),
        limit=count(config.get("maxOutputTokens")),
        choice=_choice((body.get("toolConfig") or NOTHING).get("functionCallingConfig")),
        schema=_schema(config),
        sampling={
            ours: config[name] for name, ours in _SAMPLING.items() if config.get(name) is not None
        },
        stops=tuple(map(text_of, config.get("stopSequences") or ())),
        logprobs=(count(config.get("logprobs")) or 0) if config.get("responseLogprobs") else None,
        n=count(config.get("candidateCount")) or 1,
        extras=(
            *_others("", body, _READ, _HINTS),
            *_others("generationConfig.", config, _CONFIG, _CONFIG_HINTS),
            *_modalities(config),
        ),
        **_thinking(config.get("thinkingConfig") or NOTHING),
    )


def _others(
    where: str, fields: Mapping[str, Any], known: frozenset[str], hints: frozenset[str]
) -> list[Opaque]:
    """What the hub does not know: hints may be dropped, anything else is refused by name."""
    return [
        Opaque(GEMINI, f"{where}{str(name)[:64]}", held, name in hints)
        for name, held in fields.items()
        if name not in known and held not in (None, False, [], {})
    ]


def _modalities(config: Mapping[str, Any]) -> list[Opaque]:
    wanted = config.get("responseModalities") or ()
    if all(str(one).upper() == "TEXT" for one in wanted):
        return []
    return [Opaque(GEMINI, "generationConfig.responseModalities", wanted)]


def _thinking(config: Mapping[str, Any]) -> dict[str, Any]:
    """The wish for thoughts, as the hub has it: a budget, or an effort."""
    budget = config.get("thinkingBudget")
    if budget == 0:
        return {"thinking": {"type": "disabled"}}
    if count(budget):
        return {"thinking": {"type": "enabled", "budget_tokens": budget}}
    return {"effort": name_of(config.get("thinkingLevel")).lower()}


def _schema(config: Mapping[str, Any]) -> Schema | None:
    kind = config.get("responseMimeType")
    if kind not in (None, "", "text/plain", _JSON):
        raise Unsupported("generationConfig.responseMimeType")
    own = config.get("responseJsonSchema")
    if own is None and config.get("responseSchema") is not None:
        own = json_schema(config["responseSchema"])
    if own is None:
        return Schema(None) if kind == _JSON else None
    return Schema(own, strict=None)


def _choice(calling: Mapping[str, Any] | None) -> Choice | None:
    if not calling:
        return None
    mode = _MODES.get(str(calling.get("mode")).upper(), "auto")
    allowed = tuple(map(text_of, calling.get("allowedFunctionNames") or ()))
    if mode == "required" and len(allowed) == 1:
        return Choice("tool", allowed[0])
    return Choice(mode, allowed=allowed)


def _tools(tools: Any) -> list[Tool | Opaque]:
    read: list[Tool | Opaque] = []
    for tool in tools:
        for kind, held in tool.items():
            if kind != "functionDeclarations":
                read.append(Opaque(GEMINI, f"tools of type '{str(kind)[:64]}'", {kind: held}))
                continue
            read += map(_tool, held or ())
    return read


def _tool(declared: Mapping[str, Any]) -> Tool:
    parameters = declared.get("parametersJsonSchema")
    if parameters is None and declared.get("parameters") is not None:
        parameters = json_schema(declared["parameters"])
    known = frozenset(("name", "description", "parameters", "parametersJsonSchema"))
    return Tool(
        text_of(declared["name"]),
        name_of(declared.get("description")),
        parameters or {},
        extras=unknown(GEMINI, "tools.functionDeclarations", declared, known),
    )


def _turns(body: Mapping[str, Any]) -> tuple[Turn, ...]:
    calls = _Calls()
    turns = []
    system = body.get("systemInstruction")
    if system:
        told = [Text(system)] if isinstance(system, str) else calls.parts(system)
        turns.append(Turn("system", tuple(told)))
    contents = body["contents"]
    for content in contents if isinstance(contents, list) else [contents]:
        role = _ROLES[content.get("role") or "user"]
        parts = calls.parts(content)
        if role == "assistant":
            turns.append(Turn("assistant", tuple(_joined(parts))))
        else:
            turns.append(Turn("user", tuple(parts)))
    return tuple(turns)


class _Calls:
    """The parts of a conversation, and which result belongs to which call."""

    __slots__ = ("_number", "_open")

    def __init__(self) -> None:
        self._number = 0
        self._open: list[tuple[str, str]] = []  # id and name of calls without a result

    def parts(self, content: Mapping[str, Any]) -> list[Part]:
        """The parts of one content."""
        return [part for fields in content.get("parts") or () for part in self._part(fields)]

    def _part(self, fields: Mapping[str, Any]) -> list[Part]:
        if "functionCall" in fields:
            return [self._call(fields["functionCall"], fields.get(SIGNATURE))]
        if "functionResponse" in fields:
            return [self._result(fields["functionResponse"])]
        if "inlineData" in fields:
            return [_media(fields["inlineData"])]
        if fields.get("text") is not None:
            return _words(text_of(fields["text"]), fields)
        name = next((str(name) for name in fields if name != SIGNATURE), "nothing")
        return [Opaque(GEMINI, f"contents: a part of type '{name[:64]}'", dict(fields))]

    def _call(self, call: Mapping[str, Any], signature: Any) -> Call:
        name, self._number = text_of(call["name"]), self._number + 1
        own = name_of(call.get("id")) or f"call_{self._number}_{name}"
        self._open.append((own, name))
        given = orjson.dumps(call.get("args") or {}).decode()
        return Call(own, name, given, seal=read_seal(signature))

    def _result(self, result: Mapping[str, Any]) -> Result:
        name, own = text_of(result["name"]), name_of(result.get("id"))
        asked = next(
            (pair for pair in self._open if own in ("", pair[0]) and name == pair[1]), None
        )
        if asked is not None:
            self._open.remove(asked)
            own = asked[0]
        held = result.get("response")
        failed = isinstance(held, Mapping) and held.keys() == {"error"}
        return Result(own or f"call_{name}", (Text(_said(held)),), failed, name)


def _words(text: str, fields: Mapping[str, Any]) -> list[Part]:
    """A text or a thought. Google signs its own texts too: a hint, to nobody else of any use."""
    seal = read_seal(fields.get(SIGNATURE))
    if fields.get("thought"):
        return [Thinking(text, seal)]
    if seal is None:
        return [Text(text)]
    return [Text(text), Opaque(GEMINI, "thought_signature", {SIGNATURE: seal.data}, hint=True)]


def _joined(parts: list[Part]) -> list[Part]:
    """Pieces of one text or thought, as clients gather them from a stream, as one."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if type(part) is type(last) is Text:
            joined[-1] = Text(last.text + part.text)
        elif isinstance(part, Thinking) and isinstance(last, Thinking) and last.seal is None:
            joined[-1] = Thinking(last.text + part.text, part.seal)
        else:
            joined.append(part)
    return joined


def _said(held: Any) -> str:
    """What a tool returned, as text: an object of one text is that text."""
    if isinstance(held, Mapping) and len(held) == 1:
        [(name, text)] = held.items()
        if name in ("result", "output", "error") and isinstance(text, str):
            return text
    return orjson.dumps(held).decode()


def _media(data: Mapping[str, Any]) -> Part:
    """Google's Python client writes `mime_type`, and base64 in the alphabet for addresses."""
    kind = text_of(data["mimeType"] if "mimeType" in data else data["mime_type"])
    held = text_of(data["data"]).replace("-", "+").replace("_", "/")
    family, _, rest = kind.partition("/")
    if family == "image":
        return Image(kind, held)
    if family == "audio":
        return Audio("mp3" if rest == "mpeg" else rest.removeprefix("x-"), held)
    if family == "video":
        return Opaque(GEMINI, "contents: a video", {"inlineData": dict(data)})
    return File(kind, held)
