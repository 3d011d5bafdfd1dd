"""Google's generateContent, streamed: its responses, each a piece, read as events."""

from collections.abc import Mapping
from typing import Any

from router.protocols.fees import searched
from router.protocols.gemini.answer_reader import (
    candidates_of,
    parts_of,
    read_citations,
    read_logprobs,
    read_part,
    read_stop,
    refuse_error,
    refuse_malformed,
)
from router.protocols.gemini.usage import lines_of
from router.protocols.hub.answer import Stop
from router.protocols.hub.conversation import Call, Text, Thinking
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
from router.protocols.hub.values import name_of


class _Candidate:
    """One of the answers: its open text or thought, how many calls it made."""

    __slots__ = ("answered", "calls", "finish", "kind", "part", "parts")

    def __init__(self) -> None:
        self.calls = 0
        self.parts = 0
        self.part = 0
        self.kind: type[Text | Thinking] | None = None
        self.finish: Any = None
        self.answered = False  # whether any text came, thoughts aside


class GeminiReader(EventStreamReader):
    """Reads one streamed response."""

    __slots__ = ("_candidates", "_id", "_queries", "_started")

    def __init__(self) -> None:
        super().__init__()
        self._candidates: dict[int, _Candidate] = {}
        self._id = ""
        self._queries: set[str] = set()  # of the web, so far
        self._started = False

    def take(self, chunk: dict[str, Any]) -> None:
        """Read one response."""
        refuse_error(chunk)
        if not self._started:
            self._started = True
            self._id, model = name_of(chunk.get("responseId")), chunk.get("modelVersion")
            known = lines_of(chunk, self._queries)
            self.out.append(Started(self._id, model if type(model) is str else None, known))
        candidates = candidates_of(chunk)
        for candidate in candidates:
            self._take_candidate(candidate)
            if "groundingMetadata" in candidate:
                self._queries |= searched([candidate])
        if lines := lines_of(chunk, self._queries):
            self.out.append(UsageSeen(lines))

    def end(self) -> None:
        """Close what is open and say how every candidate ended."""
        stops: list[Stop | None] = []
        for number, candidate in self._candidates.items():
            self._close(number, candidate)
            stop = read_stop(candidate.finish, called=candidate.calls > 0)
            stops.append(stop)
            self.out.append(Stopped(number, stop))
        answered = any(one.answered or one.calls for one in self._candidates.values())
        refuse_malformed(stops, answered=answered)
        super().end()

    def _take_candidate(self, fields: Mapping[str, Any]) -> None:
        number = fields.get("index", 0)
        if type(number) is not int:
            raise TypeError
        candidate = self._candidates.setdefault(number, _Candidate())
        logprobs = read_logprobs(fields.get("logprobsResult"))
        for part in parts_of(fields):
            read = read_part(part, self._id, candidate.calls)
            if isinstance(read, Text | Thinking):
                if read.text:
                    self._say(number, candidate, read)
                    self.out.append(PartDelta(number, candidate.part, read.text, logprobs))
                    logprobs = ()
                continue
            candidate.calls += isinstance(read, Call)
            self._close(number, candidate)
            self.out.append(PartOpened(number, candidate.parts, read))
            self.out.append(PartClosed(number, candidate.parts))
            candidate.parts += 1
        if candidate.kind is Text:
            for cited in read_citations(fields):
                self.out.append(PartNoted(number, candidate.part, cited))
        if fields.get("finishReason"):
            candidate.finish = fields["finishReason"]
            self.complete = True

    def _say(self, number: int, candidate: _Candidate, part: Text | Thinking) -> None:
        """The text or thought that `part` belongs to is open."""
        kind = type(part)
        if candidate.kind is kind:
            return
        self._close(number, candidate)
        candidate.kind, candidate.part = kind, candidate.parts
        candidate.answered |= kind is Text
        candidate.parts += 1
        self.out.append(PartOpened(number, candidate.part, kind("")))

    def _close(self, number: int, candidate: _Candidate) -> None:
        if candidate.kind is not None:
            candidate.kind = None
            self.out.append(PartClosed(number, candidate.part))
