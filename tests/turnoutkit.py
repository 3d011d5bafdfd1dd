"""The `turnout` command for tests: processes of it, forked from one that has it loaded.

To start Python and to load what the commands import takes a second of a core, and the tests start
hundreds. What a start itself must do (test_command_line.py, plugins) they start afresh; workers are
started afresh in any case, by the process that minds them.
"""

import atexit
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

TURNOUT = (sys.executable, "-m", "router.cli")  # the command, started afresh
_TESTS = Path(__file__).parent


class Turnout:
    """A process of `turnout`; it is looked at and ended as a subprocess.Popen is."""

    def __init__(self, pid: int, ended: IO[bytes]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = ended

    def poll(self) -> int | None:
        """How it ended, None where it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it ends. Raises subprocess.TimeoutExpired."""
        status = self._look(timeout)
        if status is None:
            raise subprocess.TimeoutExpired("turnout", timeout or 0)
        return status

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], timeout)[0]:
            self.returncode = int(self._ended.readline())
            self._ended.close()
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, where it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash does."""
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> "Turnout":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.wait()


def start(
    *arguments: str | Path,
    stdout: IO[Any],
    stderr: IO[Any],
    environment: Mapping[str, str] | None = None,
) -> Turnout:
    """Start `turnout` with these arguments."""
    asked = {
        "arguments": [str(argument) for argument in arguments],
        "environment": dict(os.environ if environment is None else environment),
        "folder": str(Path.cwd()),
    }
    told, tell_id = os.pipe()
    ended, tell_end = os.pipe()
    with Path(os.devnull).open("rb") as nothing, os.fdopen(told, "rb") as id_:
        given = [nothing.fileno(), stdout.fileno(), stderr.fileno(), tell_id, tell_end]
        try:
            socket.send_fds(_forks(), [json.dumps(asked).encode()], given)
        finally:
            os.close(tell_id)
            os.close(tell_end)
        return Turnout(int(id_.readline()), os.fdopen(ended, "rb"))


def serve(folder: Path, *options: str, **environ: str) -> Turnout:
    """Start `turnout serve` on a folder's turnout.yaml; it logs to gateway.log there."""
    wanted = ("serve", *options, "--config", folder / "turnout.yaml")
    with (folder / "gateway.log").open("ab") as log:
        return start(*wanted, stdout=log, stderr=log, environment=os.environ | environ)


def run(
    *arguments: str | Path, environment: Mapping[str, str] | None = None, check: bool = True
) -> "subprocess.CompletedProcess[str]":
    """Run `turnout` with these arguments to its end. Raises subprocess.CalledProcessError."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        status = start(*arguments, stdout=out, stderr=err, environment=environment).wait()
        out.seek(0)
        err.seek(0)
        command = ["turnout", *map(str, arguments)]
        done = subprocess.CompletedProcess(command, status, out.read(), err.read())
    if check:
        done.check_returncode()
    return done


@functools.cache
def _forks() -> socket.socket:
    """The process that has it loaded, one for each that runs tests; it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "forks", str(theirs.fileno())],
            cwd=_TESTS,
            pass_fds=[theirs.fileno()],
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
