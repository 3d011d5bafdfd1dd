"""What the simulator says to responses: made up from the request, the same as it says to a chat.

Where effort is asked for, a thought comes first, with a seal that it recognizes: it answers 400 to
reasoning that it did not seal, as the real servers do.
"""

import time
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from router.protocols.sse import encode
from router.simulator.answer import SimulatedAnswer, compose, prompt_tokens
from router.simulator.exchange import SimulatedExchange
from router.simulator.faults import Fault

SEAL: Final = "c2ltdWxhdGVk"
_MARKED: Final = (("x-simulated", "true"),)
_THOUGHT: Final = "A real model would think now."
Told = Iterator[tuple[str, dict[str, Any]]]


async def respond(
    body: dict[str, Any], head: dict[str, Any], fault: Fault, exchange: SimulatedExchange
) -> None:
    """Answer POST /v1/responses, whole or streamed."""
    foreign = [item for item in _items(body) if item.get("encrypted_content", SEAL) != SEAL]
    if foreign:
        error = {"message": "The encrypted content could not be verified.", "param": "input"}
        await exchange.reply(400, {"error": error | {"type": "invalid_request_error"}})
        return
    answer = compose(_as_chat(body), f"simulated {head['model'].removeprefix('simulated-')}", 0)
    output = list(_output(body, answer))
    response = _response(body, head, output, answer, fault)
    if body.get("stream"):
        await _stream(response, answer, fault, exchange)
    else:
        await exchange.reply(200, response, _MARKED)


async def compact(
    body: dict[str, Any], head: dict[str, Any], fault: Fault, exchange: SimulatedExchange
) -> None:
    """Answer POST /v1/responses/compact: what users said, and an item that stands for the rest."""
    answer = compose(_as_chat(body), f"simulated {head['model'].removeprefix('simulated-')}", 0)
    seed = f"{zlib.crc32(orjson.dumps(body)):08x}"
    rest = {"type": "compaction", "id": f"cmp_{seed}", "encrypted_content": SEAL}
    said = [item for item in _items(body) if item.get("role") == "user"]
    compacted = {
        "id": f"resp_simulated_{time.time_ns():x}",
        "object": "response.compaction",
        "created_at": int(time.time()),
        "output": [*said, rest],
        "usage": _usage(body, [rest], answer, fault),
    }
    await exchange.reply(200, compacted, _MARKED)


def _items(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    given = body.get("input")
    return given if isinstance(given, list) else [{"role": "user", "content": given}]


def _as_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    """The request as the simulator composes answers: its messages, tools and format."""
    items = _items(body)
    messages: list[Any] = [{"role": "system", "content": body.get("instructions")}, *items]
    if str(items[-1].get("type")).endswith("_output"):
        messages[-1] = {"role": "tool", **items[-1]}
    form = (body.get("text") or {}).get("format") or {}
    return {
        "messages": messages,
        "tools": [{"function": tool} for tool in body.get("tools") or () if "name" in tool],
        "tool_choice": body.get("tool_choice"),
        "response_format": {"type": form.get("type"), "json_schema": form},
        "max_tokens": body.get("max_output_tokens"),
    }


def _output(body: Mapping[str, Any], answer: SimulatedAnswer) -> Iterator[dict[str, Any]]:
    seed = f"{zlib.crc32(orjson.dumps(body)):08x}"
    if (body.get("reasoning") or {}).get("effort"):
        summary = [{"type": "summary_text", "text": _THOUGHT}]
        yield {
            "type": "reasoning",
            "id": f"rs_{seed}",
            "summary": summary,
            "encrypted_content": SEAL,
        }
    if not answer.calls:
        content = {"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}
        status = "incomplete" if answer.finish == "length" else "completed"
        yield {
            "type": "message",
            "id": f"msg_{seed}",
            "role": "assistant",
            "status": status,
            "content": [content],
        }
    custom = {tool.get("name") for tool in body.get("tools") or () if tool["type"] == "custom"}
    for call in answer.calls:
        function = call["function"]
        item = {"call_id": call["id"], "name": function["name"], "status": "completed"}
        if function["name"] in custom:
            yield item | {"type": "custom_tool_call", "id": f"ctc_{seed}", "input": "simulated"}
        else:
            arguments = function["arguments"]
            yield item | {"type": "function_call", "id": f"fc_{seed}", "arguments": arguments}


def _response(
    body: Mapping[str, Any],
    head: Mapping[str, Any],
    output: list[dict[str, Any]],
    answer: SimulatedAnswer,
    fault: Fault,
) -> dict[str, Any]:
    cut = answer.finish == "length"
    told = {name: body.get(name) for name in ("instructions", "metadata", "reasoning", "text")}
    return {
        "id": f"resp_simulated_{time.time_ns():x}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "incomplete" if cut else "completed",
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "model": head["model"],
        "output": output,
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "store": body.get("store", True),
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools", []),
        "usage": _usage(body, output, answer, fault),
        **told,
    }


def _usage(
    body: Mapping[str, Any], output: list[dict[str, Any]], answer: SimulatedAnswer, fault: Fault
) -> dict[str, Any] | None:
    prompt = prompt_tokens({"messages": [body.get("instructions"), body.get("input")]})
    thought = 8 if output and output[0]["type"] == "reasoning" else 0
    made = len(answer.tokens) + sum(len(str(call)) // 8 for call in answer.calls) + thought
    counted = fault.usage({"prompt_tokens": prompt, "completion_tokens": made})
    if counted is None:
        return None
    given, used = counted["prompt_tokens"], counted["completion_tokens"]
    return {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": used,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": given + used,
    }


async def _stream(
    response: dict[str, Any], answer: SimulatedAnswer, fault: Fault, exchange: SimulatedExchange
) -> None:
    await exchange.begin_stream()
    said = 0
    for number, (kind, fields) in enumerate(_events(response, answer)):
        if kind.endswith(".delta"):
            said += 1
            if fault.midway is not None and said == 2:
                await fault.midway(exchange)
        event = {"type": kind, "sequence_number": number, **fields}
        await exchange.write(encode(orjson.dumps(event), kind.encode()))
    await exchange.write(b"", more=False)


def _events(response: dict[str, Any], answer: SimulatedAnswer) -> Told:
    begun = response | {"status": "in_progress", "output": [], "usage": None}
    begun["incomplete_details"] = None
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    for index, item in enumerate(response["output"]):
        place, names = {"output_index": index}, {"output_index": index, "item_id": item["id"]}
        kind = item["type"]
        if kind == "reasoning":
            yield (
                "response.output_item.added",
                place | {"item": {"type": kind, "id": item["id"], "summary": []}},
            )
            yield from _summary(item, names)
        elif kind == "message":
            yield "response.output_item.added", place | {"item": _empty(item, "content", [])}
            yield from _text(item, names | {"content_index": 0}, answer.tokens)
        else:
            field = "input" if kind == "custom_tool_call" else "arguments"
            yield "response.output_item.added", place | {"item": _empty(item, field, "")}
            yield from _call(item, names, field)
        yield "response.output_item.done", place | {"item": item}
    yield f"response.{response['status']}", {"response": response}


def _empty(item: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
    return item | {"status": "in_progress", field: value}


def _summary(item: dict[str, Any], names: dict[str, Any]) -> Told:
    (part,) = item["summary"]
    names = names | {"summary_index": 0}
    before = "response.reasoning_summary_"
    yield before + "part.added", names | {"part": part | {"text": ""}}
    yield before + "text.delta", names | {"delta": part["text"]}
    yield before + "text.done", names | {"text": part["text"]}
    yield before + "part.done", names | {"part": part}


def _text(item: dict[str, Any], names: dict[str, Any], tokens: tuple[str, ...]) -> Told:
    (part,) = item["content"]
    yield "response.content_part.added", names | {"part": part | {"text": ""}}
    for token in tokens:
        yield "response.output_text.delta", names | {"delta": token, "logprobs": []}
    yield "response.output_text.done", names | {"text": part["text"], "logprobs": []}
    yield "response.content_part.done", names | {"part": part}


def _call(item: dict[str, Any], names: dict[str, Any], field: str) -> Told:
    before = "response.function_call_arguments."
    if field == "input":
        before = "response.custom_tool_call_input."
    for start in range(0, len(item[field]), 8):
        yield before + "delta", names | {"delta": item[field][start : start + 8]}
    yield before + "done", names | {field: item[field], "name": item["name"]}
