"""A gateway whose event loop is timed, in the CPU time of its thread.

    python -m trust.stopwatch FILE serve --config turnout.yaml

It runs `turnout` as its user would start it, and one more thing on its event loop: a timer that
rings every millisecond. How much CPU time the loop's thread used between two rings is how long one
turn of the loop kept everybody else, whatever else the machine does meanwhile. What waits for the
interpreter uses none, so the time that other threads of the process used is written beside it.
Turns of more than LONG are written to FILE, a line each.
"""

import asyncio
import os
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

import uvloop

from router.cli.main import main

LONG: Final = 0.005  # seconds
_RING: Final = 0.001


class Stopwatch:
    """Measures the turns of the loop it is started on."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._loop = asyncio.get_running_loop()
        self._last = time.thread_time()
        self._all = time.process_time()

    def ring(self) -> None:
        """Write how long it was since the last ring, where that was long."""
        now, everybody = time.thread_time(), time.process_time()
        used = now - self._last
        others = everybody - self._all - used
        if used > LONG or others > LONG:
            os.write(self._file, b"%.6f %.6f\n" % (used, others))
        self._last, self._all = time.thread_time(), time.process_time()
        self._loop.call_later(_RING, self.ring)


def longest(file: Path, since: int) -> tuple[float, int]:
    """The longest turn, in seconds, of those written from this place of the file on; its end."""
    written = file.read_bytes()
    turns = [float(line.split()[0]) for line in written[since:].splitlines()]
    return max(turns, default=0.0), len(written)


def _timed(path: str) -> None:
    plain = uvloop.run

    def run(walk: Coroutine[Any, Any, Any], **options: Any) -> Any:
        async def timed() -> Any:
            Stopwatch(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)).ring()
            return await walk

        return plain(timed(), **options)

    uvloop.run = run


if __name__ == "__main__":
    _timed(sys.argv.pop(1))
    sys.exit(main())
