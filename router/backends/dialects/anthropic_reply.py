"""Anthropic's answers, whole and streamed, in OpenAI's shape.

A stream is: message_start, then for each block content_block_start, deltas and
content_block_stop, then message_delta with the stop reason and the final usage, then message_stop.
`ping` may come at any time, `error` too.
"""

from collections.abc import Mapping
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
        "end_turn": "stop",
        "stop_sequence": "stop",
        "pause_turn": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "refusal": "content_filter",
    }
)
_STATUS: Final = MappingProxyType(
    {
        "invalid_request_error": 400,
        "authentication_error": 401,
        "billing_error": 402,
        "permission_error": 403,
        "not_found_error": 404,
        "rate_limit_error": 429,
        "timeout_error": 504,
        "overloaded_error": 529,
    }
)


def read_message(body: dict[str, Any], request: Ask) -> Reply:
    """A whole message as a chat completion; ErrorInside where it is an error."""
    refuse_error(body)
    text, reasoning = "", ""
    calls: list[dict[str, Any]] = []
    thinking: list[dict[str, Any]] = []
    for block in body["content"]:
        kind = block["type"]
        if kind == "text":
            text += block["text"]
        elif kind in ("thinking", "redacted_thinking"):
            reasoning += block.get("thinking", "")
            thinking.append(block)
        elif kind == "tool_use":
            given = orjson.dumps(block["input"]).decode()
            calls.append(tool_call(block["id"], block["name"], given))
    usage = read_usage(body.get("usage"), request)
    if usage is None:
        usage = estimate_usage(request, estimate_output(len(orjson.dumps(body["content"]))))
    model = body.get("model")
    finish = _FINISH.get(body.get("stop_reason") or "", "stop")
    answer = choice(0, text, reasoning, calls, finish)
    if thinking:
        answer["message"]["thinking_blocks"] = thinking  # signed: wanted back in the next turn
    whole = completion(body["id"], model, [answer], usage)
    return Reply(orjson.dumps(whole), usage, model)


def refuse_error(told: Mapping[str, Any]) -> None:
    """Raise ErrorInside where this is `{"type": "error", ...}`."""
    if told.get("type") != "error" and "error" not in told:
        return
    error = told.get("error") or {}
    status = _STATUS.get(str(error.get("type")), 502)
    raise ErrorInside(str(error.get("message", "an error"))[:500], status)


def read_usage(usage: Any, request: Ask) -> Usage | None:
    """Native usage, whose input_tokens leaves out what was read from and written to the cache."""
    if not isinstance(usage, Mapping):
        return None
    fresh, output = count(usage.get("input_tokens")), count(usage.get("output_tokens"))
    if fresh is None or output is None or is_impossible(output, request):
        return None
    read = count(usage.get("cache_read_input_tokens")) or 0
    written = count(usage.get("cache_creation_input_tokens")) or 0
    details = usage.get("output_tokens_details")
    thought = details.get("thinking_tokens") if isinstance(details, Mapping) else 0
    return Usage(
        input_tokens=fresh + read + written,
        output_tokens=output,
        cached_tokens=read,
        reasoning_tokens=min(count(thought) or 0, output),
        cache_write_tokens=written,
    )


class AnthropicStream(ChunkStream):
    """One streamed message."""

    def __init__(self, request: Ask) -> None:
        super().__init__(request)
        self._told: dict[str, Any] = {}  # usage so far: later events overwrite, never add
        self._numbers: dict[int, int] = {}  # block index -> number of the tool call

    def _take(self, told: dict[str, Any]) -> None:
        refuse_error(told)
        reader = _EVENTS.get(told["type"])
        if reader is not None:
            reader(self, told)

    def message_start(self, told: dict[str, Any]) -> None:
        """The message's id, model and input usage."""
        message = told["message"]
        self._id, self.model = message["id"], message.get("model")
        self._told.update(message.get("usage") or {})

    def block_start(self, told: dict[str, Any]) -> None:
        """A block begins; a tool call is announced with its name."""
        block = told["content_block"]
        if block["type"] == "tool_use":
            number = self._numbers[told["index"]] = len(self._numbers)
            self._call(0, number, tool_call(block["id"], block["name"], ""))
        elif block["type"] == "text":
            self._text(0, block.get("text", ""))

    def block_delta(self, told: dict[str, Any]) -> None:
        """More of a block."""
        delta = told["delta"]
        kind = delta["type"]
        if kind == "text_delta":
            self._text(0, delta["text"])
        elif kind == "thinking_delta":
            self._reasoning(0, delta["thinking"])
        elif kind == "signature_delta":
            signed = {"type": "thinking", "signature": delta["signature"]}
            self._say(0, {"thinking_blocks": [signed]}, 0)
        elif kind == "input_json_delta" and delta["partial_json"]:
            function = {"arguments": delta["partial_json"]}
            self._call(0, self._numbers[told["index"]], {"function": function})

    def message_delta(self, told: dict[str, Any]) -> None:
        """The stop reason and the final usage."""
        final = {
            key: value for key, value in (told.get("usage") or {}).items() if value is not None
        }
        self._told.update(final)
        self.usage = read_usage(self._told, self._request)
        reason = told["delta"].get("stop_reason")
        if reason:
            self._stop(0, _FINISH.get(reason, "stop"))

    def message_stop(self, _told: dict[str, Any]) -> None:
        """The end."""
        self._complete = True
        self._end()


_EVENTS: Final = MappingProxyType(
    {
        "message_start": AnthropicStream.message_start,
        "content_block_start": AnthropicStream.block_start,
        "content_block_delta": AnthropicStream.block_delta,
        "message_delta": AnthropicStream.message_delta,
        "message_stop": AnthropicStream.message_stop,
    }
)
