"""Responses, streamed: the events of a server read as the hub's.

A response is a row of items, which may be open side by side: a message with its texts, a thought
with the sections of its summary, a call. What deltas told is repeated by `done` events and by the
last one; of these only what no delta told is read. Events of unknown kinds are passed over.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from router.protocols.hub.conversation import Part, Refusal, Text, Thinking
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
from router.protocols.responses.answer_reader import read_logprobs, read_stop
from router.protocols.responses.errors import error_inside, refuse_failed
from router.protocols.responses.items import read_answered, read_call
from router.protocols.responses.parts import mapping_of, read_citation
from router.protocols.responses.reasoning import BETWEEN, read_reasoning, seal_of
from router.protocols.responses.usage import lines_of_response

_CALLS: Final = MappingProxyType({"function_call": "arguments", "custom_tool_call": "input"})
_Key = tuple[int, int]  # of a part: its item's place and its own; calls and thoughts have none
_ALONE: Final = -1


class _Open:
    """A part that grows; `said` is whether anything came, `section` the last of a summary."""

    __slots__ = ("number", "said", "section")

    def __init__(self, number: int) -> None:
        self.number = number
        self.said = False
        self.section: Any = None


class ResponsesReader(EventStreamReader):
    """Reads one streamed response."""

    __slots__ = ("_heads", "_open", "_parts", "_started")

    def __init__(self) -> None:
        super().__init__()
        self._open: dict[_Key, _Open] = {}
        self._heads: list[Part] = []  # what opened, in order
        self._parts = 0
        self._started = False

    def take(self, event: dict[str, Any]) -> None:
        """Read one event."""
        kind = event.get("type")
        if kind == "response.output_text.delta":  # nearly every event
            part = self._open.get((event["output_index"], event["content_index"]))
            part = part or self._begin_text(event, Text(""))
            part.said = True
            scored = read_logprobs(event["logprobs"]) if event.get("logprobs") else ()
            self.out.append(PartDelta(0, part.number, text_of(event["delta"]), scored))
            return
        reader = _EVENTS.get(str(kind))
        if reader is not None:
            reader(self, event)
        elif event.get("error"):
            raise error_inside(event["error"])

    def created(self, event: Mapping[str, Any]) -> None:
        """The response's id and model."""
        response = event["response"]
        refuse_failed(response)
        if not self._started:
            self._start(response)

    def _start(self, response: Mapping[str, Any]) -> None:
        self._started = True
        model = response.get("model")
        id_ = name_of(response.get("id"))
        self.out.append(Started(id_, model if type(model) is str else None))

    def item_added(self, event: Mapping[str, Any]) -> None:
        """An item begins; those of unknown kinds are read when they are whole."""
        item, place = event["item"], event["output_index"]
        kind = str(item["type"])
        if kind in _CALLS:
            call = read_call({**item, _CALLS[kind]: ""}, kind)
            self._opened((place, _ALONE), type(call)(call.id, call.name, "", call.kind))
        elif kind == "reasoning":
            self._opened((place, _ALONE), Thinking(""))

    def _opened(self, key: _Key, head: Part) -> _Open:
        part = self._open[key] = _Open(self._parts)
        self._parts += 1
        self._heads.append(head)
        self.out.append(PartOpened(0, part.number, head))
        return part

    def _begin_text(self, event: Mapping[str, Any], head: Part) -> _Open:
        return self._opened((event["output_index"], event["content_index"]), head)

    def part_added(self, event: Mapping[str, Any]) -> None:
        """A text or a refusal of a message begins."""
        kind = event["part"].get("type")
        key = (event["output_index"], event["content_index"])
        if kind in ("output_text", "refusal") and key not in self._open:
            self._opened(key, Text("") if kind == "output_text" else Refusal(""))

    def refused(self, event: Mapping[str, Any]) -> None:
        """A refusal grows."""
        part = self._open.get((event["output_index"], event["content_index"]))
        self._grow(part or self._begin_text(event, Refusal("")), text_of(event["delta"]))

    def annotated(self, event: Mapping[str, Any]) -> None:
        """A text cites something."""
        part = self._open.get((event["output_index"], event["content_index"]))
        if part is not None and isinstance(event.get("annotation"), Mapping):
            self.out.append(PartNoted(0, part.number, read_citation(event["annotation"])))

    def thought(self, event: Mapping[str, Any]) -> None:
        """A thought grows, in the section of its summary or of its text."""
        place = event["output_index"]
        part = self._open.get((place, _ALONE)) or self._opened((place, _ALONE), Thinking(""))
        section = (event["type"], event.get("summary_index", event.get("content_index")))
        if part.section not in (None, section) and part.said:
            self._grow(part, BETWEEN)
        part.section = section
        self._grow(part, text_of(event["delta"]))

    def argued(self, event: Mapping[str, Any]) -> None:
        """A call's arguments grow."""
        self._grow(self._open[event["output_index"], _ALONE], text_of(event["delta"]))

    def _grow(self, part: _Open, text: str) -> None:
        part.said = part.said or bool(text)
        if text:
            self.out.append(PartDelta(0, part.number, text))

    def part_done(self, event: Mapping[str, Any]) -> None:
        """A part of a message is whole: what no delta told is read here."""
        key = (event["output_index"], event["content_index"])
        part, told = self._open.pop(key, None), event["part"]
        if part is not None:
            if not part.said:
                self._grow(part, name_of(told.get("text")) or name_of(told.get("refusal")))
            self.out.append(PartClosed(0, part.number))

    def item_done(self, event: Mapping[str, Any]) -> None:
        """An item is whole."""
        item, place = event["item"], event["output_index"]
        kind = str(item["type"])
        if kind == "message":
            self._message_done(item, place)
        elif kind in _CALLS:
            part = self._open.pop((place, _ALONE), None)
            call = read_call(item, kind)
            if part is None:
                self._whole(call)
                return
            if not part.said:
                self._grow(part, call.arguments)
            self.out.append(PartClosed(0, part.number))
        elif kind == "reasoning":
            self._reasoning_done(item, place)
        else:
            for whole in read_answered(item, kind):
                self._whole(whole)

    def _message_done(self, item: Mapping[str, Any], place: int) -> None:
        """Parts that never began come whole, those that are open close."""
        began = [key for key in self._open if key[0] == place]
        for key in began:
            self.out.append(PartClosed(0, self._open.pop(key).number))
        if not any(type(head) in (Text, Refusal) for head in self._heads):
            for whole in read_answered(item, "message"):
                self._whole(whole)

    def _reasoning_done(self, item: Mapping[str, Any], place: int) -> None:
        part = self._open.pop((place, _ALONE), None)
        thought = read_reasoning(item)
        if part is None:
            self._whole(thought)
            return
        if not part.said:
            self._grow(part, thought.text)
        seal = seal_of(item)
        if seal is not None:
            self.out.append(PartNoted(0, part.number, seal))
        self.out.append(PartClosed(0, part.number))

    def _whole(self, part: Part) -> None:
        number = self._parts
        self._parts += 1
        self._heads.append(part)
        self.out.append(PartOpened(0, number, part))
        self.out.append(PartClosed(0, number))

    def ended_well(self, event: Mapping[str, Any]) -> None:
        """The response is whole, or as whole as it will be."""
        response = event["response"]
        refuse_failed(response)
        if not self._started:
            self._start(response)
        if not self._heads:  # told in one piece
            for item in response.get("output") or ():
                for part in read_answered(item, str(item["type"])):
                    self._whole(part)
        for open_ in self._open.values():
            self.out.append(PartClosed(0, open_.number))
        self._open.clear()
        if lines := lines_of_response(response):
            self.out.append(UsageSeen(lines))
        self.out.append(Stopped(0, read_stop(response, self._heads)))
        self.complete = True
        self.end()

    def failed(self, event: Mapping[str, Any]) -> None:
        """The server failed."""
        raise error_inside(mapping_of(event.get("response")).get("error"))

    def error(self, event: Mapping[str, Any]) -> None:
        """The server failed, in one of two shapes."""
        raise error_inside(event.get("error") or event)


_EVENTS: Final = MappingProxyType(
    {
        "response.created": ResponsesReader.created,
        "response.output_item.added": ResponsesReader.item_added,
        "response.output_item.done": ResponsesReader.item_done,
        "response.content_part.added": ResponsesReader.part_added,
        "response.content_part.done": ResponsesReader.part_done,
        "response.refusal.delta": ResponsesReader.refused,
        "response.output_text.annotation.added": ResponsesReader.annotated,
        "response.reasoning_summary_text.delta": ResponsesReader.thought,
        "response.reasoning_text.delta": ResponsesReader.thought,
        "response.function_call_arguments.delta": ResponsesReader.argued,
        "response.custom_tool_call_input.delta": ResponsesReader.argued,
        "response.completed": ResponsesReader.ended_well,
        "response.incomplete": ResponsesReader.ended_well,
        "response.failed": ResponsesReader.failed,
        "error": ResponsesReader.error,
    }
)
