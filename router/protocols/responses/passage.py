"""Answers of servers that speak responses, to clients that do: the bytes go through.

Nothing is written anew: reasoning and its seals, hosted tools and their events, annotations and
whatever will be invented next reach the client as the server said them. Events are told apart by
how they begin; those that are metered, or say that there is content, are parsed, deltas are counted
without, and the others (they repeat what was told) are not looked at.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from router.ask import Ask
from router.protocols.deltas import Deltas
from router.protocols.endings import response_ending
from router.protocols.error_inside import refuse_error_inside
from router.protocols.headers import CHAT_ANSWER
from router.protocols.passage import Ending, MalformedReply, Reply, read_object
from router.protocols.passing import PassingStream
from router.protocols.responses.errors import error_inside, refuse_failed
from router.protocols.responses.usage import read_response_usage
from router.protocols.spoken import spoken_tokens
from router.protocols.sse import data_of, encode, events
from router.protocols.told import UNTOLD
from router.protocols.usage import completed, estimate_usage

_SAID: Final = re.compile(rb'"delta"\s*:\s*"((?:[^"\\]|\\.)+)')
# An event says its kind in its first line, or as the first member of its data: what stands further
# inside may be a client's own words, told back to it.
_KIND: Final = re.compile(rb'(?:event: ?|data: ?\{"type": ?")([a-z_.]+)[\n"]')
_EMPTY: Final = ("message", "reasoning")  # items that say nothing yet where they begin
_MOST_KEPT: Final = 1024 * 1024  # bytes of the items that are told once more where a quota ends all


class ResponsesPassage:
    """Reads responses."""

    headers = CHAT_ANSWER
    notes = ()
    types = ()

    def reply(self, raw: bytes, ask: Ask) -> Reply:
        """Read `usage` and `model`; the body goes on as it came."""
        body = read_object(raw)
        refuse_failed(body)
        refuse_error_inside(body)
        output, model = body.get("output"), body.get("model")
        if not isinstance(output, list):
            raise MalformedReply("answered without output that can be read")
        usage = read_response_usage(body, ask)
        if usage is None or usage.output_tokens == UNTOLD:
            usage = completed(usage, ask, spoken_tokens(output))
        return Reply(raw.strip(), usage, model if isinstance(model, str) else None)

    def stream(self, ask: Ask) -> "ResponseEvents":
        """Relay the events."""
        return ResponseEvents(ask)


class ResponseEvents(PassingStream):
    """One streamed response, relayed."""

    __slots__ = ("_begun", "_items", "_kept", "_number")
    _END = b""

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask, Deltas(_SAID))
        self._begun: Mapping[str, Any] = {}  # the response as it began
        self._items: list[Any] = []  # those that are whole
        self._kept = 0  # bytes of them
        self._number = 0  # of events, about

    @property
    def ending(self) -> Ending:
        """See `AnswerStream`."""
        return response_ending(self._told)

    def _look_into(self, block: bytes) -> bytes:
        for event in events(block):
            self._event(event)
        return block

    def cut(self, request_id: str, model: str, why: str) -> bytes:
        """An incomplete response, at its `max_output_tokens`, with the items that were whole."""
        used = estimate_usage(self._ask, self.output_tokens_seen)
        response = {
            "id": f"resp_{request_id}",
            "object": "response",
            "model": model,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            **self._begun,
            "status": "incomplete",
            "incomplete_details": {"reason": "max_output_tokens"},
            "output": self._items,
            "usage": {
                "input_tokens": used.input_tokens,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": used.output_tokens,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": used.input_tokens + used.output_tokens,
            },
        }
        kind = "response.incomplete"
        event = {"type": kind, "sequence_number": self._number, "response": response}
        return encode(orjson.dumps(event | {"turnout": {"ended": why}}), kind.encode())

    def _event(self, event: bytes) -> None:
        """Note what one event says."""
        self._number += 1
        told = _KIND.match(event)
        kind = None if told is None else told[1].decode()
        if kind is not None and kind.endswith(".delta"):
            tokens = self._deltas.of(event, learn=False)
            self.output_tokens_seen += tokens
            self.has_content = self.has_content or tokens > 0
            return
        if kind is not None and kind not in _READERS:
            return
        data = data_of(event)
        if data is None or not data.strip() or data.strip() == b"[DONE]":
            return  # a comment
        fields = read_object(data, "sent", "an event")
        reader = _READERS.get(str(fields.get("type")))
        if reader is not None:
            reader(self, fields)
        elif "error" in fields:
            refuse_error_inside(fields)
        elif kind is None and isinstance(fields.get("delta"), str):
            self.output_tokens_seen += self._deltas.of(event, learn=False)
            self.has_content = True

    def created(self, event: Mapping[str, Any]) -> None:
        """The response begins."""
        response = event.get("response")
        if isinstance(response, dict):
            refuse_failed(response)
            self._begun = response
            self._note_model(response)

    def item_added(self, event: Mapping[str, Any]) -> None:
        """An item begins: content, unless it has yet to say something."""
        item = event.get("item")
        if isinstance(item, dict) and item.get("type") not in _EMPTY:
            self.has_content = True

    def item_done(self, event: Mapping[str, Any]) -> None:
        """An item is whole."""
        item = event.get("item")
        self.has_content = True
        self._kept += len(orjson.dumps(item))
        if self._kept <= _MOST_KEPT:
            self._items.append(item)

    def ended(self, event: Mapping[str, Any]) -> None:
        """The end, with the usage."""
        response = event.get("response")
        if isinstance(response, dict):
            refuse_failed(response)
            self._note_model(response)
            self._used(read_response_usage(response, self._ask))
            self._told.append(response)
        self._complete = self.has_content = self.finished = True

    def failed(self, event: Mapping[str, Any]) -> None:
        """The server failed."""
        response = event.get("response")
        raise error_inside(response.get("error") if isinstance(response, dict) else None)

    def error(self, event: Mapping[str, Any]) -> None:
        """The server failed, in one of two shapes."""
        raise error_inside(event.get("error") or event)

    def _note_model(self, response: Mapping[str, Any]) -> None:
        model = response.get("model")
        if isinstance(model, str):
            self.model = model


_READERS: Final = {
    "response.created": ResponseEvents.created,
    "response.output_item.added": ResponseEvents.item_added,
    "response.output_item.done": ResponseEvents.item_done,
    "response.completed": ResponseEvents.ended,
    "response.incomplete": ResponseEvents.ended,
    "response.failed": ResponseEvents.failed,
    "error": ResponseEvents.error,
}
