"""Gemini's answers, whole and streamed, in OpenAI's shape.

A stream is a row of GenerateContentResponse objects: each holds the next parts of its candidates,
the last ones a finishReason; usageMetadata is told again and again, the last time counts. There is
no closing event: the server just closes.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from router.ask import Ask
from router.backends.dialects.base import ErrorInside, Reply
from router.backends.dialects.chunks import ChunkStream, choice, completion, tool_call
from router.backends.dialects.usage import count, estimate_output, estimate_usage, is_impossible
from router.domain import Usage

_FINISH: Final = MappingProxyType(
    {
        "STOP": "stop",
        "MAX_TOKENS": "length",
        "SAFETY": "content_filter",
        "RECITATION": "content_filter",
        "BLOCKLIST": "content_filter",
        "PROHIBITED_CONTENT": "content_filter",
        "SPII": "content_filter",
        "IMAGE_SAFETY": "content_filter",
    }
)


def read_response(body: dict[str, Any], request: Ask) -> Reply:
    """A whole response as a chat completion; ErrorInside where it is an error."""
    refuse_error(body)
    candidates = _candidates(body)
    choices = [_choice(candidate) for candidate in candidates]
    usage = read_usage(body.get("usageMetadata"), request)
    if usage is None:
        usage = estimate_usage(request, estimate_output(len(orjson.dumps(candidates))))
    model = body.get("modelVersion")
    whole = completion(body.get("responseId", "chatcmpl-turnout"), model, choices, usage)
    return Reply(orjson.dumps(whole), usage, model)


def refuse_error(told: Mapping[str, Any]) -> None:
    """Raise ErrorInside where this is `{"error": {...}}`."""
    error = told.get("error")
    if error:
        status = error.get("code")
        known = isinstance(status, int) and 400 <= status <= 599
        raise ErrorInside(str(error.get("message", "an error"))[:500], status if known else 502)


def read_usage(usage: Any, request: Ask) -> Usage | None:
    """usageMetadata: thoughts are told beside the candidates' tokens and are output too."""
    if not isinstance(usage, Mapping):
        return None
    prompt = count(usage.get("promptTokenCount"))
    if prompt is None:
        return None
    prompt += count(usage.get("toolUsePromptTokenCount")) or 0
    thought = count(usage.get("thoughtsTokenCount")) or 0
    said = count(usage.get("candidatesTokenCount")) or 0
    total = count(usage.get("totalTokenCount")) or 0
    output = max(said + thought, total - prompt)
    if is_impossible(output, request):
        return None
    cached = min(count(usage.get("cachedContentTokenCount")) or 0, prompt)
    return Usage(prompt, output, cached, min(thought, output))


def _candidates(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The candidates; a blocked prompt has none, which is told as one that was filtered."""
    candidates: list[dict[str, Any]] = body.get("candidates") or []
    if not candidates and (body.get("promptFeedback") or {}).get("blockReason"):
        return [{"finishReason": "SAFETY", "content": {"parts": []}}]
    return candidates


def _parts(candidate: Mapping[str, Any]) -> list[dict[str, Any]]:
    return (candidate.get("content") or {}).get("parts") or []


def _call(part: Mapping[str, Any], number: int) -> dict[str, Any]:
    call = part["functionCall"]
    given = orjson.dumps(call.get("args") or {}).decode()
    more = {}
    if part.get("thoughtSignature"):
        more["extra_content"] = {"google": {"thought_signature": part["thoughtSignature"]}}
    return tool_call(call.get("id") or f"call_{number}_{call['name']}", call["name"], given, **more)


def _choice(candidate: Mapping[str, Any]) -> dict[str, Any]:
    text, reasoning = "", ""
    called: list[dict[str, Any]] = []
    for part in _parts(candidate):
        if "functionCall" in part:
            called.append(_call(part, len(called)))
        elif part.get("thought"):
            reasoning += part.get("text", "")
        else:
            text += part.get("text", "")
    finish = _finish(candidate.get("finishReason"), bool(called))
    return choice(candidate.get("index", 0), text, reasoning, called, finish)


def _finish(reason: Any, called: bool) -> str:
    if called and reason in ("STOP", None):
        return "tool_calls"
    return _FINISH.get(reason or "", "stop")


class GeminiStream(ChunkStream):
    """One streamed response."""

    def __init__(self, request: Ask) -> None:
        super().__init__(request)
        self._called: dict[int, int] = {}  # choice -> tool calls so far

    def _take(self, told: dict[str, Any]) -> None:
        refuse_error(told)
        self.model = told.get("modelVersion") or self.model
        self._id = told.get("responseId") or self._id
        usage = read_usage(told.get("usageMetadata"), self._request)
        if usage is not None:
            self.usage = usage
        for index, candidate in self._numbered(told):
            for part in _parts(candidate):
                self._part(index, part)
            reason = candidate.get("finishReason")
            if reason:
                self._stop(index, _finish(reason, bool(self._called.get(index))))

    @staticmethod
    def _numbered(told: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
        for candidate in _candidates(told):
            yield candidate.get("index", 0), candidate

    def _part(self, index: int, part: Mapping[str, Any]) -> None:
        if "functionCall" in part:
            number = self._called.get(index, 0)
            self._called[index] = number + 1
            self._call(index, number, _call(part, number))
        elif part.get("thought"):
            self._reasoning(index, part.get("text", ""))
        else:
            self._text(index, part.get("text", ""))
