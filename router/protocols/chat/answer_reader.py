"""Chat completions, answered: a whole body read as an answer."""

from collections.abc import Container, Mapping
from types import MappingProxyType
from typing import Any, Final

from router.protocols.chat.parts import read_parts
from router.protocols.chat.thoughts import read_thoughts, readable
from router.protocols.chat.usage import read_usage
from router.protocols.error_inside import refuse_error_inside
from router.protocols.hub.answer import (
    CALLS,
    END,
    LENGTH,
    REFUSAL,
    SEQUENCE,
    Alternative,
    Answer,
    Logprob,
    Stop,
)
from router.protocols.hub.conversation import (
    NOTHING,
    Audio,
    Call,
    Citation,
    Part,
    Refusal,
    Seal,
    Text,
    Thinking,
)
from router.protocols.hub.values import arguments_text, call_id, name_of, text_of
from router.protocols.passage import MalformedReply

CHAT: Final = "chat"

_REASONS: Final = MappingProxyType(
    {
        "stop": END,
        "length": LENGTH,
        "tool_calls": CALLS,
        "function_call": CALLS,
        "content_filter": REFUSAL,
    }
)


def read_answer(body: Mapping[str, Any]) -> Answer:
    """A whole chat completion; ErrorInside or MalformedReply where it is none."""
    refuse_error_inside(body)
    choices = body.get("choices")
    if not isinstance(choices, list):
        raise MalformedReply("answered without choices that can be read")
    model = body.get("model")
    return Answer(
        name_of(body.get("id")),
        model if isinstance(model, str) else None,
        tuple([_alternative(choice) for choice in choices]),
        read_usage(body.get("usage"), body.get("service_tier")),
    )


def _alternative(choice: Mapping[str, Any]) -> Alternative:
    message = choice["message"]
    parts = _parts(message)
    kinds = set(map(type, parts))
    reason = read_reason(choice, calls=Call in kinds, refused=Refusal in kinds)
    logprobs = choice.get("logprobs")
    return Alternative(tuple(parts), reason, read_logprobs(logprobs) if logprobs else ())


def read_reason(choice: Mapping[str, Any], *, calls: bool, refused: bool) -> Stop:
    """Why a choice ended, the last of its chunks or the whole.

    Some servers say `stop` of calls, `tool_calls` where there are none; OpenAI says `stop` of a
    refusal; vLLM tells beside it which stop sequence came.
    """
    reason = _REASONS.get(name_of(choice.get("finish_reason")), END)
    if reason in (END, CALLS):
        reason = REFUSAL if refused else CALLS if calls else END
    sequence = name_of(choice.get("stop_reason"))
    return Stop(SEQUENCE, sequence) if sequence and reason == END else Stop(reason)


def _parts(message: Mapping[str, Any]) -> list[Part]:
    parts: list[Part] = []
    blocks = message.get("thinking_blocks")
    thought = readable(message)
    if blocks or thought:
        parts += read_thoughts(blocks, thought)
    content = message.get("content")
    if isinstance(content, list):
        parts += read_content(content)
    elif content:
        cited = tuple([read_citation(text) for text in citations_of(message)])
        parts.append(Text(text_of(content), cited))
    if message.get("audio"):
        parts += _spoken(message["audio"])
    if message.get("refusal"):
        parts.append(Refusal(text_of(message["refusal"])))
    if message.get("images"):
        parts += read_parts(message["images"])
    ids: set[str] = set()
    for fields in message.get("tool_calls") or ():
        call = read_call(fields, ids)
        ids.add(call.id)
        parts.append(call)
    if legacy := message.get("function_call"):
        parts.append(read_call({"function": legacy}, ids))
    return parts


def _spoken(sound: Mapping[str, Any]) -> list[Part]:
    """A spoken answer: what it says, and the sound of a format that only its client knows."""
    transcript, data = name_of(sound.get("transcript")), name_of(sound.get("data"))
    parts: list[Part] = [Text(transcript)] if transcript else []
    return [*parts, Audio("", data)] if data else parts


def read_content(content: list[Any]) -> list[Part]:
    """Content in parts, as the reasoning models of Mistral and Databricks tell it."""
    parts: list[Part] = []
    for part in content:
        if isinstance(part, str):
            parts.append(Text(part))
        elif isinstance(part, Mapping):
            text = _inner_text(part)
            if text:
                parts.append(Text(text) if part.get("type") == "text" else Thinking(text))
    return parts


def _inner_text(part: Mapping[str, Any]) -> str:
    """The text of a part, at whatever of the known places it stands."""
    text = part.get("text") or part.get("thinking") or part.get("summary") or ""
    if isinstance(text, list):
        return "".join([_inner_text(inner) for inner in text if isinstance(inner, Mapping)])
    return name_of(text)


def read_call(call: Mapping[str, Any], taken: Container[str]) -> Call:
    """A tool call; where it has no id, or one that is `taken`, it gets another.

    Arguments that are missing or an object become a text.
    """
    id_ = call_id(call.get("id"), taken)
    custom = call.get("custom")
    if custom:
        return Call(id_, text_of(custom["name"]), text_of(custom["input"]), "custom")
    function = call["function"]
    arguments = arguments_text(function.get("arguments"))
    extra = call.get("extra_content")
    return Call(
        id_, text_of(function["name"]), arguments, seal=_google_seal(extra) if extra else None
    )


def _google_seal(extra: Any) -> Seal | None:
    """What Gemini's own OpenAI-compatible servers want back beside a call."""
    google = extra.get("google") if isinstance(extra, Mapping) else None
    signature = google.get("thought_signature") if isinstance(google, Mapping) else None
    return Seal("gemini", text_of(signature)) if signature else None


def citations_of(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The annotations of a message or of a delta."""
    text = message.get("annotations")
    return [one for one in text if isinstance(one, Mapping)] if isinstance(text, list) else []


def read_citation(annotation: Mapping[str, Any]) -> Citation:
    """An annotation of a text."""
    web = annotation.get("url_citation")
    web = web if isinstance(web, Mapping) else NOTHING
    start, end = web.get("start_index"), web.get("end_index")
    return Citation(
        CHAT, annotation, name_of(web.get("url")), name_of(web.get("title")), "", start, end
    )


def read_logprobs(logprobs: Any) -> tuple[Logprob, ...]:
    """The tokens' log-probabilities, where the backend reports them."""
    if not isinstance(logprobs, Mapping):
        return ()
    tokens = logprobs.get("content") or logprobs.get("refusal") or ()
    return tuple(
        [_logprob(token) for token in tokens if isinstance(token.get("logprob"), int | float)]
    )


def _logprob(token: Mapping[str, Any]) -> Logprob:
    top = [
        Logprob(name_of(one.get("token")), one["logprob"], one.get("bytes"))
        for one in token.get("top_logprobs") or ()
        if isinstance(one.get("logprob"), int | float)
    ]
    return Logprob(name_of(token.get("token")), token["logprob"], token.get("bytes"), tuple(top))
