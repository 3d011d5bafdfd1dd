"""Wire shapes of each dialect, written from the providers' public documentation.

Every dialect tells the same four stories: a text, a pair of parallel tool calls after some
reasoning, an answer that ran out of tokens, and an error. The contract suite holds all of them to
one outcome. `whole` is the JSON body, `stream` the bytes of the stream.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from responses_shapes import RESPONSES
from wire_shape import Shape, named, ndjson, sse


def _openai(
    message: dict[str, Any], deltas: list[dict[str, Any]], finish: str, usage: Any
) -> Shape:
    head = {"id": "chatcmpl-1", "created": 1, "model": "served-model"}
    choice = {"index": 0, "message": {"role": "assistant"} | message, "finish_reason": finish}
    whole = head | {"object": "chat.completion", "choices": [choice], "usage": usage}
    piece = head | {"object": "chat.completion.chunk", "usage": None}
    chunks: list[Any] = [
        piece | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in [{"role": "assistant", "content": ""}, *deltas]
    ]
    chunks.append(piece | {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    chunks.append(piece | {"choices": [], "usage": usage})
    return Shape(whole, sse(*chunks, b"[DONE]"))


def _call(number: int, name: str, city: str) -> dict[str, Any]:
    function = {"name": name, "arguments": f'{{"city":"{city}"}}'}
    return {"id": f"call_{number}", "type": "function", "function": function}


OPENAI = {
    "text": _openai(
        {"content": "Hello there."},
        [{"content": "Hello"}, {"content": " there."}],
        "stop",
        {
            "prompt_tokens": 20,
            "completion_tokens": 4,
            "total_tokens": 24,
            "prompt_tokens_details": {"cached_tokens": 8},
        },
    ),
    "tools": _openai(
        {
            "content": None,
            "reasoning_content": "Two cities.",
            "tool_calls": [_call(0, "weather", "Oslo"), _call(1, "weather", "Rome")],
        },
        [
            {"reasoning_content": "Two cities."},
            {"tool_calls": [{"index": 0, **_call(0, "weather", "Oslo")}]},
            {"tool_calls": [{"index": 1, **_call(1, "weather", "Rome")}]},
        ],
        "tool_calls",
        {
            "prompt_tokens": 50,
            "completion_tokens": 30,
            "total_tokens": 80,
            "completion_tokens_details": {"reasoning_tokens": 6},
        },
    ),
    "length": _openai(
        {"content": "Once upon"},
        [{"content": "Once upon"}],
        "length",
        {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
    ),
}


def _anthropic(blocks: list[dict[str, Any]], reason: str, usage: dict[str, Any]) -> Shape:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "served-model",
        "stop_sequence": None,
    }
    whole = message | {"content": blocks, "stop_reason": reason, "usage": usage}
    begun = message | {"content": [], "stop_reason": None, "usage": usage | {"output_tokens": 1}}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": begun}, {"type": "ping"}]
    for index, block in enumerate(blocks):
        events += _anthropic_block(index, block)
    delta = {"stop_reason": reason, "stop_sequence": None}
    final = {key: value for key, value in usage.items() if key.startswith("output")}
    events.append({"type": "message_delta", "delta": delta, "usage": final})
    events.append({"type": "message_stop"})
    return Shape(whole, named(*events))


def _anthropic_block(index: int, block: dict[str, Any]) -> list[dict[str, Any]]:
    kind = block["type"]
    if kind == "tool_use":
        given = orjson.dumps(block["input"]).decode()
        empty: dict[str, Any] = block | {"input": {}}
        deltas = [
            {"type": "input_json_delta", "partial_json": part}
            for part in ("", given[:5], given[5:])
        ]
    elif kind == "thinking":
        empty = {"type": "thinking", "thinking": "", "signature": ""}
        deltas = [
            {"type": "thinking_delta", "thinking": block["thinking"]},
            {"type": "signature_delta", "signature": block["signature"]},
        ]
    else:
        empty = {"type": "text", "text": ""}
        half = len(block["text"]) // 2
        deltas = [
            {"type": "text_delta", "text": part}
            for part in (block["text"][:half], block["text"][half:])
        ]
    return [
        {"type": "content_block_start", "index": index, "content_block": empty},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


ANTHROPIC = {
    "text": _anthropic(
        [{"type": "text", "text": "Hello there."}],
        "end_turn",
        {
            "input_tokens": 12,
            "cache_read_input_tokens": 8,
            "cache_creation_input_tokens": 0,
            "output_tokens": 4,
        },
    ),
    "tools": _anthropic(
        [
            {"type": "thinking", "thinking": "Two cities.", "signature": "c2lnbmVk"},
            {"type": "tool_use", "id": "call_0", "name": "weather", "input": {"city": "Oslo"}},
            {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Rome"}},
        ],
        "tool_use",
        {
            "input_tokens": 50,
            "output_tokens": 30,
            "output_tokens_details": {"thinking_tokens": 6},
        },
    ),
    "length": _anthropic(
        [{"type": "text", "text": "Once upon"}],
        "max_tokens",
        {"input_tokens": 10, "output_tokens": 2},
    ),
}


def _gemini(parts: list[dict[str, Any]], reason: str, usage: dict[str, Any]) -> Shape:
    head = {"modelVersion": "served-model", "responseId": "r1"}
    content = {"role": "model", "parts": parts}
    candidate = {"content": content, "finishReason": reason, "index": 0}
    whole = head | {"candidates": [candidate], "usageMetadata": usage}
    events: list[dict[str, Any]] = []
    for part in parts[:-1]:
        piece = {"content": {"role": "model", "parts": [part]}, "index": 0}
        early = {"promptTokenCount": usage["promptTokenCount"], "totalTokenCount": 0}
        events.append(head | {"candidates": [piece], "usageMetadata": early})
    last = candidate | {"content": {"role": "model", "parts": parts[-1:]}}
    events.append(head | {"candidates": [last], "usageMetadata": usage})
    return Shape(whole, sse(*events))


def _function_call(number: int, city: str) -> dict[str, Any]:
    return {"functionCall": {"id": f"call_{number}", "name": "weather", "args": {"city": city}}}


GEMINI = {
    "text": _gemini(
        [{"text": "Hello"}, {"text": " there."}],
        "STOP",
        {
            "promptTokenCount": 20,
            "candidatesTokenCount": 4,
            "totalTokenCount": 24,
            "cachedContentTokenCount": 8,
        },
    ),
    "tools": _gemini(
        [
            {"text": "Two cities.", "thought": True},
            _function_call(0, "Oslo") | {"thoughtSignature": "c2lnbmVk"},
            _function_call(1, "Rome"),
        ],
        "STOP",
        {
            "promptTokenCount": 50,
            "candidatesTokenCount": 24,
            "thoughtsTokenCount": 6,
            "totalTokenCount": 80,
        },
    ),
    "length": _gemini(
        [{"text": "Once upon"}],
        "MAX_TOKENS",
        {"promptTokenCount": 10, "candidatesTokenCount": 2, "totalTokenCount": 12},
    ),
}


def _ollama(
    message: dict[str, Any], pieces: list[dict[str, Any]], reason: str, prompt: int, output: int
) -> Shape:
    """Durations are in nanoseconds; every line has an instant of its own."""
    head = {"model": "served-model", "created_at": "2026-11-30T12:00:00.123456789Z"}
    counts = {"prompt_eval_count": prompt, "eval_count": output}
    spent = {
        "total_duration": 5191566416,
        "load_duration": 2154458,
        "prompt_eval_duration": 383809000,
        "eval_duration": 4799921000,
    }
    last = {"done": True, "done_reason": reason} | spent | counts
    lines: list[dict[str, Any]] = [
        head | {"message": {"role": "assistant", "content": ""} | piece, "done": False}
        for piece in pieces
    ]
    lines.append(head | {"message": {"role": "assistant", "content": ""}} | last)
    whole = head | {"message": {"role": "assistant", "content": ""} | message} | last
    return Shape(whole, ndjson(*lines))


def _ollama_call(number: int, city: str) -> dict[str, Any]:
    function = {"index": number, "name": "weather", "arguments": {"city": city}}
    return {"id": f"call_{number}", "function": function}


# Neither cached tokens nor those of thoughts are told.
OLLAMA = {
    "text": _ollama(
        {"content": "Hello there."}, [{"content": "Hello"}, {"content": " there."}], "stop", 20, 4
    ),
    "tools": _ollama(
        {
            "thinking": "Two cities.",
            "tool_calls": [_ollama_call(0, "Oslo"), _ollama_call(1, "Rome")],
        },
        [
            {"thinking": "Two "},
            {"thinking": "cities."},
            {"tool_calls": [_ollama_call(0, "Oslo")]},
            {"tool_calls": [_ollama_call(1, "Rome")]},
        ],
        "stop",
        50,
        30,
    ),
    "length": _ollama({"content": "Once upon"}, [{"content": "Once upon"}], "length", 10, 2),
}


def _replicate(output: list[str], metrics: dict[str, Any]) -> Shape:
    whole = {
        "id": "p1",
        "model": "served-model",
        "version": "hidden",
        "status": "succeeded",
        "error": None,
        "logs": "",
        "output": output,
        "metrics": {"predict_time": 0.4, "total_time": 0.5} | metrics,
        "urls": {"get": "https://host/v1/predictions/p1", "stream": "https://stream/p1"},
    }
    return Shape(whole, orjson.dumps(whole))


# No tools, no cached tokens, no reason why it ended: one story, and its stream is its body.
REPLICATE = {
    "text": _replicate(
        ["Hello", " there", "."], {"input_token_count": 20, "output_token_count": 4}
    ),
}
SHAPES: Mapping[str, Mapping[str, Shape]] = {
    "openai": OPENAI,
    "anthropic": ANTHROPIC,
    "gemini": GEMINI,
    "ollama": OLLAMA,
    "replicate": REPLICATE,
    "vertex-anthropic": ANTHROPIC,
    "responses": RESPONSES,
}
ERRORS: Mapping[str, tuple[bytes, ...]] = {
    "openai": (
        b'{"error":{"message":"bad thing","type":"invalid_request_error","param":null}}',
        b'{"error":{"code":400,"message":"bad thing","type":"invalid_request_error"}}',
        b'[{"error":{"code":400,"message":"bad thing","status":"INVALID_ARGUMENT"}}]',
    ),
    "anthropic": (
        b'{"type":"error","error":{"type":"invalid_request_error","message":"bad thing"},'
        b'"request_id":"req_1"}',
    ),
    "gemini": (
        b'{"error":{"code":400,"message":"bad thing","status":"INVALID_ARGUMENT"}}',
        b'[{"error":{"code":400,"message":"bad thing","status":"INVALID_ARGUMENT"}}]',
    ),
    "ollama": (b'{"error":"bad thing"}', b'{"error":{"message":"bad thing"}}'),
    "replicate": (b'{"title":"Invalid input","detail":"bad thing","status":422}',),
    "vertex-anthropic": (
        b'{"type":"error","error":{"type":"invalid_request_error","message":"bad thing"}}',
        b'[{"error":{"code":400,"message":"bad thing","status":"FAILED_PRECONDITION"}}]',
    ),
    "responses": (
        b'{"error":{"message":"bad thing","type":"invalid_request_error","param":"input"}}',
    ),
}
ERROR_EVENTS: Mapping[str, bytes] = {
    "openai": b'data: {"error":{"message":"overloaded","code":503}}\n\n',
    "anthropic": (
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error",'
        b'"message":"overloaded"}}\n\n'
    ),
    "gemini": b'data: {"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}\n\n',
    "ollama": b'{"error":"overloaded"}\n',
    "replicate": b'{"id":"p1","status":"failed","output":null,"error":"overloaded"}',
    "vertex-anthropic": (
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error",'
        b'"message":"overloaded"}}\n\n'
    ),
    "responses": (
        b'event: error\ndata: {"type":"error","sequence_number":2,"error":{"type":"server_error",'
        b'"code":"server_error","message":"overloaded","param":null}}\n\n'
    ),
}
