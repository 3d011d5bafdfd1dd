"""Anthropic's Messages API: how a chat request is asked there.

Mapping, OpenAI's on the left:
    system, developer            `system`, joined
    tool messages                `tool_result` blocks of a user turn
    tool_calls                   `tool_use` blocks
    image_url                    `image` blocks, base64 or url
    max_tokens (or none)         `max_tokens` (or MAX_TOKENS: the API demands one)
    response_format json_schema  `output_config.format`
    reasoning_effort             `output_config.effort`
    user                         `metadata.user_id`
    n > 1, audio, files, hosted tools   cannot be said: another backend is asked
"""

from types import MappingProxyType
from typing import Any, Final

import orjson

from router.ask import Ask
from router.backends.backend import Backend, Deployment
from router.backends.dialects.anthropic_reply import AnthropicStream, read_message
from router.backends.dialects.base import EVENT_STREAM, Failure, Reply, Translator
from router.backends.dialects.chunks import parse_reply
from router.backends.dialects.conversation import (
    Image,
    Unsupported,
    calls,
    chosen_tool,
    functions,
    parts,
    stops,
    system_text,
    text_of,
    turns,
    wanted_schema,
)
from router.backends.dialects.failure import read_failure
from router.backends.transport.transport import Call, Target

VERSION: Final = "2023-06-01"
MAX_TOKENS: Final = 8192
_PASSED_ON: Final = ("temperature", "top_p", "top_k", "stream", "thinking", "service_tier")
_TOOL_CHOICES: Final = MappingProxyType(
    {"auto": "auto", "none": "none", "required": "any", "function": "tool"}
)


class Anthropic:
    """The dialect of Anthropic's Messages API."""

    stream_type = EVENT_STREAM

    def call(self, deployment: Deployment, backend: Backend, request: Ask, request_id: str) -> Call:
        """POST {base_url}/messages; Unsupported where the request cannot be said there."""
        headers = [
            ("Content-Type", "application/json"),
            ("Accept-Encoding", "identity"),
            ("anthropic-version", VERSION),
            *backend.headers,
        ]
        if deployment.api_key is not None:
            headers.append(("x-api-key", deployment.api_key))
        url = f"{deployment.base_url}/messages"
        return Call(
            Target(url, tuple(headers)),
            orjson.dumps(message_body(backend, request)),
            backend.timeouts,
            request_id,
        )

    def reply(self, raw: bytes, request: Ask) -> Reply:
        """A whole message."""
        reply: Reply = parse_reply(raw, lambda body: read_message(body, request))
        return reply

    def translator(self, request: Ask) -> Translator:
        """Its events as OpenAI's chunks."""
        return AnthropicStream(request)

    def failure(self, status: int, raw: bytes) -> Failure:
        """`{"type": "error", "error": {"type", "message"}}`."""
        failure = read_failure(status, raw)
        if "prompt is too long" in failure.message:
            return Failure(failure.message, failure.type, "context_length_exceeded")
        return failure


def message_body(backend: Backend, request: Ask) -> dict[str, Any]:
    """The body of POST /messages; a request that came in this dialect keeps its own words."""
    if request.native is not None:
        return {**request.native, "model": backend.model, **backend.quirks.extra}
    if request.choices > 1:
        raise Unsupported("n")
    body: dict[str, Any] = {
        "model": backend.model,
        "max_tokens": request.max_output_tokens or MAX_TOKENS,
        "messages": _messages(request),
        **{name: request.body[name] for name in _PASSED_ON if request.body.get(name) is not None},
    }
    if isinstance(body.get("temperature"), int | float):
        body["temperature"] = min(1, body["temperature"])
    if system := system_text(request):
        body["system"] = system
    if stop := stops(request):
        body["stop_sequences"] = stop
    if request.user:
        body["metadata"] = {"user_id": request.user}
    body |= _tools(request)
    if output := _output_config(request):
        body["output_config"] = output
    for name in backend.quirks.drop:
        body.pop(name, None)
    return body | dict(backend.quirks.extra)


def _output_config(request: Ask) -> dict[str, Any]:
    config: dict[str, Any] = {}
    schema = wanted_schema(request)
    if schema is not None:
        config["format"] = {"type": "json_schema", "schema": schema}
    effort = request.body.get("reasoning_effort")
    if effort is not None:
        config["effort"] = "low" if effort in ("none", "minimal") else effort
    return config


def _tools(request: Ask) -> dict[str, Any]:
    if not request.tools:
        return {}
    kind, name = chosen_tool(request)
    choice: dict[str, Any] = {"type": _TOOL_CHOICES.get(kind, "auto")}
    if name is not None:
        choice["name"] = name
    if request.body.get("parallel_tool_calls") is False and kind != "none":
        choice["disable_parallel_tool_use"] = True
    return {"tools": [_tool(function) for function in functions(request)], "tool_choice": choice}


def _tool(function: Any) -> dict[str, Any]:
    tool = {
        "name": function.get("name"),
        "input_schema": function.get("parameters") or {"type": "object", "properties": {}},
    }
    if function.get("description"):
        tool["description"] = function["description"]
    return tool


def _messages(request: Ask) -> list[dict[str, Any]]:
    """The turns; neighbours of the same role become one, as tool results and texts do."""
    messages: list[dict[str, Any]] = []
    for turn in turns(request):
        role = "assistant" if turn["role"] == "assistant" else "user"
        blocks = _blocks(turn)
        if not blocks:
            continue
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"].extend(blocks)
        else:
            messages.append({"role": role, "content": blocks})
    return messages


def _blocks(turn: Any) -> list[dict[str, Any]]:
    content = turn.get("content")
    if turn["role"] in ("tool", "function"):
        call_id = turn.get("tool_call_id") or turn.get("name") or ""
        result = {"type": "tool_result", "tool_use_id": call_id, "content": text_of(content)}
        return [result]
    thought = turn.get("thinking_blocks")
    blocks: list[dict[str, Any]] = list(thought) if isinstance(thought, list) else []
    blocks += [_block(part) for part in parts(content)]
    for call, name, given in calls(turn):
        blocks.append({"type": "tool_use", "id": call.get("id"), "name": name, "input": given})
    return blocks


def _block(part: str | Image) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if part.url:
        return {"type": "image", "source": {"type": "url", "url": part.url}}
    source = {"type": "base64", "media_type": part.media_type, "data": part.data}
    return {"type": "image", "source": source}
