"""A stream as Google sends it without `alt=sse`: a JSON array whose elements come one by one.

The same responses as in a stream of events, each an element as soon as it is whole. Blanks between
elements mean nothing, so a line end keeps the connection alive. An error is the last element.
"""

from collections.abc import Callable, Sequence
from typing import Final

import orjson

from router.ask import Ask
from router.errors import TurnoutError
from router.protocols.gemini.errors import content_error_body
from router.protocols.gemini.passage import GeminiPassage, GeminiStream
from router.protocols.gemini.stream_writer import GeminiWriter
from router.protocols.hub.events import Ended, Event
from router.protocols.reading import Alternatives
from router.protocols.sse import data_of, encode, events
from router.protocols.tolerant_json import loads

KEEPALIVE: Final = b"\n"
_BEGIN: Final = b"["
_NEXT: Final = b",\r\n"
_END: Final = b"]"


class _Elements:
    """Events into elements of one array."""

    __slots__ = ("_begun",)

    def __init__(self) -> None:
        self._begun = False

    def of(self, block: bytes) -> bytes:
        """The data of whole events as elements, each with what stands before it."""
        out: list[bytes] = []
        for event in events(block):
            data = data_of(event)
            if data is not None and data.strip():
                out += (_NEXT if self._begun else _BEGIN, data)
                self._begun = True
        return b"".join(out)


class ArrayStream(GeminiStream):
    """One streamed response of Google's servers, its events as elements."""

    __slots__ = ("_elements",)
    _END = _END

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask)
        self._elements = _Elements()

    def feed(self, data: bytes) -> bytes:
        """See `AnswerStream`."""
        return self._elements.of(super().feed(data))

    def cut(self, request_id: str, model: str, why: str) -> bytes:
        """One more element that ends at its limit, and the array's end."""
        return self._elements.of(super().cut(request_id, model, why)) + _END


class ArrayPassage(GeminiPassage):
    """Google's answers for clients that want an array; its servers are asked for events."""

    def stream(self, ask: Ask) -> ArrayStream:
        """A streamed response."""
        return ArrayStream(ask)


class ArrayWriter(GeminiWriter):
    """Writes one streamed response of another server as an array."""

    __slots__ = ("_elements",)

    def __init__(self) -> None:
        super().__init__()
        self._elements = _Elements()

    def write(self, events: Sequence[Event]) -> bytes:
        """The bytes of these events; the last one ends the array."""
        out = self._elements.of(super().write(events))
        return out + _END if any(type(event) is Ended for event in events) else out

    def cut(self, request_id: str, model: str, why: str) -> bytes:
        """A last element that ends at its limit, and the array's end."""
        return super().cut(request_id, model, why) + _END


def array_error_body(error: TurnoutError) -> bytes:
    """An error where nothing came before it: Google's servers put it into an array too."""
    return _BEGIN + content_error_body(error) + _END


def array_error_event(error: TurnoutError) -> bytes:
    """An error as the last of several elements."""
    return _NEXT + content_error_body(error) + _END


def array_reader(
    read_stream: Callable[[bytes], Alternatives],
) -> Callable[[bytes], Alternatives]:
    """A reader of an array as far as it has come, by a reader of the same as events.

    It raises ValueError for what is no array.
    """

    def read_array(block: bytes) -> Alternatives:
        text = block.strip()
        elements = loads(text if text.endswith(_END) else text + _END)
        if not isinstance(elements, list):
            raise ValueError("no array")  # it is bytes that are wrong
        return read_stream(b"".join([encode(orjson.dumps(one)) for one in elements]))

    return read_array
