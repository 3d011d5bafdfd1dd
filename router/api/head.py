"""The heads of answers: what is the same in many of them is written once."""

from collections.abc import Mapping, Sequence
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from router.protocols.sse import EVENT_STREAM

_JSON: Final = b"%bcontent-type: application/json\r\ncache-control: no-store\r\n"
_SSE: Final = (  # nginx holds back what it relays unless it is told not to
    b"%bcontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-store\r\n"
    b"x-accel-buffering: no\r\n"
)
_PIECES: Final = b"%bx-accel-buffering: no\r\n" % _JSON
Headers = Sequence[tuple[str, str]]

# How the head of a stream begins, by its content type.
STREAMS: Final[Mapping[str, bytes]] = {
    EVENT_STREAM: _SSE % STATUS_LINE[200],
    "application/json": _PIECES % STATUS_LINE[200],
}
STREAM: Final = STREAMS[EVENT_STREAM]
WHOLE: Final[Mapping[int, bytes]] = {status: _JSON % line for status, line in STATUS_LINE.items()}
NOTHING: Final = STATUS_LINE[204]
CLOSE: Final = b"connection: close\r\n"
KEEP: Final = b"connection: keep-alive\r\n"  # which clients of HTTP/1.0 do not expect
CHUNKED: Final = b"transfer-encoding: chunked\r\n"


def typed(content_type: str, status: int = 200) -> bytes:
    """How the head of an answer begins that has this type; it holds no line break."""
    opening = b"%bcontent-type: %b\r\ncache-control: no-store\r\n"
    return opening % (STATUS_LINE[status], content_type.encode("latin-1"))


class _Lines:
    """The header lines that uvicorn wants in every answer: a new list each second, for the date."""

    __slots__ = ("_list", "_text")

    def __init__(self) -> None:
        self._list: Sequence[tuple[bytes, bytes]] = ()
        self._text = b""

    def of(self, pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
        """Return them as text."""
        if pairs is not self._list:
            self._list, self._text = pairs, b"".join([b"%b: %b\r\n" % pair for pair in pairs])
        return self._text


_ALWAYS: Final = _Lines()


def head(
    opening: bytes,
    always: Sequence[tuple[bytes, bytes]],
    headers: Headers,
    framing: bytes,
) -> bytes:
    """Return a whole head: `opening` is one of those above, `framing` says where the body ends.

    Raises ValueError where a header would split the answer, or is not Latin-1.
    """
    text = "\r\n".join((*map(": ".join, headers), ""))
    lines = len(headers)
    if text.count("\n") != lines or text.count("\r") != lines or "\0" in text:
        raise ValueError("a response header holds a line break")
    return b"%b%b%b%b\r\n" % (opening, _ALWAYS.of(always), text.encode("latin-1"), framing)
