"""The processes of a drill: a ledger's server and gateways, each started here, and hurt here alone.

A process is known by what started it, never by a name or a file: nothing else can be hit.
"""

import asyncio
import contextlib
import os
import resource
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

import httpx

from router.drills.copied import CannotRun
from router.ledger.server.clients import blocking_client
from router.ledger.server.embedded import server_binary
from router.ledger.server.errors import Disconnected
from router.ledger.server.socket_place import make_socket_place
from router.settings import environment

START_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.05
_ANSWER_SECONDS: Final = 2.0
_EXIT_SECONDS: Final = 10.0
# What a gateway of the drill sees of the environment, besides what its configuration names.
_PASSED_ON: Final = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH"),
    *("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "TURNOUT_LOG_LEVEL"),
)


async def until(
    condition: Callable[[], Awaitable[bool]], seconds: float, pause: float = _LOOK_SECONDS
) -> float | None:
    """Wait until it holds; return after how many seconds it did, None where it never did."""
    started = time.monotonic()
    while True:
        if await condition():
            return time.monotonic() - started
        if time.monotonic() - started > seconds:
            return None
        await asyncio.sleep(pause)


def passed_on(environ: Mapping[str, str], named: str) -> dict[str, str]:
    """What of the environment a gateway gets: what it runs by, and what `named` (its configuration)
    has as `${NAME}`. No key of a provider is among it.
    """
    return {
        name: value
        for name, value in environ.items()
        if name in _PASSED_ON or f"${{{name}}}" in named
    }


class Started:
    """One process of the drill's own."""

    def __init__(self) -> None:
        self.process: Process | None = None
        self.stalled = False

    @property
    def running(self) -> bool:
        """Whether it is there."""
        return self.process is not None and self.process.returncode is None

    @property
    def pid(self) -> int:
        """Its process id. Raises CannotRun where it ended."""
        if self.process is None or self.process.returncode is not None:
            raise CannotRun("a process of the drill ended by itself")
        return self.process.pid

    def send(self, number: signal.Signals) -> None:
        """Send a signal, to this process alone."""
        os.kill(self.pid, number)

    def stall(self) -> None:
        """Let it stand still."""
        self.send(signal.SIGSTOP)
        self.stalled = True

    def go_on(self) -> None:
        """Let it go on."""
        self.stalled = False
        if self.running:
            self.send(signal.SIGCONT)

    async def kill(self) -> None:
        """Kill it (SIGKILL), and wait until it is gone."""
        if self.running and self.process is not None:
            self.process.kill()
            await self.process.wait()


class DrillLedger(Started):
    """A ledger's server on a socket of its own; what it wrote survives its death.

    `environment` is what its process finds besides: a clock that is not the machine's, say.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        super().__init__()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._environment = environment
        self._socket = make_socket_place(folder)

    @property
    def url(self) -> str:
        """The address for gateways."""
        return f"unix://{self._socket}"

    @property
    def place(self) -> Path:
        """The folder of the socket, which may lie elsewhere: a path has its longest."""
        return self._socket.parent

    async def start(self) -> None:
        """Start it on what it had written, and wait until it answers. Raises CannotRun."""
        self._socket.unlink(missing_ok=True)
        command = [
            str(server_binary()), "--port", "0", "--unixsocket", str(self._socket),
            "--unixsocketperm", "700", "--dir", str(self._folder),
            "--logfile", str(self._folder / "valkey.log"), "--save", "",
            "--appendonly", "yes", "--appendfsync", "everysec",
            "--maxmemory-policy", "noeviction",
        ]  # fmt: skip
        self.process = await asyncio.create_subprocess_exec(
            *command,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            env={**passed_on(environment(), ""), **self._environment},
            start_new_session=True,
            umask=0o077,
        )
        if await until(self.answers, START_SECONDS) is None:
            raise CannotRun("the drill's ledger does not start")

    async def answers(self) -> bool:
        """Whether it answers now."""
        return await asyncio.to_thread(self._ping)

    def _ping(self) -> bool:
        with contextlib.suppress(Disconnected), blocking_client(self._socket, 1) as client:
            return bool(client.ping())
        return False


class DrillGateway(Started):
    """`turnout serve` on a copy of the operator's documents. Its log is a file in its folder."""

    def __init__(self, config: Path, port: int, environment: Mapping[str, str]) -> None:
        super().__init__()
        self.config = config
        self.home = config.parent
        self.name = config.parent.name
        self.root = f"http://127.0.0.1:{port}"
        self._environment = dict(environment)
        self._reading: asyncio.Task[None] | None = None
        self._asking = httpx.AsyncClient(timeout=_ANSWER_SECONDS, trust_env=False)

    async def start(self) -> None:
        """Start it; it may not listen yet."""
        command = ("-m", "router.cli", "serve", "--config", str(self.config))
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            env=self._environment,
            start_new_session=True,  # Ctrl-C is the drill's to hand on
        )
        self._reading = asyncio.create_task(self._keep_log(self.process))

    async def _keep_log(self, process: Process) -> None:
        """Write what it says: by a pipe, so that a full disk of the gateway's is not the log's."""
        if process.stdout is not None:
            with (self.home / "gateway.log").open("ab") as log:
                while piece := await process.stdout.read(65_536):
                    log.write(piece)
                    log.flush()

    async def until_ready(self, seconds: float = START_SECONDS) -> float:
        """Wait until it would serve; return how long. Raises CannotRun with its last words."""

        async def ready_or_over() -> bool:
            return not self.running or (await self.readiness())[0] == 200

        took = await until(ready_or_over, seconds)
        if took is None or not self.running:
            raise CannotRun(f"gateway {self.name} does not start: {self.last_words()}")
        return took

    async def readiness(self) -> tuple[int, str]:
        """What /readyz answers: its status (0: nothing), and what it says of the ledger."""
        try:
            answer = await self._asking.get(f"{self.root}/readyz")
            return answer.status_code, str(answer.json().get("ledger", ""))
        except (httpx.HTTPError, ValueError):
            return 0, ""

    async def metric(self, name: str) -> float:
        """The sum of a metric's samples, 0 where there is none."""
        with contextlib.suppress(httpx.HTTPError):
            text = (await self._asking.get(f"{self.root}/metrics")).text
            found = [
                line for line in text.splitlines() if line.startswith((f"{name} ", name + "{"))
            ]
            return sum(float(line.rpartition(" ")[2]) for line in found)
        return 0.0

    def files_end_at(self, size: int | None) -> None:
        """No file that it writes grows beyond so many bytes, as on a full disk; None: as before."""
        limits = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        soft = limits[1] if size is None else size
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (soft, limits[1]))

    async def stop(self) -> bool:
        """Ask it to end, and wait; whether it did by itself, with success."""
        if not self.running or self.process is None:
            return False
        self.send(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self.process.wait(), 60 + _EXIT_SECONDS) == 0
        await self.kill()
        return False

    async def end(self) -> None:
        """End it at once, whatever it does, and what reads it."""
        await self.kill()
        if self._reading is not None:
            await self._reading
        await self._asking.aclose()

    def last_words(self) -> str:
        """The last lines of its log."""
        with contextlib.suppress(OSError):
            lines = (self.home / "gateway.log").read_text(errors="replace").strip().splitlines()
            return " / ".join(lines[-3:])
        return "it said nothing"
