"""The events of a stream, gathered into the answer they tell: as far as it has come, or whole."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from router.protocols.hub.answer import Alternative, Answer, Lines, Logprob, Stop
from router.protocols.hub.conversation import Call, Citation, Part, Seal
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


class _Part:
    """One part that grows."""

    __slots__ = ("head", "logprobs", "notes", "texts")

    def __init__(self, head: Part) -> None:
        self.head = head
        self.texts: list[str] = []
        self.notes: list[Seal | Citation] = []
        self.logprobs: list[Logprob] = []

    def whole(self) -> Part:
        """The part as it stands."""
        head: Any = self.head
        changes: dict[str, Any] = {}
        if self.texts:
            name = "arguments" if type(head) is Call else "text"
            changes[name] = "".join([getattr(head, name), *self.texts])
        cited = tuple([note for note in self.notes if type(note) is Citation])
        if cited:
            changes["citations"] = head.citations + cited
        for note in self.notes:
            if type(note) is Seal:
                changes["seal"] = note
        whole: Part = replace(head, **changes) if changes else head
        return whole


class Gathered:
    """An answer in the making: `add` events, then look at `answer()` whenever it is wanted."""

    def __init__(self) -> None:
        self._id = ""
        self._model: str | None = None
        self._parts: dict[int, dict[int, _Part]] = {}
        self._stops: dict[int, Stop] = {}
        self._usage: Lines = ()

    def add(self, events: Iterable[Event]) -> None:
        """Take events, in order."""
        for event in events:
            match event:
                case PartDelta():
                    part = self._parts[event.choice][event.part]
                    part.texts.append(event.text)
                    part.logprobs += event.logprobs
                case PartOpened():
                    self._parts.setdefault(event.choice, {})[event.part] = _Part(event.head)
                case PartNoted():
                    self._parts[event.choice][event.part].notes.append(event.note)
                case Stopped():
                    self._stops[event.choice] = event.stop
                case UsageSeen():
                    self._usage = event.usage
                case Started():
                    self._id, self._model = event.id, event.model
                    self._usage = event.usage or self._usage

    def answer(self) -> Answer:
        """What has come so far."""
        numbers = sorted({*self._parts, *self._stops})
        alternatives = tuple([self._alternative(number) for number in numbers])
        return Answer(self._id, self._model, alternatives, self._usage)

    def _alternative(self, number: int) -> Alternative:
        parts = self._parts.get(number, {}).values()
        logprobs = tuple([one for part in parts for one in part.logprobs])
        return Alternative(
            tuple([part.whole() for part in parts]), self._stops.get(number), logprobs
        )


def events_of(answer: Answer) -> list[Event]:
    """An answer that came in one piece, as the events of a stream."""
    events: list[Event] = [Started(answer.id, answer.model)]
    for choice, alternative in enumerate(answer.alternatives):
        for number, part in enumerate(alternative.parts):
            events.append(PartOpened(choice, number, part))
            events.append(PartClosed(choice, number))
        events.append(Stopped(choice, alternative.stop or Stop()))
    if answer.usage:
        events.append(UsageSeen(answer.usage))
    return [*events, Ended()]
