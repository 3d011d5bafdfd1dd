"""An answer of the script in the words of OpenAI's responses."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from conformance.scripted.heard import Heard
from conformance.scripted.scripts import SEAL, SOURCE, Said
from conformance.scripted.words import (
    CREATED,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    Json,
    arguments_of,
    identified,
    pieces,
)

# What a response tells back of its request, and what it is where the request says nothing.
_TOLD_BACK: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "background": False,
        "frequency_penalty": 0.0,
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "presence_penalty": 0.0,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": None,
        "safety_identifier": None,
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
    }
)
_FUNCTION: Final = MappingProxyType({"description": None, "parameters": None, "strict": True})


def responses_whole(said: Said, heard: Heard, model: str, body: Json) -> Json:
    """A response."""
    usage = {
        "input_tokens": INPUT_TOKENS,
        "input_tokens_details": {"cached_tokens": said.cached},
        "output_tokens": OUTPUT_TOKENS,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    }
    told = {key: body.get(key, value) for key, value in _TOLD_BACK.items()}
    if (told["text"].get("format") or {}).get("type") == "json_schema":
        told["text"] = told["text"] | {"format": {"description": None} | told["text"]["format"]}
    tools = [
        (dict(_FUNCTION) if tool.get("type") == "function" else {}) | tool
        for tool in body.get("tools") or ()
    ]
    return identified("resp", heard) | {
        "object": "response",
        "created_at": CREATED,
        "completed_at": CREATED + 1,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": _items(said, heard, body),
        "tools": tools,
        "usage": usage,
        **told,
    }


def _items(said: Said, heard: Heard, body: Json) -> list[Json]:
    step = len(heard.results)
    items: list[Json] = list(_before(said, body))
    if said.text:
        cited = [_citation(said.text)] if said.search else []
        part = {"type": "output_text", "text": said.text, "annotations": cited, "logprobs": []}
        head = {"id": f"msg_{step}", "type": "message", "role": "assistant"}
        items.append(head | {"status": "completed", "content": [part]})
    for number, call in enumerate(said.calls):
        item: Json = {"call_id": f"call_{step}{number}", "name": call.name, "status": "completed"}
        if heard.tools.get(call.name) == "custom":
            given = {"id": f"ctc_{step}{number}", "type": "custom_tool_call"}
            items.append(given | item | {"input": call.arguments})
        else:
            given = {"id": f"fc_{step}{number}", "type": "function_call"}
            items.append(given | item | {"arguments": arguments_of(call)})
    return items


def _before(said: Said, body: Json) -> Iterator[Json]:
    """A thought, sealed where that was asked for; a search that the server made."""
    if said.thought:
        summary = [{"type": "summary_text", "text": said.thought}]
        sealed = "reasoning.encrypted_content" in (body.get("include") or ())
        item = {"id": "rs_0", "type": "reasoning", "summary": summary}
        yield item | ({"encrypted_content": SEAL} if sealed else {})
    if said.search:
        action = {"type": "search", "query": said.search, "queries": [said.search]}
        item = {"id": "ws_0", "type": "web_search_call", "status": "completed"}
        yield item | {"action": action}


def _citation(text: str) -> Json:
    place = {"start_index": 0, "end_index": len(text)}
    return {"type": "url_citation", "url": SOURCE, "title": "Ada", **place}


def responses_events(said: Said, heard: Heard, model: str, body: Json) -> Iterator[Json | str]:
    """The events of a response, each with its number."""
    whole = responses_whole(said, heard, model, body)
    begun = whole | {"status": "in_progress", "output": [], "usage": None, "completed_at": None}
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
    elif item["type"] == "reasoning":
        yield added | {"item": item | {"summary": []}}
        yield from _thought_events(place | {"summary_index": 0}, item["summary"][0])
    elif item["type"] == "web_search_call":
        yield added | {"item": item | {"status": "in_progress"}}
        for state in ("in_progress", "searching", "completed"):
            yield place | {"type": f"response.web_search_call.{state}"}
    else:
        key, name = _STREAMED[item["type"]]
        yield added | {"item": item | {key: "", "status": "in_progress"}}
        for piece in pieces(item[key]):
            yield place | {"type": f"{name}.delta", "delta": piece}
        done = place | {"type": f"{name}.done", key: item[key]}
        yield done | ({"name": item["name"]} if key == "arguments" else {})
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _text_events(place: Json, part: Json) -> Iterator[Json]:
    begun = part | {"text": "", "annotations": []}
    yield place | {"type": "response.content_part.added", "part": begun}
    for piece in pieces(part["text"]):
        yield place | {"type": "response.output_text.delta", "delta": piece, "logprobs": []}
    for number, annotation in enumerate(part["annotations"]):
        told = {"annotation_index": number, "annotation": annotation}
        yield place | {"type": "response.output_text.annotation.added", **told}
    yield place | {"type": "response.output_text.done", "text": part["text"], "logprobs": []}
    yield place | {"type": "response.content_part.done", "part": part}


def _thought_events(place: Json, part: Json) -> Iterator[Json]:
    name = "response.reasoning_summary"
    yield place | {"type": f"{name}_part.added", "part": part | {"text": ""}}
    for piece in pieces(part["text"]):
        yield place | {"type": f"{name}_text.delta", "delta": piece}
    yield place | {"type": f"{name}_text.done", "text": part["text"]}
    yield place | {"type": f"{name}_part.done", "part": part}
