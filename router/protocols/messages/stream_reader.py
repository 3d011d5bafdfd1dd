"""Anthropic's Messages, streamed: the events of a server read as the hub's.

A stream is: message_start, then for each block content_block_start, deltas and
content_block_stop, then message_delta with the stop reason and the final usage, then message_stop.
`ping` may come at any time, `error` too; events and deltas of unknown kinds are passed over.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from router.protocols.hub.answer import Stop
from router.protocols.hub.conversation import Call, Opaque, Part, Seal, Text, Thinking
from router.protocols.hub.events import (
    EventStreamReader,
    PartClosed,
    PartDelta,
    PartNoted,
    PartOpened,
    Started,
    Stopped,
    UsageSeen,
)
from router.protocols.hub.values import name_of, text_of
from router.protocols.messages.answer_reader import read_stop
from router.protocols.messages.parts import MESSAGES, read_blocks, read_citation, read_seal
from router.protocols.messages.usage import overlay, read_lines, refuse_message_error
from router.protocols.tolerant_json import loads


class MessagesReader(EventStreamReader):
    """Reads one streamed message."""

    __slots__ = ("_calls", "_open", "_stop", "_unknown", "_usage")

    def __init__(self) -> None:
        super().__init__()
        self._usage: dict[str, Any] = {}  # so far: later events overwrite, never add
        self._open: set[int] = set()
        self._calls: dict[int, bool] = {}  # whether any arguments came
        self._unknown: dict[int, tuple[dict[str, Any], list[str]]] = {}
        self._stop = Stop()

    def take(self, event: dict[str, Any]) -> None:
        """Read one event."""
        kind = event["type"]
        if kind == "content_block_delta":
            delta = event["delta"]
            index = event["index"]
            if delta["type"] == "text_delta" and index in self._open:  # nearly every event
                self.out.append(PartDelta(0, index, text_of(delta["text"])))
            else:
                self._grow(index, delta)
            return
        reader = _EVENTS.get(kind)
        if reader is not None:
            reader(self, event)
        elif "error" in event:
            refuse_message_error(event)

    def end(self) -> None:
        """Close what is open and say how the message ended."""
        for index in sorted(self._open):
            self._close(index)
        self.out.append(Stopped(0, self._stop))
        super().end()

    def _grow(self, index: int, delta: Mapping[str, Any]) -> None:
        kind = delta["type"]
        if index in self._unknown:
            if kind == "input_json_delta":
                self._unknown[index][1].append(text_of(delta["partial_json"]))
        elif index not in self._open:
            raise KeyError  # a block that never began
        elif kind == "input_json_delta":
            self._argue(index, text_of(delta["partial_json"]))
        elif kind == "thinking_delta":
            self.out.append(PartDelta(0, index, text_of(delta["thinking"])))
        elif kind == "signature_delta":
            if seal := read_seal(delta["signature"]):
                self.out.append(PartNoted(0, index, seal))
        elif kind == "citations_delta":
            self.out.append(PartNoted(0, index, read_citation(delta["citation"])))

    def _argue(self, index: int, text: str) -> None:
        if text:
            self._calls[index] = True
            self.out.append(PartDelta(0, index, text))

    def message_start(self, event: dict[str, Any]) -> None:
        """The message's id, model and input usage."""
        message = event["message"]
        model = message.get("model")
        overlay(self._usage, message.get("usage"))
        known = read_lines(self._usage)
        self.out.append(
            Started(name_of(message.get("id")), model if type(model) is str else None, known)
        )

    def block_start(self, event: dict[str, Any]) -> None:
        """A block begins; one of an unknown kind is gathered."""
        index, block = event["index"], event["content_block"]
        kind = block["type"]
        head: Part
        if kind == "text":
            head = Text(text_of(block.get("text", "")))
        elif kind == "tool_use":
            head = Call(text_of(block["id"]), text_of(block["name"]), "")
        elif kind == "thinking":
            head = Thinking(name_of(block.get("thinking")), read_seal(block.get("signature")))
        elif kind == "redacted_thinking":
            head = Thinking("", Seal(MESSAGES, text_of(block["data"]), "redacted"))
        else:
            self._unknown[index] = (block, [])
            return
        self._open.add(index)
        self.out.append(PartOpened(0, index, head))
        if kind == "tool_use":
            given = block.get("input")
            self._calls[index] = bool(given)
            if given:
                self.out.append(PartDelta(0, index, orjson.dumps(given).decode()))

    def block_stop(self, event: dict[str, Any]) -> None:
        """A block is whole."""
        index = event["index"]
        if index in self._unknown:
            self._whole(index)
        elif index in self._open:
            self._close(index)

    def _whole(self, index: int) -> None:
        """A block of a kind that the hub does not know, as it stands at its end."""
        block, texts = self._unknown.pop(index)
        if texts:
            block["input"] = loads("".join(texts))
        (part,) = read_blocks([block])
        if isinstance(part, Opaque):
            self.out.append(PartOpened(0, index, part))
            self.out.append(PartClosed(0, index))

    def _close(self, index: int) -> None:
        self._open.discard(index)
        if self._calls.get(index) is False:
            self.out.append(PartDelta(0, index, "{}"))
        self.out.append(PartClosed(0, index))

    def message_delta(self, event: dict[str, Any]) -> None:
        """The stop reason and the usage so far."""
        overlay(self._usage, event.get("usage"))
        if lines := read_lines(self._usage):
            self.out.append(UsageSeen(lines))
        delta = event["delta"]
        if delta.get("stop_reason"):
            self._stop = read_stop(delta)
            self.complete = True

    def message_stop(self, _event: dict[str, Any]) -> None:
        """The end."""
        self.end()

    def error(self, event: dict[str, Any]) -> None:
        """The server failed."""
        refuse_message_error(event)


_EVENTS: Final = MappingProxyType(
    {
        "message_start": MessagesReader.message_start,
        "content_block_start": MessagesReader.block_start,
        "content_block_stop": MessagesReader.block_stop,
        "message_delta": MessagesReader.message_delta,
        "message_stop": MessagesReader.message_stop,
        "error": MessagesReader.error,
    }
)
