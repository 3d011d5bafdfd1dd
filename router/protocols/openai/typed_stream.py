"""Streams whose events say by a `type` what they are: pictures, sounds, transcripts."""

import re
from typing import Any, ClassVar, Final

from router.ask import Ask
from router.domain import Usage
from router.protocols.deltas import Deltas
from router.protocols.error_inside import refuse_error_inside
from router.protocols.passage import Ending, read_object
from router.protocols.passing import PassingStream
from router.protocols.sse import Splitter, data_of, events
from router.protocols.usage import completed, read_usage

_EVENT_CAP: Final = 64 * 1024 * 1024  # bytes: a picture is one event
_TYPE: Final = re.compile(rb'"type"\s*:\s*"([a-z_.]+)"')
_SEARCHED: Final = 256  # bytes of an event in which its type stands


def read_told(usage: Any, ask: Ask) -> Usage | None:
    """Tokens that such an operation tells; None where none can be true."""
    usage = read_usage(usage, ask)
    return None if usage is None else completed(usage, ask, 0)


class TypedStream(PassingStream):
    """One such stream, relayed; an operation says which types are content, and which is the end."""

    __slots__ = ()
    _END = b""
    _CONTENT: ClassVar[frozenset[bytes]]
    _DONE: ClassVar[frozenset[bytes]]

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask, Deltas())
        self._splitter = Splitter(_EVENT_CAP)

    @property
    def ending(self) -> Ending:
        """Nothing: neither an id nor a reason is told."""
        return Ending()

    def _look_into(self, block: bytes) -> bytes:
        return b"".join([event for event in events(block) if self._is_for_client(event)])

    def _is_for_client(self, event: bytes) -> bool:
        data = data_of(event)
        if data is None:
            return True
        if data.strip() == b"[DONE]":
            self.finished = self._complete
            return True
        match = _TYPE.search(data, 0, _SEARCHED)
        kind = match[1] if match else b""
        if kind in self._CONTENT:  # large, and nothing more to know
            self.has_content = True
            return True
        said = read_object(data, "sent", "an event")
        refuse_error_inside(said)
        if kind in self._DONE:
            self.has_content = self._complete = True
            self._note(said)
        return True

    def _note(self, said: dict[str, Any]) -> None:
        """Remember what an event of the end says."""
        raise NotImplementedError

    def cut(self, request_id: str, model: str, why: str) -> bytes:
        """Nothing: what is no text cannot be ended early and be whole."""
        del request_id, model, why
        return b""
