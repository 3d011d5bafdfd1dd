"""Wire shapes of responses, written from OpenAI's public documentation."""

from typing import Any

from wire_shape import Shape, named


def _responses(items: list[dict[str, Any]], usage: dict[str, Any], why: str = "") -> Shape:
    status = "incomplete" if why else "completed"
    head = {"id": "resp_1", "object": "response", "created_at": 1, "model": "served-model"}
    head |= {"error": None, "incomplete_details": None, "tools": [], "tool_choice": "auto"}
    begun = head | {"status": "in_progress", "output": [], "usage": None}
    details = {"reason": why} if why else None
    whole = head | {"status": status, "incomplete_details": details, "output": items}
    whole |= {"usage": usage, "parallel_tool_calls": True}
    told: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for index, item in enumerate(items):
        told += _responses_item(index, item)
    told.append({"type": f"response.{status}", "response": whole})
    numbered = [event | {"sequence_number": number} for number, event in enumerate(told)]
    return Shape(whole, named(*numbered))


def _responses_item(index: int, item: dict[str, Any]) -> list[dict[str, Any]]:
    names = {"item_id": item["id"], "output_index": index}
    place = {"output_index": index}
    kind = item["type"]
    if kind == "message":
        part = item["content"][0]
        half = len(part["text"]) // 2
        empty: dict[str, Any] = item | {"content": [], "status": "in_progress"}
        content = names | {"content_index": 0}
        inner = [
            {"type": "response.content_part.added", **content, "part": part | {"text": ""}},
            *(
                {"type": "response.output_text.delta", **content, "delta": delta, "logprobs": []}
                for delta in (part["text"][:half], part["text"][half:])
            ),
            {"type": "response.output_text.done", **content, "text": part["text"], "logprobs": []},
            {"type": "response.content_part.done", **content, "part": part},
        ]
    elif kind == "reasoning":
        empty = {"type": kind, "id": item["id"], "summary": []}
        section = item["summary"][0]
        summary = names | {"summary_index": 0}
        before = "response.reasoning_summary_"
        inner = [
            {"type": before + "part.added", **summary, "part": section | {"text": ""}},
            {"type": before + "text.delta", **summary, "delta": section["text"]},
            {"type": before + "text.done", **summary, "text": section["text"]},
            {"type": before + "part.done", **summary, "part": section},
        ]
    else:
        empty = item | {"arguments": "", "status": "in_progress"}
        given = item["arguments"]
        before = "response.function_call_arguments."
        inner = [
            *(
                {"type": before + "delta", **names, "delta": delta}
                for delta in (given[:5], given[5:])
            ),
            {"type": before + "done", **names, "arguments": given},
        ]
    return [
        {"type": "response.output_item.added", **place, "item": empty},
        *inner,
        {"type": "response.output_item.done", **place, "item": item},
    ]


def _said(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
    return message | {"content": content}


def _called(number: int, city: str) -> dict[str, Any]:
    return {
        "type": "function_call",
        "id": f"fc_{number}",
        "call_id": f"call_{number}",
        "name": "weather",
        "arguments": f'{{"city":"{city}"}}',
        "status": "completed",
    }


RESPONSES = {
    "text": _responses(
        [_said("Hello there.")],
        {
            "input_tokens": 20,
            "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 0},
            "output_tokens": 4,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 24,
        },
    ),
    "tools": _responses(
        [
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "Two cities."}],
                "encrypted_content": "c2VhbGVk",
            },
            _called(0, "Oslo"),
            _called(1, "Rome"),
        ],
        {
            "input_tokens": 50,
            "output_tokens": 30,
            "output_tokens_details": {"reasoning_tokens": 6},
            "total_tokens": 80,
        },
    ),
    "length": _responses(
        [_said("Once upon")],
        {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12},
        "max_output_tokens",
    ),
}
