"""Responses of Google's servers to Google's clients, as they came: usage is read in passing."""

import re
from typing import Any, Final

import orjson

from router.ask import Ask
from router.protocols.deltas import Deltas
from router.protocols.endings import content_ending
from router.protocols.fees import searched
from router.protocols.gemini.answer_reader import (
    candidates_of,
    parts_of,
    refuse_error,
)
from router.protocols.gemini.usage import read_content_usage
from router.protocols.passage import Ending, MalformedReply, Reply, read_object
from router.protocols.passing import PassingStream
from router.protocols.sse import data_of, encode, events
from router.protocols.told import UNTOLD
from router.protocols.usage import completed, estimate_output

_SHAPES: Final = (KeyError, TypeError, AttributeError, IndexError, ValueError)
_SAID: Final = re.compile(rb'"text"\s*:\s*"((?:[^"\\]|\\.)+)')


class GeminiPassage:
    """Reads whole responses and streams of them."""

    headers: tuple[str, ...] = ()
    notes = ()
    types = ()

    def reply(self, raw: bytes, ask: Ask) -> Reply:
        """A whole response."""
        body = read_object(raw)
        try:
            refuse_error(body)
            said = candidates_of(body)
            size = sum(map(_size, said))
        except _SHAPES:
            raise MalformedReply("answered with an unknown shape") from None
        if not said:
            raise MalformedReply("answered without candidates")
        usage = read_content_usage(body, searched(said), ask)
        if usage is None or usage.output_tokens == UNTOLD:
            usage = completed(usage, ask, estimate_output(size))
        model = body.get("modelVersion")
        return Reply(raw.strip(), usage, model if isinstance(model, str) else None)

    def stream(self, ask: Ask) -> "GeminiStream":
        """A streamed response."""
        return GeminiStream(ask)


class GeminiStream(PassingStream):
    """One streamed response, relayed; every event is read, since each holds counts."""

    __slots__ = ("_queries",)
    _END = b""

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask, Deltas(_SAID))
        self._queries: set[str] = set()  # of the web, so far

    @property
    def ending(self) -> Ending:
        """See `AnswerStream`."""
        return content_ending(self._told)

    def _look_into(self, block: bytes) -> bytes:
        for event in events(block):
            data = data_of(event)
            if data is not None and data.strip():
                self._read(read_object(data, "sent", "an event"))
        self.output_tokens_seen += self._deltas.of(block, learn=False)
        return block

    def _read(self, said: dict[str, Any]) -> None:
        try:
            refuse_error(said)
            candidates = candidates_of(said)
            ended = any(candidate.get("finishReason") for candidate in candidates)
            self._complete = self._complete or ended
            if ended or any(map(parts_of, candidates)):
                self.has_content = True
        except _SHAPES:
            raise MalformedReply("sent an event of an unknown shape") from None
        if ended:
            self._told.append(said)
        model = said.get("modelVersion")
        if isinstance(model, str):
            self.model = model
        self._queries |= searched(candidates)
        self._used(read_content_usage(said, self._queries, self._ask))

    def cut(self, request_id: str, model: str, why: str) -> bytes:
        """One more response that ends at its limit."""
        candidate = {"content": {"role": "model", "parts": []}, "finishReason": "MAX_TOKENS"}
        body = {"candidates": [candidate | {"index": 0}], "modelVersion": model}
        return encode(orjson.dumps(body | {"responseId": request_id, "turnout": {"ended": why}}))


def _size(candidate: Any) -> int:
    """Bytes of a candidate's texts."""
    return sum(len(str(part.get("text") or "").encode()) for part in parts_of(candidate))
