"""Answers and errors in the words of Anthropic's Messages, made from OpenAI's."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from router.ask import Ask
from router.errors import TurnoutError
from router.protocols.anthropic_messages import estimated_input
from router.protocols.sse import Splitter, data_of, encode, events

_STOP: Final = MappingProxyType(
    {
        "stop": "end_turn",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "function_call": "tool_use",
        "content_filter": "refusal",
    }
)
_ERROR_TYPES: Final = MappingProxyType(
    {
        400: "invalid_request_error",
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        422: "invalid_request_error",
        429: "rate_limit_error",
        503: "overloaded_error",
        504: "timeout_error",
    }
)


def message_error_body(error: TurnoutError) -> bytes:
    """An error as the anthropic client expects it."""
    kind = _ERROR_TYPES.get(error.status, "api_error")
    return orjson.dumps({"type": "error", "error": {"type": kind, "message": error.message}})


def message_error_event(error: TurnoutError) -> bytes:
    """The same as the last event of a stream."""
    return encode(message_error_body(error), b"error")


def encode_message(body: bytes, _request: Ask) -> bytes:
    """A whole chat completion as a message."""
    told = orjson.loads(body)
    choice: dict[str, Any] = told["choices"][0] if told["choices"] else {"message": {}}
    message = choice["message"]
    thought = message.get("thinking_blocks")
    blocks: list[dict[str, Any]] = list(thought) if isinstance(thought, list) else []
    if message.get("content"):
        blocks.append({"type": "text", "text": message["content"]})
    for call in message.get("tool_calls") or ():
        function = call["function"]
        used = {
            "id": call.get("id"),
            "name": function["name"],
            "input": _input(function["arguments"]),
        }
        blocks.append({"type": "tool_use", **used})
    stop = _STOP.get(str(choice.get("finish_reason")), "end_turn")
    return orjson.dumps(
        _message(told.get("id"), told.get("model"))
        | {"content": blocks, "stop_reason": stop, "usage": _usage(told.get("usage"))}
    )


def _message(id_: Any, model: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _usage(usage: Any) -> dict[str, int]:
    """Anthropic's counts: what came from the cache is told apart from the input."""
    usage = usage if isinstance(usage, Mapping) else {}
    details = usage.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, Mapping) else 0
    return {
        "input_tokens": max(0, _count(usage.get("prompt_tokens")) - cached),
        "output_tokens": _count(usage.get("completion_tokens")),
        "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": 0,
    }


def _count(value: Any) -> int:
    """A token count; 0 for what is none."""
    return value if isinstance(value, int) and value > 0 else 0


def _input(arguments: str) -> Any:
    try:
        return orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        return {"input": arguments}


class MessageStream:
    """Encodes a stream of client-ready chat chunks as the events of a message.

    At most one content block is open at a time: text, thinking, or one tool call; a delta of
    another kind closes it and opens the next.
    """

    def __init__(self, request: Ask) -> None:
        self._request = request
        self._splitter = Splitter()
        self._out: list[bytes] = []
        self._started = False
        self._open: tuple[str, int] | None = None  # kind and number of the open block
        self._index = -1
        self._stop = "end_turn"
        self._usage: dict[str, int] | None = None

    def feed(self, block: bytes) -> bytes:
        """Encode the chunks of a block."""
        for event in events(self._splitter.feed(block)):
            data = data_of(event)
            if data is not None and data.strip() != b"[DONE]":
                self._read(data)
        return self._flush()

    def finish(self) -> bytes:
        """The answer came to its end: close the message."""
        self._start({})
        self._close()
        delta = {"stop_reason": self._stop, "stop_sequence": None}
        self._event("message_delta", delta=delta, usage=self._usage or _usage(None))
        self._event("message_stop")
        return self._flush()

    def _read(self, data: bytes) -> None:
        """One chunk; what is none is passed over, as every other client would."""
        try:
            self._chunk(orjson.loads(data))
        except (ValueError, KeyError, TypeError, AttributeError):
            return

    def _chunk(self, chunk: dict[str, Any]) -> None:
        self._start(chunk)
        if isinstance(chunk.get("usage"), Mapping):
            self._usage = _usage(chunk["usage"])
        for choice in chunk.get("choices") or ():
            if choice.get("index", 0) == 0:
                self._delta(choice.get("delta") or {})
                if choice.get("finish_reason"):
                    self._stop = _STOP.get(choice["finish_reason"], "end_turn")

    def _delta(self, delta: Mapping[str, Any]) -> None:
        if delta.get("reasoning_content"):
            self._enter("thinking", 0, {"type": "thinking", "thinking": "", "signature": ""})
            self._say({"type": "thinking_delta", "thinking": delta["reasoning_content"]})
        for signed in delta.get("thinking_blocks") or ():
            if self._open == ("thinking", 0) and signed.get("signature"):
                self._say({"type": "signature_delta", "signature": signed["signature"]})
        if delta.get("content"):
            self._enter("text", 0, {"type": "text", "text": ""})
            self._say({"type": "text_delta", "text": delta["content"]})
        for call in delta.get("tool_calls") or ():
            self._call(call)

    def _call(self, call: Mapping[str, Any]) -> None:
        function = call.get("function") or {}
        used: dict[str, Any] = {"id": call.get("id"), "name": function.get("name"), "input": {}}
        self._enter("tool_use", call.get("index", 0), {"type": "tool_use", **used})
        if function.get("arguments"):
            self._say({"type": "input_json_delta", "partial_json": function["arguments"]})

    def _start(self, chunk: Mapping[str, Any]) -> None:
        if self._started:
            return
        self._started = True
        message = _message(chunk.get("id"), chunk.get("model"))
        # The true count comes with the last event; until then the gateway's estimate stands.
        message["usage"] = _usage({"prompt_tokens": estimated_input(self._request)})
        self._event("message_start", message=message)

    def _enter(self, kind: str, number: int, block: dict[str, Any]) -> None:
        if self._open == (kind, number):
            return
        self._close()
        self._open = (kind, number)
        self._index += 1
        self._event("content_block_start", index=self._index, content_block=block)

    def _say(self, delta: dict[str, Any]) -> None:
        self._event("content_block_delta", index=self._index, delta=delta)

    def _close(self) -> None:
        if self._open is not None:
            self._open = None
            self._event("content_block_stop", index=self._index)

    def _event(self, kind: str, **fields: Any) -> None:
        self._out.append(encode(orjson.dumps({"type": kind, **fields}), kind.encode()))

    def _flush(self) -> bytes:
        block = b"".join(self._out)
        self._out.clear()
        return block
