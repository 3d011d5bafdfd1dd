"""What a client-ready answer says, for those who check it: whole, or as far as it has come."""

from collections.abc import Callable, Mapping
from typing import Any

from router.protocols.hub.answer import Alternative, Answer
from router.protocols.hub.events import StreamReader
from router.protocols.hub.gather import Gathered
from router.protocols.passage import ErrorInside, MalformedReply
from router.protocols.tolerant_json import loads

Alternatives = tuple[Alternative, ...]
_SHAPES = (KeyError, TypeError, AttributeError, IndexError, MalformedReply, ErrorInside)


def body_reader(read: Callable[[Mapping[str, Any]], Answer]) -> Callable[[bytes], Alternatives]:
    """A reader of whole bodies; it raises ValueError for what is no answer."""

    def read_body(body: bytes) -> Alternatives:
        answer = loads(body)
        try:
            return read(answer).alternatives
        except _SHAPES as error:
            raise ValueError("an answer of an unknown shape") from error

    return read_body


def stream_reader(reader: Callable[[], StreamReader]) -> Callable[[bytes], Alternatives]:
    """A reader of a stream as far as it has come: `stop` is None where it goes on.

    It raises ValueError for what is no stream.
    """

    def read_stream(block: bytes) -> Alternatives:
        stream, gathered = reader(), Gathered()
        try:
            gathered.add(stream.feed(block))
            if stream.complete:
                gathered.add(stream.finish())
        except _SHAPES as error:
            raise ValueError("a stream of an unknown shape") from error
        return gathered.answer().alternatives

    return read_stream
