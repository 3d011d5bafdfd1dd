"""Whether a server lives on a data folder, though its socket may be gone.

A cleaner of temporary files may take the socket, or its folder, from under a server that goes on
with the connections it has. So whoever starts a server locks a file of the data folder and lets the
server inherit it: the lock is held for as long as that process lives, and not a moment longer.
"""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_LOCK: Final = "server.lock"
_PID: Final = "valkey.pid"
_LOOK_SECONDS: Final = 0.005


@contextlib.contextmanager
def server_lock(folder: Path) -> Iterator[int]:
    """The descriptor of the file that the server of this folder holds locked, for one to inherit.

    Raises OSError where it cannot be opened.
    """
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield lock
    finally:
        os.close(lock)


def becomes_free(lock: int, folder: Path, seconds: float) -> bool:
    """Whether no server lives on this folder, now or within so long; the lock is then ours until it
    is closed.
    """
    deadline = time.monotonic() + seconds
    while not _is_free(lock, folder):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


def _is_free(lock: int, folder: Path) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return not _is_its_server(server_pid(folder), folder)  # one of a version before the lock


def server_pid(folder: Path) -> int | None:
    """The process id that the server of this folder wrote down, if it did."""
    try:
        return int((folder / _PID).read_text())
    except (OSError, ValueError):
        return None


def end_server(lock: int, folder: Path, seconds: float) -> bool:
    """Ask the server of this folder to write everything and leave; whether it did in time.

    Only a process that is surely that server is told to: elsewhere than on Linux, none is.
    """
    pid = server_pid(folder)
    if _is_its_server(pid, folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid or 0, signal.SIGTERM)
        return becomes_free(lock, folder, seconds)
    return False


def _is_its_server(pid: int | None, folder: Path) -> bool:
    """Whether this process works in the folder, as its server does: a number may be used again."""
    if pid is None or pid == os.getpid():
        return False
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == folder.resolve()
    except OSError:
        return False
