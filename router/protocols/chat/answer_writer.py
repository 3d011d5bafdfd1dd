"""Chat completions, answered: an answer written as a whole body."""

from types import MappingProxyType
from typing import Any, Final

from router.protocols.chat.parts import write_part
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
    explanation,
)
from router.protocols.hub.conversation import (
    Call,
    Citation,
    Image,
    Opaque,
    Part,
    Text,
    Thinking,
    Written,
)
from router.protocols.hub.seals import write_seal
from router.protocols.hub.values import new_id

CHAT: Final = "chat"
_SIGNERS: Final = ("messages", "responses")  # whose seals stand in blocks of thoughts

_FINISH: Final = MappingProxyType(
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


def write_logprobs(logprobs: tuple[Logprob, ...]) -> dict[str, Any] | None:
    """Log-probabilities as OpenAI's clients expect them; None where there are none."""
    if not logprobs:
        return None
    return {
        "content": [_token(one) | {"top_logprobs": [*map(_token, one.top)]} for one in logprobs]
    }


def _token(one: Logprob) -> dict[str, Any]:
    return {"token": one.token, "logprob": one.logprob, "bytes": one.raw}


def write_answer(answer: Answer, created: int) -> Written:
    """A whole chat completion of `created`, in seconds of Unix time."""
    body = {
        "id": answer.id or new_id("chatcmpl-"),
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
        **write_stop(stop),
    }


def write_stop(stop: Stop) -> dict[str, Any]:
    """Why a choice ended; beside it which stop sequence came, as vLLM says it."""
    fields: dict[str, Any] = {"finish_reason": _FINISH[stop.reason]}
    if stop.sequence is not None:
        fields["stop_reason"] = stop.sequence
    return fields


def _message(alternative: Alternative, stop: Stop) -> dict[str, Any]:
    parts = alternative.parts
    content, annotations, foreign = _cited_text(parts)
    calls = [write_call(call) for call in alternative.calls]
    refusal = alternative.refusal or explanation(stop) or None
    thoughts = [part for part in parts if isinstance(part, Thinking)]
    unknown = [part.json for part in parts if isinstance(part, Opaque)]
    beside = {"citations": foreign, "blocks": unknown, "container": stop.container}
    more: dict[str, Any] = {
        "reasoning_content": alternative.thoughts,
        # Those that are signed are wanted back in the next turn.
        "thinking_blocks": [write_thought(one) for one in thoughts if is_signed(one)],
        "images": [write_part(part) for part in parts if isinstance(part, Image)],
        "tool_calls": calls,
        "annotations": annotations,
        "turnout": {name: held for name, held in beside.items() if held},
    }
    empty = None if calls or refusal else ""
    message = {"role": "assistant", "content": content or empty, "refusal": refusal}
    return message | {name: held for name, held in more.items() if held}


def _cited_text(parts: tuple[Part, ...]) -> tuple[str, list[Any], list[Any]]:
    """The texts as one; what they cite of the web as annotations; what chat has no words for."""
    content = ""
    annotations: list[Any] = []
    foreign: list[Any] = []
    for part in parts:
        if not isinstance(part, Text):
            continue
        for cited in part.citations:
            if cited.url:
                end = len(content) + len(part.text)
                annotations.append(write_citation(cited, len(content), end))
            else:
                foreign.append(cited.json)
        content += part.text
    return content, annotations, foreign


def write_citation(citation: Citation, start: int | None, end: int | None) -> dict[str, Any]:
    """A web address as an annotation, by default of these characters."""
    web: dict[str, Any] = {"url": citation.url, "title": citation.title}
    start = start if citation.start is None else citation.start
    end = end if citation.end is None else citation.end
    if start is not None and end is not None:
        web |= {"start_index": start, "end_index": end}
    return {"type": "url_citation", "url_citation": web}


def is_signed(thought: Thinking) -> bool:
    """Whether servers of Anthropic or of responses want it back as it is."""
    return thought.seal is not None and thought.seal.issuer in _SIGNERS


def write_thought(thought: Thinking) -> dict[str, Any]:
    """A sealed thought as its issuer's block."""
    seal = thought.seal
    if seal is not None and seal.kind == "redacted" and seal.issuer == "messages":
        return {"type": "redacted_thinking", "data": seal.data}
    signature = "" if seal is None else write_seal(seal, "messages")
    return {"type": "thinking", "thinking": thought.text, "signature": signature}


def write_call(call: Call) -> dict[str, Any]:
    """A tool call, with the signature that its issuer wants back."""
    if call.kind == "custom":
        custom = {"name": call.name, "input": call.arguments}
        return {"id": call.id, "type": "custom", "custom": custom}
    function = {"name": call.name, "arguments": call.arguments}
    fields: dict[str, Any] = {"id": call.id, "type": "function", "function": function}
    if call.seal is not None and call.seal.issuer == "gemini":
        fields["extra_content"] = {"google": {"thought_signature": call.seal.data}}
    return fields
