"""Ollama's `/api/chat`, streamed: lines of JSON, each a piece of the answer, read as events."""

from collections.abc import Mapping
from typing import Any

from router.protocols.hub.answer import Logprob
from router.protocols.hub.conversation import NOTHING, Text, Thinking
from router.protocols.hub.events import (
    PartClosed,
    PartDelta,
    PartOpened,
    Started,
    Stopped,
    UsageSeen,
)
from router.protocols.hub.lines import LineStreamReader
from router.protocols.hub.values import text_of
from router.protocols.ollama.answer_reader import (
    model_of,
    read_calls,
    read_logprobs,
    read_stop,
    read_usage,
    refuse_error,
)


class OllamaReader(LineStreamReader):
    """Reads one streamed answer. `_logprobs` are those of tokens whose text is held back by the
    server: they go with the next text."""

    __slots__ = ("_ids", "_kind", "_logprobs", "_parts", "_started")

    def __init__(self) -> None:
        super().__init__()
        self._started = False
        self._parts = 0
        self._kind: type[Text | Thinking] | None = None  # of the part that is open
        self._ids: set[str] = set()
        self._logprobs: tuple[Logprob, ...] = ()

    def take(self, piece: dict[str, Any]) -> None:
        """Read one line."""
        refuse_error(piece)
        if not self._started:
            self._started = True
            self.out.append(Started("", model_of(piece)))
        message = piece.get("message") or NOTHING
        if piece.get("logprobs"):
            self._logprobs += read_logprobs(piece["logprobs"])
        if thought := text_of(message.get("thinking") or ""):
            self._say(Thinking, thought, ())
        if text := text_of(message.get("content") or ""):
            self._say(Text, text, self._logprobs)
            self._logprobs = ()
        if message.get("tool_calls"):
            self._call(message)
        if piece.get("done") is True:
            self._finish(piece)

    def _say(self, kind: type[Text | Thinking], text: str, logprobs: tuple[Logprob, ...]) -> None:
        """Let the text or thought that is open grow, or open one."""
        if self._kind is not kind:
            self._close()
            self._kind = kind
            self.out.append(PartOpened(0, self._parts, kind("")))
        self.out.append(PartDelta(0, self._parts, text, logprobs))

    def _call(self, message: Mapping[str, Any]) -> None:
        self._close()
        for call in read_calls(message, self._ids):
            self._ids.add(call.id)
            self.out.append(PartOpened(0, self._parts, call))
            self.out.append(PartClosed(0, self._parts))
            self._parts += 1

    def _close(self) -> None:
        if self._kind is not None:
            self._kind = None
            self.out.append(PartClosed(0, self._parts))
            self._parts += 1

    def _finish(self, piece: dict[str, Any]) -> None:
        """The last line: why it ended, and what was used."""
        self._close()
        self.out.append(Stopped(0, read_stop(piece.get("done_reason"), called=bool(self._ids))))
        if lines := read_usage(piece):
            self.out.append(UsageSeen(lines))
        self.complete = True
        self.end()
