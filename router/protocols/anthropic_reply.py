"""Answers and errors in the words of Anthropic's Messages, made from OpenAI's."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from router.ask import Ask
from router.domain import Usage
from router.protocols.passage import AnswerStream
from router.protocols.sse import Splitter, data_of, encode, events
from router.protocols.usage import estimate_input

_STOP: Final = MappingProxyType(
    {
        "stop": "end_turn",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "function_call": "tool_use",
        "content_filter": "refusal",
    }
)


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
    """A stream of chat chunks as the events of a message; see `AnswerStream`.

    At most one content block is open at a time: text, thinking, or one tool call; a delta of
    another kind closes it and opens the next.
    """

    def __init__(self, request: Ask, chat: AnswerStream) -> None:
        """`chat` reads the server's answer into chat chunks."""
        self._request = request
        self._chat = chat
        self._splitter = Splitter()
        self._out: list[bytes] = []
        self._started = self._ended = False
        self._open: tuple[str, int] | None = None  # kind and number of the open block
        self._index = -1
        self._stop = "end_turn"
        self._told: dict[str, int] | None = None

    @property
    def usage(self) -> Usage | None:
        """See `AnswerStream`."""
        return self._chat.usage

    @property
    def output_tokens_seen(self) -> int:
        """See `AnswerStream`."""
        return self._chat.output_tokens_seen

    @property
    def model(self) -> str | None:
        """See `AnswerStream`."""
        return self._chat.model

    @property
    def has_content(self) -> bool:
        """See `AnswerStream`."""
        return self._chat.has_content

    @property
    def finished(self) -> bool:
        """See `AnswerStream`."""
        return self._chat.finished

    def feed(self, data: bytes) -> bytes:
        """Encode what the next bytes say."""
        return self._encoded(self._chat.feed(data))

    def finish(self) -> bytes:
        """Encode what is left, and the end of the message."""
        return self._encoded(self._chat.finish())

    def cut(self, request_id: str, model: str, why: str) -> bytes:
        """Close the message, at its `max_tokens`."""
        self._encode(self._chat.cut(request_id, model, why))
        self._end()
        return self._flush()

    def _encoded(self, block: bytes) -> bytes:
        self._encode(block)
        if self._chat.finished and not self._ended:
            self._end()
        return self._flush()

    def _encode(self, block: bytes) -> None:
        for event in events(self._splitter.feed(block)):
            data = data_of(event)
            if data is not None and data.strip() != b"[DONE]":
                self._read(data)

    def _end(self) -> None:
        """The answer came to its end: close the message."""
        self._ended = True
        self._start({})
        self._close()
        delta = {"stop_reason": self._stop, "stop_sequence": None}
        self._event("message_delta", delta=delta, usage=self._told or _usage(None))
        self._event("message_stop")

    def _read(self, data: bytes) -> None:
        """One chunk; what is none is passed over, as every other client would."""
        try:
            self._chunk(orjson.loads(data))
        except (ValueError, KeyError, TypeError, AttributeError):
            return

    def _chunk(self, chunk: dict[str, Any]) -> None:
        self._start(chunk)
        if isinstance(chunk.get("usage"), Mapping):
            self._told = _usage(chunk["usage"])
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
        message["usage"] = _usage({"prompt_tokens": max(1, estimate_input(self._request))})
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
