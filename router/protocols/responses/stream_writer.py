"""Responses, streamed: events written as the ordered row that its clients expect.

Every event has its number; what deltas told is told once more when a part, an item and the response
are whole, so what was said is kept, up to a bound. Parts begin with their first text: an empty one
leaves nothing behind.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from router.ask import Ask
from router.protocols.hub.answer import LENGTH, Lines, Stop
from router.protocols.hub.conversation import (
    Audio,
    Call,
    Citation,
    Image,
    Part,
    Refusal,
    Text,
    Thinking,
)
from router.protocols.hub.events import (
    Ended,
    Event,
    PartClosed,
    PartDelta,
    PartNoted,
    PartOpened,
    Started,
    Stopped,
    UsageSeen,
)
from router.protocols.hub.writing import shown_text
from router.protocols.passage import MalformedReply
from router.protocols.responses.answer_writer import Item, said_by, write_items, write_thought
from router.protocols.responses.echo import Around, status_of
from router.protocols.responses.open_parts import (
    Open,
    OpenCall,
    OpenMessage,
    OpenText,
    OpenThought,
    Told,
)
from router.protocols.responses.parts import write_citation
from router.protocols.responses.usage import write_usage

LARGEST: Final = 16 * 1024 * 1024  # characters of an answer


class ResponsesWriter:
    """Writes one streamed response of `created`, in seconds of Unix time, to this request."""

    __slots__ = (
        *("_around", "_heads", "_message", "_number", "_open", "_out", "_output", "_refused"),
        *("_room", "_running", "_stop", "_usage", "dropped"),
    )

    def __init__(self, ask: Ask, created: int, largest: int = LARGEST) -> None:
        """`largest`: characters of all texts, which are kept until the end."""
        self.dropped: list[str] = []
        self._around = Around(ask, created)
        self._number = 0
        self._out: list[bytes] = []
        self._output: list[Item] = []
        self._message: OpenMessage | None = None  # that the next text belongs to
        self._heads: dict[int, Part] = {}  # of parts that said nothing yet
        self._open: dict[int, Open] = {}
        self._room = largest
        self._refused = False
        self._running = False
        self._stop = Stop()
        self._usage: Lines = ()

    def write(self, events: Sequence[Event]) -> bytes:
        """The bytes of these events."""
        for event in events:
            if type(event) is PartDelta:
                self._delta(event)
            else:
                _WRITERS[type(event)](self, event)
        out = b"".join(self._out)
        self._out.clear()
        return out

    def cut(self, _request_id: str, model: str, why: str) -> bytes:
        """Close what is open, and the response, as if its output limit had been reached."""
        if not self._running:
            self.started(Started("", model))
        self._heads.clear()
        for part in list(self._open):
            self._close(part, "incomplete")
        self._end_message("incomplete")
        self._end(Stop(LENGTH), turnout={"ended": why})
        out = b"".join(self._out)
        self._out.clear()
        return out

    def _delta(self, event: PartDelta) -> None:
        choice, number, text, logprobs = event
        if choice or not text:
            return
        part = self._open.get(number)
        if part is None:
            part = self._begin(number)
        self._room -= len(text)
        if self._room < 0:
            raise MalformedReply("told more than can be repeated at its end")
        if type(part) is OpenThought:
            self._tell(part.speak())
        told = part.grow(self._number, text, logprobs)
        if told:
            self._out.append(told)
            self._number += 1

    def started(self, event: Started) -> None:
        """The answer begins."""
        self._running = True
        self._around.begin(event.id, event.model)
        response = self._around.response("in_progress", [])
        self._event("response.created", {"response": response})
        self._event("response.in_progress", {"response": response})

    def opened(self, event: PartOpened) -> None:
        """A part begins: with its text, if it has any."""
        choice, number, head = event
        if choice:
            return  # there is room for one answer
        if isinstance(head, Audio) or (isinstance(head, Image) and head.url):
            head = Text(shown_text(head, self.dropped))
        if isinstance(head, Text | Refusal | Thinking):
            self._heads[number] = head
            cited = head.citations if isinstance(head, Text) else ()
            self._delta(PartDelta(0, number, head.text))
            for citation in cited:
                self.noted(PartNoted(0, number, citation))
        elif isinstance(head, Call):
            if head.seal is not None:
                self._whole(write_thought(Thinking("", head.seal), self._around))
            self._heads[number] = head
            self._begin(number)
            self._delta(PartDelta(0, number, head.arguments))
        else:
            for item in write_items(head, self._around, self.dropped):
                self._whole(item)

    def _begin(self, number: int) -> Open:
        """A part is told of for the first time."""
        head = self._heads.pop(number)
        part: Open
        if isinstance(head, Text | Refusal):
            part = self._begin_text(head)
            self._refused = self._refused or isinstance(head, Refusal)
        elif isinstance(head, Thinking):
            self._leave_message()
            part = OpenThought(head, self._around, len(self._output))
            self._output.append(part.place.item)
        elif isinstance(head, Call):
            self._leave_message()
            part = OpenCall(head, self._around, len(self._output))
            self._output.append(part.place.item)
        else:
            raise TypeError
        self._open[number] = part
        self._tell(part.begin())
        return part

    def _begin_text(self, head: Text | Refusal) -> OpenText:
        if self._message is None:
            self._message = OpenMessage(self._around, len(self._output))
            self._output.append(self._message.place.item)
            self._tell(self._message.begin())
        return OpenText(self._message, head)

    def _leave_message(self) -> None:
        """Another item begins: the message ends, now or with its last text."""
        message = self._message
        if message is not None and message.open:
            message.left, self._message = True, None
        self._end_message("completed")

    def _end_message(self, status: str) -> None:
        if self._message is not None:
            self._tell(self._message.end(status))
            self._message = None

    def _whole(self, item: Item) -> None:
        self._leave_message()
        place = {"output_index": len(self._output), "item": item}
        self._output.append(item)
        self._event("response.output_item.added", place)
        self._event("response.output_item.done", place)

    def noted(self, event: PartNoted) -> None:
        """A part gets its seal or a citation."""
        if event.choice:
            return
        part = self._open.get(event.part) or self._begin(event.part)
        note = event.note
        if isinstance(note, Citation):
            self._cite(part, note)
        elif isinstance(part, OpenThought):
            part.thought = Thinking(part.thought.text, note)

    def _cite(self, part: Open, citation: Citation) -> None:
        told = write_citation(citation, len(part.said))
        if told is None or not isinstance(part, OpenText):
            self.dropped.append("citations")
        else:
            self._tell(part.cite(told))

    def closed(self, event: PartClosed) -> None:
        """A part is whole."""
        if event.choice:
            return
        head = self._heads.get(event.part)
        if isinstance(head, Thinking) and head.seal is not None:
            self._begin(event.part)
        self._heads.pop(event.part, None)
        if event.part in self._open:
            self._close(event.part, "completed")

    def _close(self, number: int, status: str) -> None:
        part = self._open.pop(number)
        if isinstance(part, OpenText):
            self._tell(part.end())
            if part.message.left and not part.message.open:
                self._tell(part.message.end(status))
        elif isinstance(part, OpenThought):
            self._tell(part.end(self._around))
        else:
            self._tell(part.end(status, self._around))

    def stopped(self, event: Stopped) -> None:
        """An answer came to its end."""
        if event.choice == 0:
            self._stop = event.stop

    def used(self, event: UsageSeen) -> None:
        """What was used so far."""
        self._usage = event.usage

    def ended(self, _event: Ended) -> None:
        """Nothing more is to come."""
        if not self._running:
            self.started(Started("", None))
        for part in list(self._open):
            self._close(part, "completed")
        if not self._refused:
            for number, told in enumerate(said_by((), self._stop), 1):
                self.opened(PartOpened(0, -number, told))
                self.closed(PartClosed(0, -number))
        self._end_message("completed")
        self._end(self._stop)

    def _end(self, stop: Stop, **more: Any) -> None:
        status, why = status_of(stop, refused=self._refused)
        if why is not None and self._output:
            self._output[-1] = {**self._output[-1], "status": "incomplete"}
        usage = write_usage(self._usage)
        response = self._around.response(status, self._output, usage)
        response["incomplete_details"] = why
        self._event(f"response.{status}", {"response": response, **more})

    def _tell(self, told: Told) -> None:
        for kind, fields in told:
            self._event(kind, fields)

    def _event(self, kind: str, fields: dict[str, Any]) -> None:
        event = {"type": kind, "sequence_number": self._number, **fields}
        self._number += 1
        self._out.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps(event)))


_WRITERS: Final[dict[type, Callable[[ResponsesWriter, Any], None]]] = {
    Started: ResponsesWriter.started,
    PartOpened: ResponsesWriter.opened,
    PartNoted: ResponsesWriter.noted,
    PartClosed: ResponsesWriter.closed,
    Stopped: ResponsesWriter.stopped,
    UsageSeen: ResponsesWriter.used,
    Ended: ResponsesWriter.ended,
}
