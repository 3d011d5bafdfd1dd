"""A server whose clock is not the machine's."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ports import free_port

from router.drills.shifted_clock import ShiftedClock
from router.ledger.server.embedded import server_binary


class ShiftedServer:
    """A ledger's server on TCP that can be killed, started again, and have its clock moved."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._clock = ShiftedClock(folder)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def move_clock(self, ms: int) -> None:
        """Let the server's clock be so far ahead of the machine's (negative: behind), at once."""
        self._clock.move(ms)

    def start(self) -> None:
        """Start it, on what it had written."""
        command = (
            str(server_binary()), "--port", str(self.port), "--dir", str(self._folder),
            "--save", "", "--appendonly", "yes", "--appendfsync", "everysec",
            "--maxmemory-policy", "noeviction",
        )  # fmt: skip
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, env={**os.environ, **self._clock.environment}
        )

    def kill(self) -> None:
        """Kill it, as SIGKILL does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def shifted_server(folder: Path) -> Iterator[ShiftedServer]:
    """One that runs; killed at the end."""
    made = ShiftedServer(folder)
    made.start()
    try:
        yield made
    finally:
        made.kill()
