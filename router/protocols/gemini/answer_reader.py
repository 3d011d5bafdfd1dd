"""Google's generateContent, answered: a response read as an answer, and a stream of them.

A stream is a row of responses: each holds the next parts of its candidates, the last ones a
finishReason; usageMetadata comes with each of them, and the last one counts. There is no closing
event: the server just closes.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from router.protocols.fees import searched
from router.protocols.gemini.usage import lines_of
from router.protocols.hub.answer import (
    CALLS,
    END,
    LENGTH,
    MALFORMED,
    REFUSAL,
    Alternative,
    Answer,
    Logprob,
    Stop,
)
from router.protocols.hub.conversation import (
    NOTHING,
    Call,
    Citation,
    Image,
    Opaque,
    Part,
    Seal,
    Text,
    Thinking,
)
from router.protocols.hub.values import name_of, text_of
from router.protocols.passage import ErrorInside, MalformedReply

GEMINI: Final = "gemini"
_REASONS: Final = MappingProxyType(
    {
        "STOP": END,
        "MAX_TOKENS": LENGTH,
        "SAFETY": REFUSAL,
        "RECITATION": REFUSAL,
        "BLOCKLIST": REFUSAL,
        "PROHIBITED_CONTENT": REFUSAL,
        "SPII": REFUSAL,
        "IMAGE_SAFETY": REFUSAL,
        "MALFORMED_FUNCTION_CALL": MALFORMED,
        "UNEXPECTED_TOOL_CALL": MALFORMED,
    }
)
_BLOCKED: Final = MappingProxyType({"finishReason": "SAFETY", "content": {"parts": []}})


def refuse_error(answer: Mapping[str, Any]) -> None:
    """Raise ErrorInside where this is `{"error": {...}}`."""
    error = answer.get("error")
    if error:
        status = error.get("code")
        known = isinstance(status, int) and 400 <= status <= 599
        message = str(error.get("message", "an error"))
        raise ErrorInside(message[:500], status if known else 502, answer)


def read_answer(body: Mapping[str, Any]) -> Answer:
    """A whole response; ErrorInside where it is an error, MalformedReply where it is no answer."""
    refuse_error(body)
    id_, model = name_of(body.get("responseId")), body.get("modelVersion")
    alternatives = tuple([_alternative(candidate, id_) for candidate in candidates_of(body)])
    answered = any(one.text or one.calls for one in alternatives)
    refuse_malformed([one.stop for one in alternatives], answered=answered)
    return Answer(
        id_,
        model if isinstance(model, str) else None,
        alternatives,
        lines_of(body, searched(candidates_of(body))),
    )


def refuse_malformed(stops: list[Stop | None], *, answered: bool) -> None:
    """Raise MalformedReply where all that came is a call that the server itself could not read."""
    if not answered and any(stop is not None and stop.reason == MALFORMED for stop in stops):
        raise MalformedReply("called a tool in a way that cannot be read")


def candidates_of(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The candidates; a blocked prompt has none and is read as one that was filtered."""
    candidates: list[Mapping[str, Any]] = body.get("candidates") or []
    if not candidates and (body.get("promptFeedback") or NOTHING).get("blockReason"):
        return [_BLOCKED]
    return candidates


def parts_of(candidate: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a candidate says."""
    return (candidate.get("content") or NOTHING).get("parts") or []


def _alternative(candidate: Mapping[str, Any], id_: str) -> Alternative:
    parts: list[Part] = []
    calls = 0
    for fields in parts_of(candidate):
        part = read_part(fields, id_, calls)
        calls += isinstance(part, Call)
        _append(parts, part)
    cited = read_citations(candidate)
    if cited:
        _cite(parts, cited)
    stop = read_stop(candidate.get("finishReason"), called=calls > 0)
    return Alternative(tuple(parts), stop, read_logprobs(candidate.get("logprobsResult")))


def _append(parts: list[Part], part: Part) -> None:
    """Texts that follow each other are one, and so are thoughts."""
    last = parts[-1] if parts else None
    if isinstance(part, Text) and isinstance(last, Text):
        parts[-1] = Text(last.text + part.text)
    elif isinstance(part, Thinking) and isinstance(last, Thinking):
        parts[-1] = Thinking(last.text + part.text)
    elif not isinstance(part, Text | Thinking) or part.text:
        parts.append(part)


def _cite(parts: list[Part], cited: tuple[Citation, ...]) -> None:
    for number, part in enumerate(parts):
        if isinstance(part, Text):
            parts[number] = Text(part.text, cited)
            return


def read_part(part: Mapping[str, Any], id_: str, number: int) -> Part:
    """One part of the answer `id_`; its calls that have no ids are numbered."""
    if "functionCall" in part:
        call = part["functionCall"]
        name = text_of(call["name"])
        given = orjson.dumps(call.get("args") or {}).decode()
        signature = part.get("thoughtSignature")
        seal = Seal(GEMINI, text_of(signature)) if signature else None
        own = name_of(call.get("id")) or (
            f"call_{id_}_{number}" if id_ else f"call_{number}_{name}"
        )
        return Call(own, name, given, seal=seal)
    if "inlineData" in part:
        data = part["inlineData"]
        return Image(text_of(data["mimeType"]), text_of(data["data"]))
    if "text" in part or not part or part.keys() <= {"thought", "thoughtSignature"}:
        text = text_of(part.get("text", ""))
        return Thinking(text) if part.get("thought") else Text(text)
    return Opaque(GEMINI, f"content of type '{str(next(iter(part)))[:64]}'", part)


def read_stop(reason: Any, *, called: bool) -> Stop:
    """Why a candidate ended."""
    if called and reason in ("STOP", None):
        return Stop(CALLS)
    return Stop(_REASONS.get(name_of(reason), END))


def read_citations(candidate: Mapping[str, Any]) -> tuple[Citation, ...]:
    """Where a grounded answer comes from."""
    grounding = candidate.get("groundingMetadata")
    chunks = grounding.get("groundingChunks") if isinstance(grounding, Mapping) else None
    cited = []
    for chunk in chunks or ():
        web = chunk.get("web") or NOTHING
        if web.get("uri"):
            url, title = name_of(web["uri"]), name_of(web.get("title"))
            cited.append(Citation(GEMINI, chunk, url, title))
    return tuple(cited)


def read_logprobs(logprobs: Any) -> tuple[Logprob, ...]:
    """The tokens' log-probabilities, where they were asked for."""
    if not isinstance(logprobs, Mapping):
        return ()
    tops = [top.get("candidates") or () for top in logprobs.get("topCandidates") or ()]
    chosen = logprobs.get("chosenCandidates") or ()
    return tuple(
        [
            Logprob(
                name_of(one.get("token")),
                one["logProbability"],
                None,
                tuple(
                    [
                        Logprob(name_of(top.get("token")), top["logProbability"])
                        for top in (tops[number] if number < len(tops) else ())
                        if isinstance(top.get("logProbability"), int | float)
                    ]
                ),
            )
            for number, one in enumerate(chosen)
            if isinstance(one.get("logProbability"), int | float)
        ]
    )
