"""An answer of the script in each protocol's words: whole, or as the events of a stream."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from conformance.scripted.heard import Heard
from conformance.scripted.scripts import Call, Said

Json = dict[str, Any]
INPUT_TOKENS: Final = 21
OUTPUT_TOKENS: Final = 7
_CREATED: Final = 1_790_000_000


def pieces(text: str, size: int = 7) -> Iterator[str]:
    """A text as it is streamed."""
    for start in range(0, len(text), size):
        yield text[start : start + size]


def _identified(kind: str, heard: Heard) -> Json:
    """An id of its own at each step: some clients keep messages by their ids."""
    return {"id": f"{kind}_scripted{len(heard.results)}"}


def _arguments(call: Call) -> str:
    """As functions take them: free text in the one parameter that such a function has."""
    held = {"input": call.arguments} if isinstance(call.arguments, str) else call.arguments
    return json.dumps(held)


# Chat completions.


def _chat_calls(said: Said, step: int) -> list[Json]:
    return [
        {
            "id": f"call_{step}{number}",
            "type": "function",
            "function": {"name": call.name, "arguments": _arguments(call)},
        }
        for number, call in enumerate(said.calls)
    ]


def chat_whole(said: Said, heard: Heard, model: str) -> Json:
    """A chat completion."""
    calls = _chat_calls(said, len(heard.results))
    message: Json = {"role": "assistant", "content": said.text or None, "refusal": None}
    finish = "stop"
    if calls:
        message["tool_calls"], finish = calls, "tool_calls"
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    head = _identified("chatcmpl", heard) | {"object": "chat.completion", "created": _CREATED}
    return head | {"model": model, "choices": [choice], "usage": _chat_usage()}


def _chat_usage() -> Json:
    total = INPUT_TOKENS + OUTPUT_TOKENS
    details = {"cached_tokens": 0}
    return {
        "prompt_tokens": INPUT_TOKENS,
        "completion_tokens": OUTPUT_TOKENS,
        "total_tokens": total,
        "prompt_tokens_details": details,
    }


def chat_events(said: Said, heard: Heard, model: str, body: Json) -> Iterator[Json | str]:
    """The chunks of a chat completion."""
    head = _identified("chatcmpl", heard) | {"object": "chat.completion.chunk"}
    head |= {"created": _CREATED, "model": model}

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
        yield head | {"choices": [], "usage": _chat_usage()}
    yield "[DONE]"


# Anthropic's messages.


def messages_whole(said: Said, heard: Heard, model: str) -> Json:
    """A message."""
    reason = "tool_use" if said.calls else "end_turn"
    usage = {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS}
    head = _identified("msg", heard) | {"type": "message", "role": "assistant", "model": model}
    head |= {"content": _blocks(said, len(heard.results))}
    return head | {"stop_reason": reason, "stop_sequence": None, "usage": usage}


def _blocks(said: Said, step: int) -> list[Json]:
    texts: list[Json] = [{"type": "text", "text": said.text}] if said.text else []
    return texts + [
        {
            "type": "tool_use",
            "id": f"toolu_{step}{number}",
            "name": call.name,
            "input": json.loads(_arguments(call)),
        }
        for number, call in enumerate(said.calls)
    ]


def messages_events(said: Said, heard: Heard, model: str, _body: Json) -> Iterator[Json | str]:
    """The events of a message."""
    whole = messages_whole(said, heard, model)
    usage = {"input_tokens": INPUT_TOKENS, "output_tokens": 1}
    begun = whole | {"content": [], "stop_reason": None, "usage": usage}
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(whole["content"]):
        if block["type"] == "text":
            empty: Json = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
        else:
            empty = block | {"input": {}}
            given = pieces(json.dumps(block["input"]))
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in given]
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    stop = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": OUTPUT_TOKENS}}
    yield {"type": "message_stop"}


# Responses.


def responses_whole(said: Said, heard: Heard, model: str) -> Json:
    """A response."""
    usage = {
        "input_tokens": INPUT_TOKENS,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": OUTPUT_TOKENS,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    }
    return _identified("resp", heard) | {
        "object": "response",
        "created_at": _CREATED,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": model,
        "output": _items(said, heard),
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": usage,
    }


def _items(said: Said, heard: Heard) -> list[Json]:
    step = len(heard.results)
    items: list[Json] = []
    if said.text:
        part = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
        head = {"id": f"msg_{step}", "type": "message", "role": "assistant"}
        items.append(head | {"status": "completed", "content": [part]})
    for number, call in enumerate(said.calls):
        item: Json = {"call_id": f"call_{step}{number}", "name": call.name, "status": "completed"}
        if heard.tools.get(call.name) == "custom":
            given = {"id": f"ctc_{step}{number}", "type": "custom_tool_call"}
            items.append(given | item | {"input": call.arguments})
        else:
            given = {"id": f"fc_{step}{number}", "type": "function_call"}
            items.append(given | item | {"arguments": _arguments(call)})
    return items


def responses_events(said: Said, heard: Heard, model: str, _body: Json) -> Iterator[Json | str]:
    """The events of a response, each with its number."""
    whole = responses_whole(said, heard, model)
    begun = whole | {"status": "in_progress", "output": [], "usage": None}
    told: list[Json] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for index, item in enumerate(whole["output"]):
        told += _item_events(index, item)
    told.append({"type": "response.completed", "response": whole})
    for number, event in enumerate(told):
        yield event | {"sequence_number": number}


_STREAMED: Final = MappingProxyType(
    {
        "function_call": ("arguments", "response.function_call_arguments"),
        "custom_tool_call": ("input", "response.custom_tool_call_input"),
    }
)


def _item_events(index: int, item: Json) -> Iterator[Json]:
    place = {"item_id": item["id"], "output_index": index}
    added = {"type": "response.output_item.added", "output_index": index}
    if item["type"] == "message":
        yield added | {"item": item | {"content": [], "status": "in_progress"}}
        yield from _text_events(place | {"content_index": 0}, item["content"][0])
    else:
        key, name = _STREAMED[item["type"]]
        yield added | {"item": item | {key: "", "status": "in_progress"}}
        for piece in pieces(item[key]):
            yield place | {"type": f"{name}.delta", "delta": piece}
        done = place | {"type": f"{name}.done", key: item[key]}
        yield done | ({"name": item["name"]} if key == "arguments" else {})
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _text_events(place: Json, part: Json) -> Iterator[Json]:
    yield place | {"type": "response.content_part.added", "part": part | {"text": ""}}
    for piece in pieces(part["text"]):
        yield place | {"type": "response.output_text.delta", "delta": piece, "logprobs": []}
    yield place | {"type": "response.output_text.done", "text": part["text"], "logprobs": []}
    yield place | {"type": "response.content_part.done", "part": part}


# Gemini.


def gemini_whole(said: Said, _heard: Heard, model: str) -> Json:
    """A GenerateContentResponse."""
    parts: list[Json] = [{"text": said.text}] if said.text else []
    parts += [
        {"functionCall": {"name": call.name, "args": json.loads(_arguments(call))}}
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


def gemini_events(said: Said, heard: Heard, model: str, _body: Json) -> Iterator[Json | str]:
    """The chunks of a GenerateContentResponse."""
    for piece in pieces(said.text):
        yield _gemini_chunk([{"text": piece}], model)
    called = gemini_whole(Said(calls=said.calls), heard, model)["candidates"][0]["content"]
    yield _gemini_chunk(called["parts"] or [{"text": ""}], model, "STOP")


@dataclass(frozen=True, slots=True)
class Writer:
    """How a protocol says it. Events whose `named` is true carry their type as the event's name."""

    whole: Callable[[Said, Heard, str], Json]
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
