"""A streamed answer of one protocol in the words of another: read, counted, written."""

from collections.abc import Sequence

from router.ask import Ask
from router.domain import Usage
from router.protocols.hub.answer import END, LENGTH, UNTOLD, Stop
from router.protocols.hub.conversation import Call, Part, Refusal, Text, Thinking
from router.protocols.hub.events import (
    Ended,
    Event,
    PartDelta,
    PartOpened,
    Started,
    Stopped,
    StreamReader,
    StreamWriter,
    UsageSeen,
)
from router.protocols.hub.table import CLIENTS
from router.protocols.hub.usage_lines import billed, lines_of_usage
from router.protocols.passage import Ending
from router.protocols.told import UNTOLD as UNCOUNTED
from router.protocols.usage import (
    BYTES_PER_TOKEN,
    believed,
    completed,
    estimate_output,
    estimate_usage,
)


class TranslatedStream:
    """One streamed answer; see `AnswerStream`."""

    __slots__ = (
        *("_ask", "_id", "_reader", "_stops", "_writer", "finished", "has_content", "model"),
        *("_untold", "output_tokens_seen", "usage"),
    )

    def __init__(self, ask: Ask, reader: StreamReader, writer: StreamWriter) -> None:
        self._ask = ask
        self._reader = reader
        self._writer = writer
        self._id = ""
        self._stops: dict[int, Stop] = {}
        self.usage: Usage | None = None
        self._untold: Usage | None = None  # where its output is counted here
        self.output_tokens_seen = 0
        self.model: str | None = None
        self.has_content = False
        self.finished = False

    @property
    def ending(self) -> Ending:
        """See `AnswerStream`; the words are those of the client's protocol."""
        word = CLIENTS[self._ask.protocol].stop_word
        reasons = [word(self._stops[choice]) for choice in sorted(self._stops)]
        return Ending(self._id or None, tuple(reasons))

    def feed(self, data: bytes) -> bytes:
        """Translate the events that are whole."""
        if self.finished:
            return b""
        return self._written(self._reader.feed(data))

    def finish(self) -> bytes:
        """The server closed: the end of the answer."""
        if self.finished:
            return b""
        return self._written(self._reader.finish())

    def cut(self, request_id: str, model: str, why: str) -> bytes:
        """A well-formed end, as if the output limit had been reached."""
        used = self.usage or estimate_usage(self._ask, self.output_tokens_seen)
        before = self._writer.write([UsageSeen(lines_of_usage(used))])
        return before + self._writer.cut(request_id, model, why)

    def _written(self, events: Sequence[Event]) -> bytes:
        out: list[Event] = []
        for event in events:
            if type(event) is PartDelta:
                if text := event[2]:
                    self.has_content = True
                    size = len(text) if text.isascii() else len(text.encode())
                    self.output_tokens_seen += -(-size // BYTES_PER_TOKEN)
                out.append(event)
            else:
                out += self._noted(event)
        return self._writer.write(out) if out else b""

    def _count(self, text: str) -> None:
        """What a part says at once is a token at least."""
        if text:
            self.has_content = True
            self.output_tokens_seen += estimate_output(len(text.encode()))

    def _noted(self, event: Event) -> list[Event]:
        """What is metered of an event that is no delta; usage that cannot be true is left out."""
        if isinstance(event, PartOpened):
            self._open(event.head)
        elif isinstance(event, UsageSeen):
            return self._used(event)
        elif isinstance(event, Started):
            self.model, self._id = event.model, event.id
            if event.model is None:  # clients with types take no null
                return [event._replace(model=self._ask.model)]
        elif isinstance(event, Stopped):
            self.has_content = True
            stop = settled(event.stop, self.usage, self._ask)
            self._stops[event.choice] = stop
            return [Stopped(event.choice, stop)]
        elif isinstance(event, Ended):
            self.finished = True
            if self.usage is None or self._untold is not None:
                counted = completed(self._untold, self._ask, self.output_tokens_seen)
                self.usage = self.usage and counted
                return [UsageSeen(lines_of_usage(counted)), event]
        return [event]

    def _used(self, event: UsageSeen) -> list[Event]:
        """What the server says that it used, as far as it can be true."""
        usage = believed(billed(event.usage), self._ask)
        if usage is None or (usage.estimated and self.usage and not self.usage.estimated):
            return []  # the last one counts that tells all of it
        if not usage.estimated:
            self._untold, self.usage = None, usage
            return [event]
        self._untold = usage if usage.output_tokens == UNCOUNTED else None
        self.usage = completed(usage, self._ask, self.output_tokens_seen)
        return [UsageSeen(lines_of_usage(self.usage))]

    def _open(self, head: Part) -> None:
        if isinstance(head, Text | Thinking | Refusal):
            self._count(head.text)
            return
        self.has_content = True
        if isinstance(head, Call):
            self._count(head.arguments)


def settled(stop: Stop, usage: Usage | None, ask: Ask) -> Stop:
    """A server that tells no reason: an answer as long as was allowed was cut."""
    if stop.reason != UNTOLD:
        return stop
    limit = ask.max_output_tokens
    counted = usage is not None and not usage.estimated
    cut = limit is not None and counted and usage is not None and usage.output_tokens >= limit
    return Stop(LENGTH if cut else END)
