"""Chat completions, answered: an answer written as a whole body."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from router.protocols.chat.usage import write_usage
from router.protocols.hub.answer import (
    CALLS,
    END,
    LENGTH,
    MALFORMED,
    PAUSE,
    REFUSAL,
    SEQUENCE,
    UNTOLD,
    WINDOW,
    Alternative,
    Answer,
    Logprob,
    Stop,
)
from router.protocols.hub.conversation import (
    Call,
    Citation,
    Opaque,
    Text,
    Thinking,
    Written,
)
from router.protocols.hub.told import name_of

CHAT: Final = "chat"

FINISH: Final = MappingProxyType(
    {
        END: "stop",
        SEQUENCE: "stop",
        LENGTH: "length",
        WINDOW: "length",
        CALLS: "tool_calls",
        REFUSAL: "content_filter",
        PAUSE: "stop",
        MALFORMED: "stop",
        UNTOLD: "stop",
    }
)


def write_logprobs(told: tuple[Logprob, ...]) -> dict[str, Any] | None:
    """Log-probabilities as OpenAI's clients expect them; None where there are none."""
    if not told:
        return None
    return {"content": [_token(one) | {"top_logprobs": [*map(_token, one.top)]} for one in told]}


def _token(one: Logprob) -> dict[str, Any]:
    return {"token": one.token, "logprob": one.logprob, "bytes": one.raw}


def write_answer(answer: Answer, created: int) -> Written:
    """A whole chat completion of `created`, in seconds of Unix time."""
    body = {
        "id": answer.id or "chatcmpl-turnout",
        "object": "chat.completion",
        "created": created,
        "model": answer.model,
        "choices": [
            _choice(number, alternative) for number, alternative in enumerate(answer.alternatives)
        ],
        "usage": write_usage(answer.usage),
    }
    return Written(body, ())


def _choice(number: int, alternative: Alternative) -> dict[str, Any]:
    stop = alternative.stop or Stop()
    return {
        "index": number,
        "message": _message(alternative, stop),
        "logprobs": write_logprobs(alternative.logprobs),
        "finish_reason": FINISH[stop.reason],
    }


def _message(alternative: Alternative, stop: Stop) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None}
    content = ""
    texts = [part for part in alternative.parts if isinstance(part, Text)]
    annotations: list[Any] = []
    beside: dict[str, list[Any]] = {}
    for text in texts:
        for citation in text.citations:
            _cite(citation, len(content), len(content) + len(text.text), annotations, beside)
        content += text.text
    thoughts = [part for part in alternative.parts if isinstance(part, Thinking)]
    calls = [write_call(call) for call in alternative.calls]
    message["refusal"] = alternative.refusal or explanation(stop) or None
    if content or not (calls or message["refusal"]):
        message["content"] = content
    if alternative.thoughts:
        message["reasoning_content"] = alternative.thoughts
    blocks = [write_thought(thought) for thought in thoughts if is_signed(thought)]
    if blocks:
        message["thinking_blocks"] = blocks  # signed: wanted back in the next turn
    if calls:
        message["tool_calls"] = calls
    if annotations:
        message["annotations"] = annotations
    unknown = [part.json for part in alternative.parts if isinstance(part, Opaque)]
    if unknown:
        beside["blocks"] = unknown
    if beside:
        message["turnout"] = beside
    return message


def explanation(stop: Stop) -> str:
    """What a refusal says of itself, where its server explains it beside the answer."""
    details = stop.details
    return name_of(details.get("explanation")) if isinstance(details, Mapping) else ""


def _cite(
    citation: Citation,
    start: int,
    end: int,
    annotations: list[Any],
    beside: dict[str, list[Any]],
) -> None:
    """A web address becomes an annotation; what chat has no words for stands beside."""
    if citation.url:
        annotations.append(write_citation(citation, start, end))
    else:
        beside.setdefault("citations", []).append(citation.json)


def write_citation(citation: Citation, start: int, end: int) -> dict[str, Any]:
    """A web address as an annotation of these characters."""
    web = {
        "url": citation.url,
        "title": citation.title,
        "start_index": start if citation.start is None else citation.start,
        "end_index": end if citation.end is None else citation.end,
    }
    return {"type": "url_citation", "url_citation": web}


def is_signed(thought: Thinking) -> bool:
    """Whether Anthropic's servers want it back as it is."""
    return thought.seal is not None and thought.seal.issuer == "messages"


def write_thought(thought: Thinking) -> dict[str, Any]:
    """A sealed thought as its issuer's block."""
    seal = thought.seal
    if seal is not None and seal.kind == "redacted":
        return {"type": "redacted_thinking", "data": seal.data}
    signature = "" if seal is None else seal.data
    return {"type": "thinking", "thinking": thought.text, "signature": signature}


def write_call(call: Call) -> dict[str, Any]:
    """A tool call, with the signature that its issuer wants back."""
    if call.kind == "custom":
        custom = {"name": call.name, "input": call.arguments}
        return {"id": call.id, "type": "custom", "custom": custom}
    function = {"name": call.name, "arguments": call.arguments}
    told: dict[str, Any] = {"id": call.id, "type": "function", "function": function}
    if call.seal is not None and call.seal.issuer == "gemini":
        told["extra_content"] = {"google": {"thought_signature": call.seal.data}}
    return told
