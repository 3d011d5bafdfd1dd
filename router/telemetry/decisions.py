"""The decision log: one JSON line a decision, to a file that rotates, to standard output, or off.

Lines are gathered and written together, a few times a second, so that no request waits for the
file. They are also written when the gateway stops. A crash loses at most the last quarter of a
second (billing does not depend on this log but on the ledger's journal).
"""

import asyncio
import sys
from collections.abc import Callable, Mapping
from logging import LogRecord, makeLogRecord
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

import orjson

_FLUSH_SECONDS: Final = 0.25
Write = Callable[[str], None]


class DecisionLog:
    """Where decisions go. Build it with `to_file`, `to_standard_output` or `off`."""

    def __init__(self, write: Write | None, end: Callable[[], None] = lambda: None) -> None:
        self._write = write
        self._end = end
        self._lines: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    def off(cls) -> "DecisionLog":
        """Return a log that keeps nothing."""
        return cls(None)

    @classmethod
    def to_standard_output(cls) -> "DecisionLog":
        """Return a log for whoever collects standard output."""

        def write(text: str) -> None:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

        return cls(write)

    @classmethod
    def to_file(cls, path: Path, *, max_bytes: int, keep: int) -> "DecisionLog":
        """Return a log in a file; at `max_bytes` it becomes `path.1`, of which `keep` stay.

        Raises OSError where the file cannot be opened.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=max_bytes, backupCount=keep, encoding="utf-8")

        def write(text: str) -> None:
            record: LogRecord = makeLogRecord({"msg": text})
            handler.emit(record)

        return cls(write, handler.close)

    @property
    def on(self) -> bool:
        """Whether anything is kept: ask before building a line."""
        return self._write is not None

    def add(self, line: Mapping[str, Any]) -> None:
        """Keep one decision."""
        # A copy: what orjson returns fills 4 KB for as long as it lives.
        self._lines.append(b"%b" % orjson.dumps(line))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Write what was gathered."""
        self._timer = None
        lines, self._lines = self._lines, []
        if lines and self._write is not None:
            self._write(b"\n".join(lines).decode())

    def close(self) -> None:
        """Write what was gathered, and close."""
        if self._timer is not None:
            self._timer.cancel()
        self.flush()
        self._end()
