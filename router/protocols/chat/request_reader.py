"""Chat completions, read: a client's body as a conversation."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from router.protocols.chat.custom_format import read_format
from router.protocols.chat.parts import cache_of, read_parts
from router.protocols.chat.thoughts import read_thoughts
from router.protocols.hub.conversation import (
    NOTHING,
    SAMPLING,
    Call,
    Choice,
    Conversation,
    Opaque,
    Part,
    Refusal,
    Result,
    Role,
    Schema,
    Seal,
    Text,
    Thinking,
    Tool,
    Turn,
)
from router.protocols.hub.values import arguments_text, name_of, text_of, unknown
from router.protocols.unsupported import Unsupported

CHAT: Final = "chat"
MESSAGES: Final = "messages"
GEMINI: Final = "gemini"
_SHAPES: Final = (KeyError, TypeError, AttributeError, IndexError, ValueError)
_READ: Final = frozenset(
    (
        *("messages", "model", "tools", "tool_choice", "functions", "function_call"),
        *("parallel_tool_calls", "response_format", "max_tokens", "max_completion_tokens", "stop"),
        *("reasoning_effort", "thinking", "user", "logprobs", "top_logprobs", "n", "stream"),
        *("stream_options", "service_tier", *SAMPLING),
    )
)
# What may be dropped, named: it changes neither what is asked nor what is answered.
_HINTS: Final = frozenset(
    (
        *("metadata", "store", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"),
        *("prediction", "verbosity", "min_p", "top_a", "repetition_penalty", "length_penalty"),
        *("enable_thinking", "thinking_budget", "chat_template_kwargs", "reasoning", "provider"),
    )
)
_OFF: Final[tuple[Any, ...]] = (None, False, [], {})  # values that ask for nothing
_ON: Final = frozenset(("web_search_options",))  # asked for by an empty object too
_MESSAGE: Final = frozenset(
    (
        *("role", "content", "name", "refusal", "tool_calls", "tool_call_id", "function_call"),
        *("reasoning_content", "thinking_blocks", "audio", "images", "turnout"),
        "cache_control",
    )
)
_ANSWERED: Final = frozenset(("audio", "images", "turnout"))  # of an answer that is given back
_TOOL: Final = frozenset(("type", "function", "custom", "cache_control"))
_FUNCTION: Final = frozenset(("name", "description", "parameters", "strict", "cache_control"))
_CACHE: Final = "cache_control"


def read_request(body: Mapping[str, Any]) -> Conversation:
    """A body of POST /v1/chat/completions; Unsupported where something has an unknown shape."""
    wanted = body.get("response_format")
    choice = body.get("tool_choice") or body.get("function_call")
    parallel = body.get("parallel_tool_calls")
    try:
        return Conversation(
            turns=_turns(body["messages"]),
            tools=_tools(body),
            choice=None if choice is None and parallel is None else _choice(choice, parallel),
            schema=None if not wanted else _schema(wanted),
            limit=_limit(body),
            sampling={name: body[name] for name in SAMPLING if body.get(name) is not None},
            stops=_stops(body.get("stop")),
            effort=name_of(body.get("reasoning_effort")),
            thinking=body.get("thinking"),
            user=name_of(body.get("user")),
            tier=name_of(body.get("service_tier")),
            logprobs=(body.get("top_logprobs") or 0) if body.get("logprobs") else None,
            n=body.get("n") or 1,
            stream=body.get("stream") is True,
            extras=_extras(body, wanted),
        )
    except _SHAPES:
        raise Unsupported("a parameter of an unknown shape") from None


def _extras(body: Mapping[str, Any], wanted: Any) -> tuple[Opaque, ...]:
    """What chat alone knows: parameters, and formats of an answer."""
    odd: tuple[Opaque, ...] = ()
    if wanted and not _is_known_format(wanted):
        odd = (Opaque(CHAT, "response_format", wanted),)
    return odd if body.keys() <= _READ else (*odd, *_others(body))


def _others(body: Mapping[str, Any]) -> list[Opaque]:
    return [
        Opaque(MESSAGES, _CACHE, value, hint=True)  # of the whole request, as Anthropic has it
        if name == _CACHE
        else Opaque(CHAT, str(name)[:64], value, name in _HINTS)
        for name, value in body.items()
        if name not in _READ
        and (value not in _OFF or (name in _ON and value == {}))
        and not (name == "modalities" and value == ["text"])
    ]


def _turns(messages: list[Any]) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    for index, message in enumerate(messages):
        try:
            turns.append(_turn(message))
        except _SHAPES:
            raise Unsupported(f"messages[{index}]") from None
    return tuple(turns)


def _turn(message: Mapping[str, Any]) -> Turn:
    role = message["role"]
    extras = unknown(CHAT, "messages", message, _MESSAGE)
    name = name_of(message.get("name"))
    if role in ("tool", "function"):
        call_id = name_of(message.get("tool_call_id")) or name
        cache = cache_of(message) if "cache_control" in message else ""
        result = Result(call_id, read_parts(message.get("content")), name=name, cache=cache)
        return Turn("user", (result,), "", extras)
    if role == "assistant":
        if not message.keys().isdisjoint(_ANSWERED):
            extras += _beside(message)
        return Turn("assistant", _broken(_assistant(message), message), name, extras)
    hub_role: Role = role if role in ("system", "developer") else "user"
    return Turn(hub_role, _broken(read_parts(message.get("content")), message), name, extras)


def _broken(parts: tuple[Part, ...], message: Mapping[str, Any]) -> tuple[Part, ...]:
    """A message's own cache breakpoint is one behind its last part."""
    if "cache_control" not in message or not parts:
        return parts
    last = parts[-1]
    if isinstance(last, Opaque | Thinking) or not (cache := cache_of(message)):
        return parts
    return (*parts[:-1], replace(last, cache=last.cache or cache))


def _beside(message: Mapping[str, Any]) -> tuple[Opaque, ...]:
    """What is left of an answer beside its parts: a sound that is known by its id alone."""
    left = list(_left_of(message.get("turnout")))
    sound = message.get("audio")
    if sound and not sound.get("transcript"):
        left.append(Opaque(CHAT, "messages.audio", sound, hint=bool(message.get("content"))))
    return tuple(left)


def _left_of(own: Any) -> tuple[Opaque, ...]:
    """What Turnout itself told beside an answer and no server wants back."""
    return unknown(CHAT, "messages.turnout", own, frozenset(("blocks",))) if own else ()


def _given_back(message: Mapping[str, Any]) -> list[Part]:
    """What stood beside an answer's text: blocks of hosted tools, images, a transcript."""
    parts: list[Part] = []
    for block in (message.get("turnout") or NOTHING).get("blocks") or ():
        kind = block.get("type")  # of Anthropic's blocks; Gemini's have one name that says it
        issuer, named = (MESSAGES, kind) if kind else (GEMINI, next(iter(block), ""))
        name = f"messages: content of type '{str(named)[:64]}'"
        parts.append(Opaque(issuer, name, block))
    parts += read_parts(message.get("images"))
    sound = message.get("audio")
    if sound and sound.get("transcript") and not message.get("content"):
        parts.append(Text(text_of(sound["transcript"])))
    return parts


def _assistant(message: Mapping[str, Any]) -> tuple[Part, ...]:
    """Thoughts, then the text, then the calls: chat knows no other order."""
    content = message.get("content")
    parts: list[Part] = []
    if "thinking_blocks" in message or "reasoning_content" in message:
        parts += read_thoughts(message.get("thinking_blocks"), message.get("reasoning_content"))
    if not message.keys().isdisjoint(_ANSWERED):
        parts += _given_back(message)
    if content:
        parts += (Text(content),) if type(content) is str else read_parts(content)
    if message.get("refusal"):
        parts.append(Refusal(text_of(message["refusal"])))
    for call in message.get("tool_calls") or ():
        parts.append(_call(call))
    legacy = message.get("function_call")
    if legacy:
        name = text_of(legacy["name"])
        parts.append(Call(name, name, arguments_text(legacy.get("arguments"))))
    return tuple(parts)


def _call(call: Mapping[str, Any]) -> Part:
    custom = call.get("custom")
    if custom:
        return Call(
            text_of(call["id"]), text_of(custom["name"]), text_of(custom["input"]), "custom"
        )
    function = call["function"]
    arguments = arguments_text(function.get("arguments"))
    id_, name = name_of(call.get("id")), text_of(function["name"])
    if "extra_content" not in call:
        return Call(id_, name, arguments)
    extra = call["extra_content"]
    google = extra.get("google") if isinstance(extra, Mapping) else None
    signature = google.get("thought_signature") if isinstance(google, Mapping) else None
    seal = Seal(GEMINI, text_of(signature)) if signature else None
    return Call(id_, name, arguments, seal=seal)


def _tools(body: Mapping[str, Any]) -> tuple[Tool | Opaque, ...]:
    tools = [_tool(tool) for tool in body.get("tools") or ()]
    tools += [_function(function, (), "") for function in body.get("functions") or ()]
    return tuple(tools)


def _tool(tool: Mapping[str, Any]) -> Tool | Opaque:
    kind = tool.get("type", "function")
    custom = tool.get("custom")
    if kind == "custom" and custom:
        return Tool(
            text_of(custom["name"]),
            name_of(custom.get("description")),
            kind="custom",
            format=read_format(custom.get("format")),
            cache=cache_of(tool),
        )
    if "function" not in tool:
        return Opaque(CHAT, f"tools of type '{str(kind)[:64]}'", tool)
    return _function(tool["function"], unknown(CHAT, "tools", tool, _TOOL), cache_of(tool))


def _function(function: Mapping[str, Any], extras: tuple[Opaque, ...], cache: str) -> Tool:
    return Tool(
        text_of(function["name"]),
        name_of(function.get("description")),
        function.get("parameters"),
        function.get("strict"),
        cache=cache or cache_of(function),
        extras=extras + unknown(CHAT, "tools.function", function, _FUNCTION),
    )


def _choice(choice: Any, parallel: Any) -> Choice:
    together = parallel if isinstance(parallel, bool) else None
    if choice is None:
        return Choice(parallel=together, explicit=False)
    if type(choice) is str:
        return Choice(choice if choice in ("none", "required") else "auto", parallel=together)
    allowed = choice.get("allowed_tools")
    if allowed:
        names = tuple([_chosen(tool) for tool in allowed["tools"]])
        mode = "required" if allowed.get("mode") == "required" else "auto"
        return Choice(mode, allowed=names, parallel=together)
    return Choice("tool", _chosen(choice), parallel=together)


def _chosen(choice: Mapping[str, Any]) -> str:
    held = choice.get("function") or choice.get("custom")
    if held is None and "name" in choice and "type" not in choice:
        held = choice  # `function_call`
    if not isinstance(held, Mapping):
        raise Unsupported("tool_choice")
    return text_of(held["name"])


def _is_known_format(wanted: Mapping[str, Any]) -> bool:
    """Whether every protocol might say it: a text, any JSON, JSON of a schema that is there."""
    kind = wanted.get("type")
    if kind != "json_schema":
        return kind in ("text", "json_object")
    described = wanted.get("json_schema")
    return isinstance(described, Mapping) and described.get("schema") is not None


def _schema(wanted: Mapping[str, Any]) -> Schema | None:
    kind = wanted.get("type")
    if kind == "json_object":
        return Schema()
    if kind != "json_schema" or not _is_known_format(wanted):
        return None
    described = wanted["json_schema"]
    return Schema(
        described["schema"],
        name_of(described.get("name")) or "answer",
        described.get("strict"),
        name_of(described.get("description")),
    )


def _limit(body: Mapping[str, Any]) -> int | None:
    """The larger of the two ways to say it."""
    limits = [body.get("max_tokens"), body.get("max_completion_tokens")]
    return max([limit for limit in limits if limit is not None], default=None)


def _stops(stop: Any) -> tuple[str, ...]:
    if not stop:
        return ()
    return (stop,) if type(stop) is str else tuple([text_of(text) for text in stop])
