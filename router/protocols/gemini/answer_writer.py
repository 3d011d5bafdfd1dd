"""Google's generateContent, answered: an answer written as a response."""

from types import MappingProxyType
from typing import Any, Final

from router.protocols.gemini.answer_reader import GEMINI
from router.protocols.gemini.seals import SIGNATURE, write_seal
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
    Lines,
    Logprob,
    Stop,
    totals,
)
from router.protocols.hub.conversation import (
    Audio,
    Call,
    Image,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    Written,
)
from router.protocols.hub.values import arguments_object

REASONS: Final = MappingProxyType(
    {
        **dict.fromkeys((END, SEQUENCE, CALLS, PAUSE, UNTOLD), "STOP"),
        **dict.fromkeys((LENGTH, WINDOW), "MAX_TOKENS"),
        REFUSAL: "SAFETY",
        MALFORMED: "MALFORMED_FUNCTION_CALL",
    }
)


def write_answer(answer: Answer) -> Written:
    """A whole response; what it cannot say is named."""
    dropped: list[str] = []
    candidates = [
        _candidate(index, alternative, dropped)
        for index, alternative in enumerate(answer.alternatives)
    ]
    body = head(answer.id, answer.model) | {"candidates": candidates}
    if answer.usage:
        body["usageMetadata"] = write_usage(answer.usage)
    return Written(body, tuple(dict.fromkeys(dropped)))


def head(id_: str, model: str | None) -> dict[str, Any]:
    """What every response says of itself."""
    named = {"responseId": id_, "modelVersion": model}
    return {name: held for name, held in named.items() if held}


def _candidate(index: int, alternative: Alternative, dropped: list[str]) -> dict[str, Any]:
    parts = [written for part in alternative.parts for written in write_part(part, dropped)]
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": index}
    candidate["finishReason"] = REASONS[(alternative.stop or Stop()).reason]
    if alternative.logprobs:
        candidate["logprobsResult"] = write_logprobs(alternative.logprobs)
    cited = [
        citation
        for part in alternative.parts
        if isinstance(part, Text)
        for citation in part.citations
    ]
    own = [citation.json for citation in cited if citation.protocol == GEMINI]
    if own:
        candidate["groundingMetadata"] = {"groundingChunks": own}
    if len(own) < len(cited):
        dropped.append("citations")
    return candidate


def write_part(part: Part, dropped: list[str]) -> list[dict[str, Any]]:
    """A part of an answer; what cannot be said is named."""
    if isinstance(part, Text | Refusal):
        return [{"text": part.text}] if part.text else []
    if isinstance(part, Thinking):
        return [write_thought(part)] if part.text or part.seal else []
    if isinstance(part, Call):
        return [_call(part)]
    if isinstance(part, Image | Audio) and (part.data or isinstance(part, Image)):
        return [_shown(part)]
    if isinstance(part, Opaque) and part.protocol == GEMINI:
        return [part.json]
    dropped.append(part.name if isinstance(part, Opaque) else type(part).__name__.lower())
    return []


def _shown(part: Image | Audio) -> dict[str, Any]:
    """A picture or a sound by its bytes, else by its address."""
    if isinstance(part, Image) and not part.data:
        return {"text": f"![image]({part.url})"}
    kind = part.media_type if isinstance(part, Image) else f"audio/{part.format}"
    return {"inlineData": {"mimeType": kind, "data": part.data}}


def write_thought(thought: Thinking) -> dict[str, Any]:
    """A thought with its seal, whoever made it."""
    written: dict[str, Any] = {"text": thought.text, "thought": True}
    return written if thought.seal is None else written | {SIGNATURE: write_seal(thought.seal)}


def _call(call: Call) -> dict[str, Any]:
    given = arguments_object(call.arguments)
    written: dict[str, Any] = {"functionCall": {"id": call.id, "name": call.name, "args": given}}
    return written if call.seal is None else written | {SIGNATURE: write_seal(call.seal)}


def write_logprobs(logprobs: tuple[Logprob, ...]) -> dict[str, Any]:
    """The tokens' log-probabilities."""
    return {
        "chosenCandidates": [_logprob(one) for one in logprobs],
        "topCandidates": [{"candidates": [_logprob(top) for top in one.top]} for one in logprobs],
    }


def _logprob(one: Logprob) -> dict[str, Any]:
    return {"token": one.token, "logProbability": one.logprob}


def write_usage(lines: Lines) -> dict[str, int]:
    """The lines as Google's clients expect them: thoughts beside the candidates."""
    fresh, read, written, output, thought = totals(lines)
    prompt = fresh + read + written
    thought = min(thought, output)
    told = {"promptTokenCount": prompt, "candidatesTokenCount": output - thought}
    told["totalTokenCount"] = prompt + output
    if read:
        told["cachedContentTokenCount"] = read
    if thought:
        told["thoughtsTokenCount"] = thought
    return told
