"""Server-sent events as bytes: cutting a byte stream into whole events, however it was chunked.

Theory of operation. An event ends with an empty line, and a line ends with LF, CRLF or CR. A
splitter keeps what has not ended yet, and hands out what has, as one block of bytes: a relay that
finds nothing to change in a block writes it as it came. Only LF streams take the quick path; once
a CR is seen, lines are normalised to LF.
"""

import re
from codecs import BOM_UTF8
from typing import Final

EVENT_STREAM: Final = "text/event-stream"  # their content type
DEFAULT_EVENT_CAP: Final = 4 * 1024 * 1024  # bytes; an image in a tool result is the largest we saw

# Atomic groups: CRLF is one line end, never CR and then LF.
_BLANK_LINE: Final = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_LINE_END: Final = re.compile(rb"\r\n|\r")


class EventTooLarge(ValueError):
    """An event grew over the cap without ending."""


class Splitter:
    """Cuts a stream of bytes into whole events.

    `feed` returns the events that are complete so far, as one block that ends with an empty line;
    empty where none is. `pending` is what has begun and not ended.
    """

    __slots__ = ("_cap", "_carriage", "pending")

    def __init__(self, cap: int = DEFAULT_EVENT_CAP) -> None:
        self._cap = cap
        self._carriage = False
        self.pending = b""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return the block of events they complete.

        Raises EventTooLarge where an unfinished event is over the cap.
        """
        if self._carriage or b"\r" in data:
            return self._feed_with_carriage_returns(data)
        if not self.pending and data.endswith(b"\n\n"):
            return data  # the usual case: whole events
        start = max(0, len(self.pending) - 1)
        if self.pending:
            data = self.pending + data
        cut = data.rfind(b"\n\n", start)
        if cut < 0:
            self._keep(data)
            return b""
        self._keep(data[cut + 2 :])
        return data[: cut + 2]

    def _feed_with_carriage_returns(self, data: bytes) -> bytes:
        self._carriage = True
        data = self.pending + data
        # A CR at the very end may be half of a CRLF: it waits for the next byte.
        held = data.endswith(b"\r") and not _BLANK_LINE.search(data, max(0, len(data) - 3))
        text = data[:-1] if held else data
        text = _LINE_END.sub(b"\n", text)
        cut = text.rfind(b"\n\n")
        rest = text if cut < 0 else text[cut + 2 :]
        self._keep(rest + b"\r" if held else rest)
        return b"" if cut < 0 else text[: cut + 2]

    def _keep(self, rest: bytes) -> None:
        if len(rest) > self._cap:
            raise EventTooLarge(f"an event is over {self._cap} bytes long")
        self.pending = rest


def events(block: bytes) -> list[bytes]:
    """The events of a block from `Splitter.feed`, each with its ending empty line.

    Comments and stray empty lines come along with the event they precede.
    """
    return [part + b"\n\n" for part in block.split(b"\n\n") if part.strip(b"\n")]


def data_of(event: bytes) -> bytes | None:
    """What an event's `data` lines say, joined by LF; None for a comment or a bare keep-alive.

    A stream may begin with a byte order mark (HTML, 9.2.5).
    """
    # A CR LF that was cut in two leaves its LF before the event.
    lines = event.lstrip(b"\n").removeprefix(BOM_UTF8).split(b"\n")
    lines = [line[5:] for line in lines if line.startswith(b"data:")]
    if not lines:
        return None
    return b"\n".join(line.removeprefix(b" ") for line in lines)


def encode(data: bytes, name: bytes | None = None) -> bytes:
    """One event with this data, which holds no line end of its own, and its type, if any."""
    head = b"" if name is None else b"event: " + name + b"\n"
    return head + b"data: " + data + b"\n\n"
