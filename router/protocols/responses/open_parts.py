"""The parts of a streamed response while they grow: what they said is kept for their `done` events.

Each knows which item of the output it belongs to, and by which events it begins, grows and ends.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import orjson

from router.protocols.hub.answer import Logprob
from router.protocols.hub.conversation import Call, Refusal, Text, Thinking
from router.protocols.responses.answer_writer import (
    Item,
    message,
    write_call,
    write_content,
    write_logprobs,
    write_thought,
)
from router.protocols.responses.echo import Around

_CALL_EVENTS: Final = {
    "function_call": "response.function_call_arguments",
    "custom_tool_call": "response.custom_tool_call_input",
}
Told = Iterator[tuple[str, dict[str, Any]]]  # events: their kinds, and their fields
_TEXT_KINDS: Final = {Text: ("output_text", "text"), Refusal: ("refusal", "refusal")}


class Place(NamedTuple):
    """An item and where it stands in the output."""

    item: Item
    at: int

    @property
    def names(self) -> dict[str, Any]:
        """How its events name it."""
        return {"item_id": self.item["id"], "output_index": self.at}


class OpenMessage:
    """A message: its item, and how many of its texts are open."""

    __slots__ = ("left", "open", "place")

    def __init__(self, around: Around, index: int) -> None:
        self.place = Place(message(around.item_id("message"), "in_progress"), index)
        self.open = 0
        self.left = False  # another item began: it ends with its last text

    def begin(self) -> Told:
        """The message begins, empty."""
        item = self.place.item
        yield "response.output_item.added", {"output_index": self.place.at, "item": item}

    def end(self, status: str) -> Told:
        """The message is whole."""
        item = self.place.item
        item["status"] = status
        yield "response.output_item.done", {"output_index": self.place.at, "item": item}


class _Growing:
    """What all parts have: the texts so far, and what stands around a delta's."""

    __slots__ = ("_delta", "_rest", "place", "texts")

    def __init__(self, place: Place, kind: str, **names: Any) -> None:
        self.place = place
        self.texts: list[str] = []
        self._delta = b'event: %b\ndata: {"type":"%b","sequence_number":' % (
            kind.encode(),
            kind.encode(),
        )
        self._rest = b"," + orjson.dumps(place.names | names)[1:-1] + b',"delta":'

    def grow(self, number: int, text: str, logprobs: tuple[Logprob, ...]) -> bytes:
        """The event by which it grows."""
        self.texts.append(text)
        return b"%b%d%b%b}\n\n" % (self._delta, number, self._rest, orjson.dumps(text))

    @property
    def said(self) -> str:
        """All that came."""
        return "".join(self.texts)


class OpenText(_Growing):
    """A text or a refusal of a message."""

    __slots__ = ("_annotations", "_at", "_head", "_logprobs", "message")

    def __init__(self, owner: OpenMessage, head: Text | Refusal) -> None:
        content = owner.place.item["content"]
        self._at = len(content)
        content.append(None)  # until it is whole
        kind, _ = _TEXT_KINDS[type(head)]
        more: dict[str, Any] = {"logprobs": []} if kind == "output_text" else {}
        super().__init__(owner.place, f"response.{kind}.delta", content_index=self._at, **more)
        self.message = owner
        self._head = type(head)
        self._annotations: list[Any] = []
        self._logprobs: list[Any] = []
        owner.open += 1

    def grow(self, number: int, text: str, logprobs: tuple[Logprob, ...]) -> bytes:
        """The event by which it grows, its log-probabilities with it."""
        event = super().grow(number, text, logprobs)
        if not logprobs or self._head is not Text:
            return event
        scored = write_logprobs(logprobs)
        self._logprobs += scored
        return event.replace(b'"logprobs":[]', b'"logprobs":' + orjson.dumps(scored), 1)

    def begin(self) -> Told:
        """The part begins, empty."""
        part = write_content(self._head(""), [])
        yield "response.content_part.added", self._names | {"part": part}

    @property
    def _names(self) -> dict[str, Any]:
        return self.place.names | {"content_index": self._at}

    def cite(self, annotation: Any) -> Told:
        """It cites something."""
        fields = {"annotation_index": len(self._annotations), "annotation": annotation}
        self._annotations.append(annotation)
        yield "response.output_text.annotation.added", self._names | fields

    def end(self) -> Told:
        """The part is whole: it is told once more."""
        kind, field = _TEXT_KINDS[self._head]
        said = self.said
        part = write_content(self._head(said), [])
        done: dict[str, Any] = {field: said}
        if kind == "output_text":
            part |= {"annotations": self._annotations, "logprobs": self._logprobs}
            done["logprobs"] = self._logprobs
        self.place.item["content"][self._at] = part
        yield f"response.{kind}.done", self._names | done
        yield "response.content_part.done", self._names | {"part": part}
        self.message.open -= 1


class OpenThought(_Growing):
    """A thought, as the only section of a summary."""

    __slots__ = ("_begun", "thought")

    def __init__(self, thought: Thinking, around: Around, index: int) -> None:
        item = write_thought(Thinking("", thought.seal), around)
        super().__init__(
            Place(item, index), "response.reasoning_summary_text.delta", summary_index=0
        )
        self.thought = thought
        self._begun = False

    @property
    def _names(self) -> dict[str, Any]:
        return self.place.names | {"summary_index": 0}

    def begin(self) -> Told:
        """The item begins: what seals it is known at its end."""
        item = {"type": "reasoning", "id": self.place.item["id"], "summary": []}
        yield "response.output_item.added", {"output_index": self.place.at, "item": item}

    def speak(self) -> Told:
        """Its summary begins."""
        if not self._begun:
            self._begun = True
            part = {"type": "summary_text", "text": ""}
            yield "response.reasoning_summary_part.added", self._names | {"part": part}

    def end(self, around: Around) -> Told:
        """The thought is whole, its seal with it."""
        said = self.said
        if self._begun:
            part = {"type": "summary_text", "text": said}
            yield "response.reasoning_summary_text.done", self._names | {"text": said}
            yield "response.reasoning_summary_part.done", self._names | {"part": part}
        whole = write_thought(Thinking(said, self.thought.seal), around)
        self.place.item.update(whole | {"id": self.place.item["id"]})
        item = self.place.item
        yield "response.output_item.done", {"output_index": self.place.at, "item": item}


class OpenCall(_Growing):
    """A call of a tool that the client runs; a search for tools is told at its end alone."""

    __slots__ = ("_call", "_kind")

    def __init__(self, call: Call, around: Around, index: int) -> None:
        item = write_call(Call(call.id, call.name, "", call.kind), around)
        item["status"] = "in_progress"
        self._call = call
        self._kind = _CALL_EVENTS.get(item["type"], "")
        super().__init__(Place(item, index), f"{self._kind}.delta")

    def grow(self, number: int, text: str, logprobs: tuple[Logprob, ...]) -> bytes:
        """The event by which it grows, if it is told of that."""
        event = super().grow(number, text, logprobs)
        return event if self._kind else b""

    def begin(self) -> Told:
        """The item begins, without arguments."""
        item = self.place.item
        yield "response.output_item.added", {"output_index": self.place.at, "item": item}

    def end(self, status: str, around: Around) -> Told:
        """The call is whole: it is told once more."""
        said, item = self.said, self.place.item
        call = Call(self._call.id, self._call.name, said, self._call.kind)
        item |= write_call(call, around) | {"id": item["id"], "status": status}
        if self._kind:
            field = "input" if self._call.kind == "custom" else "arguments"
            yield f"{self._kind}.done", self.place.names | {"name": item["name"], field: said}
        yield "response.output_item.done", {"output_index": self.place.at, "item": item}


Open = OpenText | OpenThought | OpenCall
