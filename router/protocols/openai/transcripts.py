"""Sounds that a model wrote down: JSON, plain text and subtitles, whole and streamed."""

import math
from typing import Any, Final

import orjson

from router.ask import Ask
from router.domain import Usage
from router.protocols.error_inside import refuse_error_inside
from router.protocols.headers import CHAT_ANSWER
from router.protocols.openai.typed_stream import TypedStream, read_told
from router.protocols.passage import MalformedReply, Reply, read_object
from router.units import SECOND

_TEXTS: Final = frozenset({"text", "srt", "vtt"})
_MOST: Final = 1_000_000  # seconds


class TranscriptsPassage:
    """Reads tokens or seconds, whichever an answer tells; else the sound's length counts."""

    headers = CHAT_ANSWER
    notes = ()
    types = ("text/", "application/x-subrip")

    def reply(self, raw: bytes, ask: Ask) -> Reply:
        """A whole answer, in the form that was asked for."""
        if ask.body.get("response_format") in _TEXTS and not _is_json(raw):
            return Reply(raw, _told({}, ask), None)
        body = read_object(raw)
        refuse_error_inside(body)
        if not isinstance(body.get("text"), str):
            raise MalformedReply("answered without a text")
        return Reply(raw.strip(), _told(body, ask), None)

    def stream(self, ask: Ask) -> "TranscriptStream":
        """A streamed answer."""
        return TranscriptStream(ask)


class TranscriptStream(TypedStream):
    """A transcript in pieces; the last event has all of it, and what it used."""

    __slots__ = ()
    _CONTENT = frozenset({b"transcript.text.delta", b"transcript.text.segment"})
    _DONE = frozenset({b"transcript.text.done"})

    def _note(self, said: dict[str, Any]) -> None:
        self.usage = _told(said, self._ask)


def _told(body: dict[str, Any], ask: Ask) -> Usage:
    usage = body.get("usage")
    tokens = read_told(usage, ask)
    if tokens is not None:
        return tokens
    seconds = _seconds(usage.get("seconds") if isinstance(usage, dict) else None)
    if seconds is None:
        seconds = _seconds(body.get("duration"))
    if seconds is not None:
        return Usage(units=((SECOND, seconds),))
    return Usage(units=ask.units, estimated=ask.media.seconds_guessed)


def _seconds(told: Any) -> int | None:
    """Whole seconds, begun ones included; some servers say them in a text."""
    try:
        seconds = float(told)
    except (TypeError, ValueError):
        return None
    return math.ceil(seconds) if 0 <= seconds <= _MOST else None


def _is_json(raw: bytes) -> bool:
    """Whether a server answers with an object although it was asked for a text."""
    if not raw.lstrip().startswith(b"{"):
        return False
    try:
        return isinstance(orjson.loads(raw), dict)
    except orjson.JSONDecodeError:
        return False
