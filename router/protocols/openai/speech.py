"""Speech that a model made: bytes of a sound as they come, or events that hold pieces of it."""

from typing import Any

from router.ask import Ask
from router.domain import Usage
from router.protocols.error_inside import refuse_error_inside
from router.protocols.headers import CHAT_ANSWER
from router.protocols.openai.typed_stream import TypedStream, read_told
from router.protocols.passage import AnswerStream, Ending, MalformedReply, Reply, read_object


class SoundPassage:
    """Relays sounds under their own content type; what is spoken was counted in the request."""

    headers = CHAT_ANSWER
    notes = ()
    types: tuple[str, ...] = (
        "audio/",
        "video/",
        "application/octet-stream",
        "application/ogg",
    )

    def reply(self, raw: bytes, ask: Ask) -> Reply:
        """No sound: all that is read here is an error under status 200."""
        del ask
        refuse_error_inside(read_object(raw))
        raise MalformedReply("answered without a sound")

    def stream(self, ask: Ask) -> AnswerStream:
        """A sound, as it comes."""
        return SoundStream(ask)


class SpeechPassage(SoundPassage):
    """Relays events that hold the pieces of a sound."""

    types = ()

    def stream(self, ask: Ask) -> AnswerStream:
        """The events."""
        return SpeechStream(ask)


class SpeechStream(TypedStream):
    """A sound in the events of a stream; the last tells tokens."""

    __slots__ = ()
    _CONTENT = frozenset({b"speech.audio.delta"})
    _DONE = frozenset({b"speech.audio.done"})

    def _note(self, said: dict[str, Any]) -> None:
        told = read_told(said.get("usage"), self._ask) or Usage()
        self.usage = told._replace(units=self._ask.units)


class SoundStream:
    """The bytes of a sound."""

    __slots__ = ("_ask", "finished", "has_content", "model", "output_tokens_seen", "usage")

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.usage: Usage | None = None
        self.output_tokens_seen = 0
        self.model: str | None = None
        self.has_content = False
        self.finished = False

    @property
    def ending(self) -> Ending:
        """Nothing: neither an id nor a reason is told."""
        return Ending()

    def feed(self, data: bytes) -> bytes:
        """Relay everything."""
        self.has_content = True
        return data

    def finish(self) -> bytes:
        """The sound is whole where it ended as HTTP says."""
        if not self.has_content:
            raise MalformedReply("answered with an empty sound")
        self.finished = True
        self.usage = Usage(units=self._ask.units)
        return b""

    def cut(self, request_id: str, model: str, why: str) -> bytes:
        """Nothing: a sound has no end that could be said."""
        del request_id, model, why
        return b""
