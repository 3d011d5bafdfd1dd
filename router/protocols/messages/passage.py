"""Answers of servers that speak Anthropic's Messages, to clients that do: the bytes go through.

Nothing is written anew: thinking and its signatures, citations, hosted tools, stop sequences, cache
counters and whatever will be invented next reach the client as the server said them. Events are
looked into only where they say something that is metered; deltas are counted without being parsed.

A stream is: message_start, then for each block content_block_start, deltas and content_block_stop,
then message_delta with the stop reason and the final usage, then message_stop. `ping` may come at
any time, `error` too, and so may events that nobody knows yet.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from router.ask import Ask
from router.protocols.deltas import Deltas
from router.protocols.endings import message_ending
from router.protocols.headers import MESSAGES_ANSWER
from router.protocols.messages.usage import overlay, read_message_usage, refuse_message_error
from router.protocols.passage import Ending, MalformedReply, Reply, read_object
from router.protocols.passing import PassingStream
from router.protocols.spoken import spoken_tokens
from router.protocols.sse import data_of, encode, events
from router.protocols.told import UNTOLD
from router.protocols.usage import completed, estimate_output

_SAID: Final = re.compile(
    rb'"delta"\s*:\s*\{[^}]*?"(?:text|thinking|partial_json)"\s*:\s*"((?:[^"\\]|\\.)+)'
)
# Quotes inside a text are escaped, so a text never looks like these.
_DELTA: Final = (b'"type":"content_block_delta"', b'"type": "content_block_delta"')
_STOP: Final = encode(b'{"type":"message_stop"}', b"message_stop")


class MessagesPassage:
    """Reads Anthropic's answers."""

    headers = MESSAGES_ANSWER
    notes = ()
    types = ()

    def reply(self, raw: bytes, ask: Ask) -> Reply:
        """Read `usage` and `model`; the body goes on as it came."""
        body = read_object(raw)
        refuse_message_error(body)
        content, model = body.get("content"), body.get("model")
        if not isinstance(content, list):
            raise MalformedReply("answered without content that can be read")
        usage = read_message_usage(body.get("usage"), ask)
        if usage is None or usage.output_tokens == UNTOLD:
            usage = completed(usage, ask, spoken_tokens(content))
        return Reply(raw.strip(), usage, model if isinstance(model, str) else None)

    def stream(self, ask: Ask) -> "MessageEvents":
        """Relay the events."""
        return MessageEvents(ask)


class MessageEvents(PassingStream):
    """One streamed message, relayed."""

    __slots__ = ("_open", "_usage")
    _END = _STOP

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask, Deltas(_SAID))
        self._usage: dict[str, Any] = {}  # so far: later events overwrite, never add
        self._open: dict[int, None] = {}  # blocks that have begun and not ended, by index

    @property
    def ending(self) -> Ending:
        """See `AnswerStream`."""
        return message_ending(self._told)

    def _look_into(self, block: bytes) -> bytes:
        for event in events(block):
            self._event(event)
        return block

    def cut(self, request_id: str, model: str, why: str) -> bytes:
        """Close the open blocks and the message, at its `max_tokens`."""
        events: list[dict[str, Any]] = [
            {"type": "content_block_stop", "index": index} for index in self._open
        ]
        delta = {"stop_reason": "max_tokens", "stop_sequence": None}
        usage = {"output_tokens": self.output_tokens_seen}
        ended = {"ended": why}
        events.append({"type": "message_delta", "delta": delta, "usage": usage, "turnout": ended})
        out = [encode(orjson.dumps(item), str(item["type"]).encode()) for item in events]
        return b"".join(out) + _STOP

    def _event(self, event: bytes) -> None:
        """Note what one event says."""
        if _DELTA[0] in event or _DELTA[1] in event:
            tokens = self._deltas.of(event)
            self.output_tokens_seen += tokens
            self.has_content = self.has_content or tokens > 0
            return
        data = data_of(event)
        if data is None or not data.strip():
            return  # a comment
        fields = read_object(data, "sent", "an event")
        refuse_message_error(fields)
        reader = _READERS.get(str(fields.get("type")))
        if reader is not None:
            reader(self, fields)

    def message_start(self, event: Mapping[str, Any]) -> None:
        """The model, and the usage of the input."""
        message = event.get("message")
        if isinstance(message, dict):
            model = message.get("model")
            self.model = model if isinstance(model, str) else self.model
            overlay(self._usage, message.get("usage"))
            self._told.append(message)

    def block_start(self, event: Mapping[str, Any]) -> None:
        """A block begins: content, unless it is a text or a thought that has yet to come."""
        index, block = event.get("index"), event.get("content_block")
        if isinstance(index, int):
            self._open[index] = None
        if isinstance(block, dict) and (block.get("text") or block.get("type") not in _EMPTY):
            self.has_content = True

    def block_delta(self, event: Mapping[str, Any]) -> None:
        """Content, in an event that is written with other blanks than most."""
        delta = event.get("delta")
        texts = [delta.get(name) for name in _SAYS] if isinstance(delta, dict) else []
        size = sum(len(text.encode()) for text in texts if isinstance(text, str))
        if size:
            self.has_content = True
            self.output_tokens_seen += estimate_output(size)

    def block_stop(self, event: Mapping[str, Any]) -> None:
        """A block ends."""
        index = event.get("index")
        if isinstance(index, int):
            self._open.pop(index, None)

    def message_delta(self, event: Mapping[str, Any]) -> None:
        """The stop reason and the final usage."""
        overlay(self._usage, event.get("usage"))
        self._used(read_message_usage(self._usage, self._ask))
        delta = event.get("delta")
        if isinstance(delta, dict) and delta.get("stop_reason"):
            self._complete = self.has_content = True
            self._told.append(delta)

    def message_stop(self, _event: Mapping[str, Any]) -> None:
        """The end."""
        self.finished = True


_EMPTY: Final = ("text", "thinking")
_SAYS: Final = ("text", "thinking", "partial_json")
_READERS: Final = {
    "message_start": MessageEvents.message_start,
    "content_block_start": MessageEvents.block_start,
    "content_block_delta": MessageEvents.block_delta,
    "content_block_stop": MessageEvents.block_stop,
    "message_delta": MessageEvents.message_delta,
    "message_stop": MessageEvents.message_stop,
}
