"""The decision log: one JSON line a decision, to a file that rotates, to standard output, or off.

Lines are gathered and written together, a few times a second, so that no request waits for the
file. They are also written when the gateway stops. A crash loses at most the last quarter of a
second (billing does not depend on this log but on the ledger's journal). Lines that the disk does
not take are dropped: nothing of them goes anywhere else, which may be more public. They are
counted; that they are missing is told once, when it begins, and how many, when it ends.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from router.printable import safe_json
from router.private_files import AppendedFile

_LOG = logging.getLogger("turnout")
_FLUSH_SECONDS: Final = 0.25
Write = Callable[[str], None]


class DecisionLog:
    """Where decisions go. Build it with `to_file`, `to_standard_output` or `off`.

    `lost`: how many lines could not be written.
    """

    def __init__(self, write: Write | None, end: Callable[[], None] = lambda: None) -> None:
        self._write = write
        self._end = end
        self._lines: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._lost_now = 0
        self.lost = 0

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
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = _RotatedFile(path, max_bytes, keep)
        return cls(file.write, file.close)

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
        if not lines or self._write is None:
            return
        try:
            self._write(safe_json(b"\n".join(lines).decode()))
        except OSError as error:
            self._missing(len(lines), error)
        else:
            self._complete()

    def _missing(self, lines: int, error: OSError) -> None:
        if not self._lost_now:
            _LOG.warning("the decision log cannot be written", extra={"reason": error.strerror})
        self._lost_now += lines
        self.lost += lines

    def _complete(self) -> None:
        if self._lost_now:
            _LOG.warning("the decision log is written again", extra={"missing": self._lost_now})
            self._lost_now = 0

    def close(self) -> None:
        """Write what was gathered, and close."""
        if self._timer is not None:
            self._timer.cancel()
        self.flush()
        self._end()


class _RotatedFile:
    """A file of lines that begins anew at a size, its elders beside it as `.1`, `.2` ..."""

    def __init__(self, path: Path, max_bytes: int, keep: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._file = AppendedFile(path)

    def write(self, text: str) -> None:
        """Add lines, all or none. Raises OSError."""
        data = text.encode() + b"\n"
        size = self._file.size
        if size and size + len(data) > self._max_bytes:
            self._rotate()
        self._file.append(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _rotate(self) -> None:
        for number in range(self._keep, 1, -1):
            younger = self._elder(number - 1)
            if younger.exists():
                younger.replace(self._elder(number))
        if self._keep:
            self._path.replace(self._elder(1))
        else:
            self._path.unlink()
        elder, self._file = self._file, AppendedFile(self._path)
        elder.close()

    def _elder(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
