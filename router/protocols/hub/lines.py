"""Streams of JSON objects, one a line (NDJSON), read as the hub reads server-sent events."""

from router.protocols.hub.events import EventStreamReader
from router.protocols.sse import Splitter


class LineSplitter(Splitter):
    """Cuts a stream of bytes into whole lines: a block ends with LF. A CR before one stays, which
    to JSON is a blank."""

    __slots__ = ()

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return the lines they complete.

        Raises EventTooLarge where an unfinished line is over the cap.
        """
        cut = data.rfind(b"\n") + 1
        if not cut:
            self._keep(self.pending + data)
            return b""
        block = self.pending + data[:cut]
        self._keep(data[cut:])
        return block


class LineStreamReader(EventStreamReader):
    """The common half of a reader of such streams; `take` gets the JSON of each line."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()
        self._splitter = LineSplitter()

    def _read(self, block: bytes) -> None:
        for line in block.split(b"\n"):
            if line and not self.ended:
                self._read_data(line)
