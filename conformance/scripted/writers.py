"""An answer of the script in each protocol's words: whole, or as the events of a stream."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from conformance.scripted.heard import Heard
from conformance.scripted.message_words import messages_events, messages_whole
from conformance.scripted.response_words import responses_events, responses_whole
from conformance.scripted.scripts import Said
from conformance.scripted.words import (
    CREATED,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    Json,
    arguments_of,
    identified,
    pieces,
)

# Chat completions.


def _chat_calls(said: Said, step: int) -> list[Json]:
    return [
        {
            "id": f"call_{step}{number}",
            "type": "function",
            "function": {"name": call.name, "arguments": arguments_of(call)},
        }
        for number, call in enumerate(said.calls)
    ]


def chat_whole(said: Said, heard: Heard, model: str, _body: Json) -> Json:
    """A chat completion."""
    calls = _chat_calls(said, len(heard.results))
    message: Json = {"role": "assistant", "content": said.text or None, "refusal": None}
    finish = "stop"
    if calls:
        message["tool_calls"], finish = calls, "tool_calls"
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    head = identified("chatcmpl", heard) | {"object": "chat.completion", "created": CREATED}
    return head | {"model": model, "choices": [choice], "usage": _chat_usage(said)}


def _chat_usage(said: Said) -> Json:
    total = INPUT_TOKENS + OUTPUT_TOKENS
    details = {"cached_tokens": said.cached}
    return {
        "prompt_tokens": INPUT_TOKENS,
        "completion_tokens": OUTPUT_TOKENS,
        "total_tokens": total,
        "prompt_tokens_details": details,
    }


def chat_events(said: Said, heard: Heard, model: str, body: Json) -> Iterator[Json | str]:
    """The chunks of a chat completion."""
    head = identified("chatcmpl", heard) | {"object": "chat.completion.chunk"}
    head |= {"created": CREATED, "model": model}

    def chunk(delta: Json, finish: str | None = None) -> Json:
        return head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": ""})
    for piece in pieces(said.text):
        yield chunk({"content": piece})
    for number, call in enumerate(_chat_calls(said, len(heard.results))):
        function = call["function"]
        opened = call | {"index": number, "function": function | {"arguments": ""}}
        yield chunk({"tool_calls": [opened]})
        for piece in pieces(function["arguments"]):
            yield chunk({"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
    yield chunk({}, "tool_calls" if said.calls else "stop")
    if (body.get("stream_options") or {}).get("include_usage"):
        yield head | {"choices": [], "usage": _chat_usage(said)}
    yield "[DONE]"


# Gemini.


def gemini_whole(said: Said, _heard: Heard, model: str, _body: Json) -> Json:
    """A GenerateContentResponse."""
    parts: list[Json] = [{"text": said.text}] if said.text else []
    parts += [
        {"functionCall": {"name": call.name, "args": json.loads(arguments_of(call))}}
        for call in said.calls
    ]
    return _gemini_chunk(parts, model, "STOP")


def _gemini_chunk(parts: list[Json], model: str, finish: str | None = None) -> Json:
    candidate: Json = {"content": {"role": "model", "parts": parts}, "index": 0}
    usage = {
        "promptTokenCount": INPUT_TOKENS,
        "candidatesTokenCount": OUTPUT_TOKENS,
        "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS,
    }
    if finish:
        candidate["finishReason"] = finish
    head = {"responseId": "gemini-scripted", "modelVersion": model}
    return head | {"candidates": [candidate], "usageMetadata": usage}


def gemini_events(said: Said, heard: Heard, model: str, body: Json) -> Iterator[Json | str]:
    """The chunks of a GenerateContentResponse."""
    for piece in pieces(said.text):
        yield _gemini_chunk([{"text": piece}], model)
    called = gemini_whole(Said(calls=said.calls), heard, model, body)["candidates"][0]["content"]
    yield _gemini_chunk(called["parts"] or [{"text": ""}], model, "STOP")


@dataclass(frozen=True, slots=True)
class Writer:
    """How a protocol says it. Events whose `named` is true carry their type as the event's name."""

    whole: Callable[[Said, Heard, str, Json], Json]
    events: Callable[[Said, Heard, str, Json], Iterator[Json | str]]
    named: bool = False


WRITERS: Final[Mapping[str, Writer]] = MappingProxyType(
    {
        "chat": Writer(chat_whole, chat_events),
        "responses": Writer(responses_whole, responses_events, named=True),
        "messages": Writer(messages_whole, messages_events, named=True),
        "gemini": Writer(gemini_whole, gemini_events),
    }
)
