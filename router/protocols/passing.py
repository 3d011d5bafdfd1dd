"""A stream in passing: relayed as it came, and looked into only where it says more than text.

What the protocols' streams have in common; each says what it looks for, and how it ends.
"""

from typing import Any, ClassVar

from router.ask import Ask
from router.domain import Usage
from router.protocols.deltas import Deltas
from router.protocols.passage import Ending, MalformedReply
from router.protocols.sse import EventTooLarge, Splitter
from router.protocols.told import UNTOLD
from router.protocols.usage import completed


class PassingStream:
    """One streamed answer, relayed; see `AnswerStream` for the promises.

    A protocol derives from it: `_END` is the end that a server may forget, `_look_into` gets each
    block of whole events that is not text alone. `_told` are the parts of the answer that name it
    or say why it ended, as they were read.
    """

    __slots__ = (
        *("_ask", "_complete", "_deltas", "_splitter", "_told", "_untold"),
        *("finished", "has_content", "model", "output_tokens_seen", "usage"),
    )
    _END: ClassVar[bytes]

    def __init__(self, ask: Ask, deltas: Deltas) -> None:
        self._ask = ask
        self._splitter = Splitter()
        self._deltas = deltas
        self._complete = False  # the answer said why it ended
        self._told: list[dict[str, Any]] = []
        self.usage: Usage | None = None
        self._untold: Usage | None = None  # where its output is counted here
        self.output_tokens_seen = 0
        self.model: str | None = None
        self.has_content = False
        self.finished = False

    @property
    def ending(self) -> Ending:
        """See `AnswerStream`."""
        raise NotImplementedError

    def feed(self, data: bytes) -> bytes:
        """Relay the events that are whole; look into those only that hold more than text."""
        if self.finished:
            return b""  # nothing counts after the end
        try:
            block = self._splitter.feed(data)
        except EventTooLarge:
            raise MalformedReply("sent an event that never ends") from None
        if not block:
            return b""
        tokens = self._deltas.of_plain(block)
        if tokens is None:
            block = self._look_into(block)
            if self._untold is not None:
                self.usage = completed(self._untold, self._ask, self.output_tokens_seen)
            return block
        self.output_tokens_seen += tokens
        return block

    def _look_into(self, block: bytes) -> bytes:
        """Note what the events say; return what of them is for the client."""
        raise NotImplementedError

    def _used(self, usage: Usage | None) -> None:
        """Remember what the server says that it used: the last one counts that tells all of it, and
        does not take a prompt back that was told."""
        known = self.usage if self.usage and not self.usage.estimated else None
        if usage is None or (known and (usage.estimated or known.input_tokens > usage[0] == 0)):
            return
        self._untold = usage if usage.output_tokens == UNTOLD else None
        self.usage = completed(usage, self._ask, self.output_tokens_seen)

    def finish(self) -> bytes:
        """Add the end that a server forgot; refuse an answer that was cut."""
        if self.finished:
            return b""
        rest = b""
        if self._splitter.pending.strip():
            rest = self.feed(b"\n\n")  # a last event without its empty line
        if self.finished:
            return rest
        if not self._complete:
            raise MalformedReply("ended its stream before the answer did")
        self.finished = True
        return rest + self._END
