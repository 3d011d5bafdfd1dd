"""Google's generateContent, streamed: each event a response with the next parts.

A call is told whole, once it is; why the answers ended and what was used come with the last one.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from router.protocols.gemini.answer_reader import GEMINI
from router.protocols.gemini.answer_writer import (
    REASONS,
    head,
    write_logprobs,
    write_part,
    write_usage,
)
from router.protocols.hub.answer import LENGTH, Lines, Logprob, Stop
from router.protocols.hub.conversation import Call, Citation, Part, Refusal, Seal, Text, Thinking
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
from router.protocols.passage import MalformedReply
from router.protocols.sse import encode

_MOST_HELD = 64 * 1024 * 1024  # characters of calls that are not whole yet


class _Growing:
    """A call on its way."""

    __slots__ = ("arguments", "call")

    def __init__(self, call: Call) -> None:
        self.call = call
        self.arguments = [call.arguments]


class GeminiWriter:
    """Writes one streamed response."""

    __slots__ = ("_calls", "_heads", "_held", "_named", "_out", "_stops", "_usage", "dropped")

    def __init__(self) -> None:
        self.dropped: list[str] = []
        self._named: dict[str, Any] = {}
        self._heads: dict[tuple[int, int], Part] = {}
        self._calls: dict[tuple[int, int], _Growing] = {}
        self._held = 0
        self._stops: dict[int, Stop] = {}
        self._usage: Lines = ()
        self._out: list[bytes] = []

    def write(self, events: Sequence[Event]) -> bytes:
        """The bytes of these events."""
        for event in events:
            self._write(event)
        out = b"".join(self._out)
        self._out.clear()
        return out

    def cut(self, _request_id: str, model: str, why: str) -> bytes:
        """A last response that ends at its limit."""
        self._named = self._named or head("", model)
        self._calls.clear()
        self._stops = self._stops or {0: Stop(LENGTH)}
        self._end(turnout={"ended": why})
        return self.write(())

    def _write(self, event: Event) -> None:
        if isinstance(event, PartDelta):
            self._delta(event)
        elif isinstance(event, PartOpened):
            self._opened(event)
        elif isinstance(event, PartClosed):
            self._closed(event)
        elif isinstance(event, PartNoted):
            self._noted(event)
        elif isinstance(event, Started):
            self._named = head(event.id, event.model)
        elif isinstance(event, Stopped):
            self._stops[event.choice] = event.stop
        elif isinstance(event, UsageSeen):
            self._usage = event.usage
        elif isinstance(event, Ended):
            self._end()

    def _opened(self, event: PartOpened) -> None:
        place, part = (event.choice, event.part), event.head
        self._heads[place] = part
        if isinstance(part, Call):
            self._calls[place] = _Growing(part)
        else:
            self._say(event.choice, part)

    def _delta(self, event: PartDelta) -> None:
        choice, part, text, logprobs = event
        growing = self._calls.get((choice, part))
        if growing is not None:
            growing.arguments.append(text)
            self._held += len(text)
            if self._held > _MOST_HELD:
                raise MalformedReply("told a call without end")
            return
        known = self._heads.get((choice, part))
        said = Thinking(text) if isinstance(known, Thinking) else Text(text)
        self._say(choice, Refusal(text) if isinstance(known, Refusal) else said, logprobs)

    def _noted(self, event: PartNoted) -> None:
        growing = self._calls.get((event.choice, event.part))
        if isinstance(event.note, Citation):
            self._cite(event.choice, event.note)
        elif growing is not None and isinstance(event.note, Seal):
            call = growing.call
            growing.call = Call(call.id, call.name, call.arguments, call.kind, event.note)
        elif isinstance(event.note, Seal):
            self._say(event.choice, Thinking("", event.note))

    def _cite(self, choice: int, citation: Citation) -> None:
        if citation.protocol != GEMINI:
            self.dropped.append("citations")
            return
        grounded = {"groundingMetadata": {"groundingChunks": [citation.json]}}
        self._respond({"index": choice} | grounded)

    def _closed(self, event: PartClosed) -> None:
        growing = self._calls.pop((event.choice, event.part), None)
        if growing is None:
            return
        call, given = growing.call, "".join(growing.arguments)
        self._held -= len(given)
        self._say(event.choice, Call(call.id, call.name, given, call.kind, call.seal))

    def _say(self, choice: int, part: Part, logprobs: tuple[Logprob, ...] = ()) -> None:
        parts = write_part(part, self.dropped)
        if not parts:
            return
        said: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": choice}
        if logprobs:
            said["logprobsResult"] = write_logprobs(logprobs)
        self._respond(said)

    def _respond(self, *candidates: dict[str, Any], **more: Any) -> None:
        body = {"candidates": list(candidates), **more, **self._named}
        self._out.append(encode(orjson.dumps(body)))

    def _end(self, **more: Any) -> None:
        last = [
            {"content": {"role": "model", "parts": []}, "finishReason": REASONS[stop.reason]}
            | {"index": choice}
            for choice, stop in (self._stops or {0: Stop()}).items()
        ]
        if self._usage:
            more["usageMetadata"] = write_usage(self._usage)
        self._respond(*last, **more)
