"""Several workers: one process that binds the ports and supervises the others, which serve.

Theory of operation. The supervisor reads the documents, binds every port once, and starts each
worker as a process of its own that inherits its sockets. Each worker has a socket of the public
port to itself (SO_REUSEPORT): the kernel spreads connections over them, and those that arrive while
a dead worker is being replaced wait in its queue instead of being refused. The administrators'
listener belongs to the first worker; the others learn of a changed policy from the files, as
always. A worker that dies is replaced, ever more slowly while it keeps dying. SIGTERM, SIGINT and
SIGHUP go on to all. A worker also stops when its supervisor is gone: then its end of a pipe closes.
"""

import asyncio
import json
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

_LOG = logging.getLogger("turnout")
_YOUNG_SECONDS: Final = 10.0  # a worker that dies younger is not replaced at once
_LOOK_SECONDS: Final = 0.05
_FIRST_REST, _LONGEST_REST = 0.5, 30.0


@dataclass(frozen=True, slots=True)
class WorkerArgs:
    """What a worker inherits: its number, where the workers meet, descriptors of its sockets."""

    number: int
    folder: str
    listeners: tuple[int, ...]
    lifeline: int

    def to_text(self) -> str:
        """Return it as an argument of a command."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> "WorkerArgs":
        """Return what `to_text` wrote."""
        fields = json.loads(text)
        return cls(**fields | {"listeners": tuple(fields["listeners"])})

    def sockets(self) -> list[socket.socket]:
        """Return the inherited sockets."""
        return [socket.socket(fileno=descriptor) for descriptor in self.listeners]


class Supervisor:
    """Starts workers, replaces those that die, hands signals on. `run` returns an exit status."""

    def __init__(
        self, config: Path, public: Sequence[socket.socket], admin: socket.socket | None
    ) -> None:
        self._config = config
        self._public = public
        self._admin = admin
        self._folder = Path(tempfile.mkdtemp(prefix="turnout-workers-"))
        self._lifeline, self._life = os.pipe()
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._stopping = False
        self._status = 0
        self._stopped = asyncio.Event()

    async def run(self) -> int:
        """Supervise the workers until all have stopped."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        loop.add_signal_handler(signal.SIGHUP, self._hand_on, signal.SIGHUP)
        try:
            await asyncio.gather(*(self._keep(number) for number in range(len(self._public))))
        finally:
            os.close(self._lifeline)
            os.close(self._life)
            shutil.rmtree(self._folder, ignore_errors=True)
        return self._status

    async def _after_the_first(self) -> None:
        """Wait until the first worker serves: it makes tables and files that the others share."""
        while not self._stopping and not (self._folder / "0.sock").exists():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), _LOOK_SECONDS)

    async def _keep(self, number: int) -> None:
        """Run one worker, and another one when it dies."""
        if number:
            await self._after_the_first()
        rest, first = _FIRST_REST, True
        while not self._stopping:
            began = time.monotonic()
            worker = self._running[number] = await self._start(number)
            status = await worker.wait()
            del self._running[number]
            if self._stopping:
                self._status = self._status or max(0, status)
                return
            young = time.monotonic() - began < _YOUNG_SECONDS
            if young and first and status > 0:
                self._status = status  # it cannot start, and has said why
                self._stop(signal.SIGINT)
                return
            first = False
            _LOG.error("a worker died and is replaced", extra={"worker": number, "status": status})
            if young:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopped.wait(), rest)
                rest = min(rest * 2, _LONGEST_REST)
            else:
                rest = _FIRST_REST

    async def _start(self, number: int) -> asyncio.subprocess.Process:
        sockets = [self._public[number]]
        if number == 0 and self._admin is not None:
            sockets.append(self._admin)
        descriptors = tuple(listener.fileno() for listener in sockets)
        worker_args = WorkerArgs(number, str(self._folder), descriptors, self._lifeline)
        command = ("-m", "router.cli", "serve", "--config", str(self._config))
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            "--worker-args",
            worker_args.to_text(),
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=(*descriptors, self._lifeline),
            start_new_session=True,  # Ctrl-C is ours to hand on
        )

    def _stop(self, number: signal.Signals) -> None:
        """Hand on the wish to stop; a second time, workers stop at once."""
        self._stopping = True
        self._stopped.set()
        self._hand_on(number)

    def _hand_on(self, number: signal.Signals) -> None:
        for worker in self._running.values():
            with suppress(ProcessLookupError):
                worker.send_signal(number)
