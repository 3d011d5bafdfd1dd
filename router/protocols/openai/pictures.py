"""Pictures that a model made: whole answers and streams of parts of them, as they came."""

from typing import Any

from router.ask import Ask
from router.counters import summed
from router.domain import Usage
from router.protocols.error_inside import refuse_error_inside
from router.protocols.headers import CHAT_ANSWER
from router.protocols.openai.typed_stream import TypedStream, read_told
from router.protocols.passage import MalformedReply, Reply, read_object
from router.units import IMAGE


class PicturesPassage:
    """Counts the pictures of an answer, and reads its tokens where it tells them."""

    headers = CHAT_ANSWER
    notes = ()
    types = ()

    def reply(self, raw: bytes, ask: Ask) -> Reply:
        """A whole answer."""
        body = read_object(raw)
        refuse_error_inside(body)
        data = body.get("data")
        if not isinstance(data, list):
            raise MalformedReply("answered without pictures")
        tokens = read_told(body.get("usage"), ask) or Usage()
        return Reply(raw.strip(), tokens._replace(units=((IMAGE, len(data)),)), None)

    def stream(self, ask: Ask) -> "PicturesStream":
        """A streamed answer."""
        return PicturesStream(ask)


class PicturesStream(TypedStream):
    """Each picture comes in parts and then whole, with what it used."""

    __slots__ = ()
    _CONTENT = frozenset({b"image_generation.partial_image", b"image_edit.partial_image"})
    _DONE = frozenset({b"image_generation.completed", b"image_edit.completed"})

    def _note(self, said: dict[str, Any]) -> None:
        told, before = read_told(said.get("usage"), self._ask) or Usage(), self.usage or Usage()
        pictures = sum(count for _, count in before.units) + 1
        self.usage = Usage(
            told.input_tokens + before.input_tokens,
            told.output_tokens + before.output_tokens,
            told.cached_tokens + before.cached_tokens,
            estimated=told.estimated or before.estimated,
            units=((IMAGE, pictures),),
            parts=summed((*told.parts, *before.parts)),
        )
