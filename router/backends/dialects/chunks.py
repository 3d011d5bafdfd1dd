"""Answers in OpenAI's shape, written for servers that answer in another one."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from router.ask import Ask
from router.backends.dialects.base import MalformedReply
from router.backends.dialects.usage import estimate_output
from router.domain import Usage
from router.protocols.sse import EventTooLarge, Splitter, data_of, encode, events

DONE: Final = b"data: [DONE]\n\n"


def usage_object(usage: Usage) -> dict[str, Any]:
    """`usage` as OpenAI writes it."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def completion(
    id_: str, model: str | None, choices: list[dict[str, Any]], usage: Usage
) -> dict[str, Any]:
    """A whole chat completion."""
    return {
        "id": id_,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": choices,
        "usage": usage_object(usage),
    }


def choice(
    index: int, text: str, reasoning: str, calls: list[dict[str, Any]], finish: str
) -> dict[str, Any]:
    """One choice of a whole chat completion; `reasoning_content` only where there is any."""
    message: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": None}
    if not calls and not text:
        message["content"] = ""
    if reasoning:
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = calls
    return {"index": index, "message": message, "logprobs": None, "finish_reason": finish}


def tool_call(id_: str, name: str, arguments: str, **more: Any) -> dict[str, Any]:
    """One tool call."""
    function = {"name": name, "arguments": arguments}
    return {"id": id_, "type": "function", "function": function} | more


class ChunkStream:
    """The common half of a translated stream: framing, writing chunks, counting, ending.

    A dialect derives from it and implements `_take`, which gets each event's JSON and calls
    `_say`, `_finish` and the like. See `Translator` for the promises.
    """

    def __init__(self, request: Ask) -> None:
        self._request = request
        self._splitter = Splitter()
        self._out: list[bytes] = []
        self._roles: set[int] = set()
        self._created = int(time.time())
        self._id = "chatcmpl-turnout"
        self._complete = False
        self.usage: Usage | None = None
        self.output_tokens_seen = 0
        self.model: str | None = None
        self.finished = False

    def feed(self, data: bytes) -> bytes:
        """Translate the events that are whole."""
        if self.finished:
            return b""
        try:
            block = self._splitter.feed(data)
        except EventTooLarge:
            raise MalformedReply("sent an event that never ends") from None
        for event in events(block):
            self._take_event(event)
        return self._flush()

    def finish(self) -> bytes:
        """The server closed: write the usage chunk, if it was asked for, and [DONE]."""
        if self.finished:
            return b""
        if self._splitter.pending.strip():
            self.feed(b"\n\n")
        if not self._complete:
            raise MalformedReply("ended its stream before the answer did")
        self._end()
        return self._flush()

    def _take_event(self, event: bytes) -> None:
        data = data_of(event)
        if self.finished or data is None or not data.strip() or data.strip() == b"[DONE]":
            return
        try:
            told = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise MalformedReply("sent an event that is not JSON") from None
        if not isinstance(told, dict):
            raise MalformedReply("sent an event that is not an object")
        try:
            self._take(told)
        except (KeyError, TypeError, AttributeError, IndexError, ValueError):
            raise MalformedReply("sent an event of an unknown shape") from None

    def _take(self, told: dict[str, Any]) -> None:
        raise NotImplementedError

    def _text(self, index: int, text: str) -> None:
        if text:
            self._say(index, {"content": text}, len(text.encode()))

    def _reasoning(self, index: int, text: str) -> None:
        if text:
            self._say(index, {"reasoning_content": text}, len(text.encode()))

    def _call(self, index: int, number: int, call: Mapping[str, Any]) -> None:
        arguments = call["function"].get("arguments", "")
        self._say(index, {"tool_calls": [{"index": number, **call}]}, len(arguments.encode()))

    def _stop(self, index: int, reason: str) -> None:
        self._write([{"index": index, "delta": {}, "finish_reason": reason}])
        self._complete = True

    def _end(self) -> None:
        """Nothing more is to come."""
        if self._request.include_usage and self.usage is not None:
            self._write([], usage=usage_object(self.usage))
        self._out.append(DONE)
        self.finished = True

    def _say(self, index: int, delta: dict[str, Any], size: int) -> None:
        if index not in self._roles:
            self._roles.add(index)
            delta = {"role": "assistant", **delta}
        if size:
            self.output_tokens_seen += max(1, estimate_output(size))
        self._write([{"index": index, "delta": delta, "finish_reason": None}])

    def _write(self, choices: list[dict[str, Any]], **more: Any) -> None:
        chunk = {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self.model,
            "choices": choices,
            **more,
        }
        self._out.append(encode(orjson.dumps(chunk)))

    def _flush(self) -> bytes:
        block = b"".join(self._out)
        self._out.clear()
        return block


def parse_reply(raw: bytes, read: Callable[[dict[str, Any]], Any]) -> Any:
    """Read a whole body; whatever shape it has instead of the right one, MalformedReply."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise MalformedReply("answered something that is not JSON") from None
    if not isinstance(body, dict):
        raise MalformedReply("answered JSON that is not an object")
    try:
        return read(body)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError):
        raise MalformedReply("answered with an unknown shape") from None
