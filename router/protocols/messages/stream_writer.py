"""Anthropic's Messages, streamed: events written as its clients expect them.

At most one content block is open at a time: parts that are open side by side wait for the first of
them to close. A block begins with its first text, so that an empty part leaves no empty block,
which clients would send back and the servers refuse.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from router.protocols.hub.answer import INPUT, LENGTH, OUTPUT, Lines, Stop, UsageLine
from router.protocols.hub.conversation import (
    Audio,
    Call,
    Citation,
    Image,
    Part,
    Refusal,
    Seal,
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
from router.protocols.messages.answer_writer import (
    message_head,
    write_answered,
    write_stop,
)
from router.protocols.messages.parts import MESSAGES, write_seal
from router.protocols.messages.usage import write_usage
from router.protocols.passage import MalformedReply

MOST_HELD: Final = 100_000  # events of a part that waits for another
_TEXT: Final = (b'"text_delta","text":', {"type": "text", "text": ""})
_GROWS: Final[dict[type, tuple[bytes, dict[str, str]]]] = {
    Text: _TEXT,
    Refusal: _TEXT,
    Thinking: (
        b'"thinking_delta","thinking":',
        {"type": "thinking", "thinking": "", "signature": ""},
    ),
}
_ARGUMENTS: Final = b'"input_json_delta","partial_json":'


class MessagesWriter:
    """Writes one streamed message.

    The true usage comes with the last event; until then `input_tokens`, an estimate, stands.
    """

    __slots__ = (
        *("_before", "_begun", "_head", "_held", "_index", "_input", "_open", "_out", "_running"),
        *("_stop", "_unsealed", "_usage", "dropped"),
    )

    def __init__(self, *, input_tokens: int) -> None:
        self.dropped: list[str] = []
        self._input = input_tokens
        self._out: list[bytes] = []
        self._open: int | None = None  # the part whose block is open, or may begin
        self._head: Part = Text("")
        self._running = False
        self._begun = False
        self._unsealed = False  # the open part is a thought that has no seal yet
        self._before = b""  # of the open block's deltas
        self._held: dict[int, list[Event]] = {}  # parts that wait, in order
        self._index = -1
        self._stop = Stop()
        self._usage: Lines = ()

    def write(self, events: Sequence[Event]) -> bytes:
        """The bytes of these events."""
        for event in events:
            if type(event) is PartDelta:
                self._delta(event)
            else:
                _WRITERS[type(event)](self, event)
        return self._flush()

    def cut(self, _request_id: str, model: str, why: str) -> bytes:
        """Close the open block and the message, at its `max_tokens`."""
        if not self._running:
            self.started(Started("", model))
        self._held.clear()
        self._close()
        self._end(Stop(LENGTH), turnout={"ended": why})
        return self._flush()

    def _delta(self, event: PartDelta) -> None:
        choice, part, text, _ = event
        if part != self._open or choice:
            self._hold(event)
        elif text:
            if not self._begun:
                self._begin()
            self._out += self._before, orjson.dumps(text), b"}}\n\n"

    def _hold(self, event: PartDelta | PartNoted | PartClosed) -> None:
        held = self._held.get(event.part)
        if held is not None and event.choice == 0:
            held.append(event)
            if len(held) > MOST_HELD:
                raise MalformedReply("told too much of several parts at once")

    def opened(self, event: PartOpened) -> None:
        """A part begins."""
        if event.choice:
            return  # there is room for one answer
        if self._open is None:
            self._enter(event)
        else:
            self._held[event.part] = [event]

    def _enter(self, event: PartOpened) -> None:
        head = event.head
        if isinstance(head, Image | Audio):
            head = Text(shown_text(head, self.dropped))
        self._open, self._head, self._begun = event.part, head, False
        self._unsealed = isinstance(head, Thinking)
        if isinstance(head, Call):
            self._begin()
            if head.arguments:
                self._delta(PartDelta(0, event.part, head.arguments))
        elif isinstance(head, Text | Refusal):
            self._delta(PartDelta(0, event.part, head.text))
        elif isinstance(head, Thinking) and (head.seal is None or head.seal.kind == "signature"):
            self._delta(PartDelta(0, event.part, head.text))
            if head.seal is not None:
                self._seal(head.seal)
        else:
            for block in write_answered(head, self.dropped):
                self._whole(block)

    def _begin(self) -> None:
        """The block of the open part begins."""
        head = self._head
        if isinstance(head, Call):
            if head.seal is not None:
                self._sealed(head.seal)
            grows = _ARGUMENTS
            block: dict[str, Any] = {"type": "tool_use", "id": head.id, "name": head.name}
            block["input"] = {}
        else:
            grows, block = _GROWS[type(head)]
        self._begun = True
        self._start(block)
        self._before = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
            b'"delta":{"type":%b' % (self._index, grows)
        )

    def _start(self, block: dict[str, Any]) -> None:
        self._index += 1
        self._event("content_block_start", index=self._index, content_block=block)

    def _stop_block(self) -> None:
        self._event("content_block_stop", index=self._index)

    def _whole(self, block: dict[str, Any]) -> None:
        self._start(block)
        self._stop_block()

    def _sealed(self, seal: Seal) -> None:
        """The seal of a call, in an empty thought before it."""
        self._start(_GROWS[Thinking][1])
        signed = {"type": "signature_delta", "signature": write_seal(seal)}
        self._event("content_block_delta", index=self._index, delta=signed)
        self._stop_block()

    def _seal(self, seal: Seal | None) -> None:
        self._unsealed = False
        if not self._begun:
            self._begin()
        signed = {"type": "signature_delta", "signature": write_seal(seal)}
        self._event("content_block_delta", index=self._index, delta=signed)

    def noted(self, event: PartNoted) -> None:
        """A part gets its seal or a citation."""
        if event.part != self._open or event.choice:
            self._hold(event)
        elif isinstance(event.note, Seal):
            self._seal(event.note)
        else:
            self._cite(event.note)

    def _cite(self, citation: Citation) -> None:
        if citation.protocol != MESSAGES:
            self.dropped.append("citations")
            return
        if not self._begun:
            self._begin()
        cited = {"type": "citations_delta", "citation": citation.json}
        self._event("content_block_delta", index=self._index, delta=cited)

    def closed(self, event: PartClosed) -> None:
        """A part is whole."""
        if event.part != self._open or event.choice:
            self._hold(event)
            return
        self._close()
        while self._held and self._open is None:
            part = next(iter(self._held))
            for held in self._held.pop(part):
                if type(held) is PartOpened:
                    self._enter(held)
                elif type(held) is PartDelta:
                    self._delta(held)
                elif type(held) is PartNoted:
                    self.noted(held)
                else:
                    self._close()

    def _close(self) -> None:
        if self._begun:
            if self._unsealed:
                self._seal(None)
            self._begun = False
            self._stop_block()
        self._open = None

    def started(self, event: Started) -> None:
        """The answer begins."""
        self._running = True
        message = message_head(event.id, event.model)
        known = event.usage or (UsageLine(INPUT, self._input), UsageLine(OUTPUT, 0))
        message["usage"] = write_usage(known)
        self._usage = known
        self._event("message_start", message=message)

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
        self._end(self._stop)

    def _end(self, stop: Stop, **more: Any) -> None:
        usage = write_usage(self._usage)
        self._event("message_delta", delta=write_stop(stop), usage=usage, **more)
        self._event("message_stop")

    def _flush(self) -> bytes:
        out = b"".join(self._out)
        self._out.clear()
        return out

    def _event(self, kind: str, **fields: Any) -> None:
        data = orjson.dumps({"type": kind, **fields})
        self._out.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), data))


_WRITERS: Final[dict[type, Callable[[MessagesWriter, Any], None]]] = {
    Started: MessagesWriter.started,
    PartOpened: MessagesWriter.opened,
    PartNoted: MessagesWriter.noted,
    PartClosed: MessagesWriter.closed,
    Stopped: MessagesWriter.stopped,
    UsageSeen: MessagesWriter.used,
    Ended: MessagesWriter.ended,
}
