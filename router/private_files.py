"""Files and folders that are nobody else's, and files that grow by whole pieces or not at all.

Keys, the ledger, settlements and decisions lie in one data folder. What of it others could read or
change is closed to them, and told once; what is not ours to close is told.
"""

import contextlib
import fcntl
import logging
import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_LOG = logging.getLogger("turnout")
_OTHERS: Final = 0o077
_FILE: Final = 0o600
_FOLDER: Final = 0o700
_MOST_TIGHTENED: Final = 10_000  # entries of a data folder that are looked at


def make_private_folder(path: Path, *, within: Path | None = None) -> None:
    """Make a folder that its owner alone may enter; close one that others may.

    `within` is a folder that must not be closed, nor any above it, since it holds what is not ours:
    the one of turnout.yaml. Raises OSError where the folder cannot be made.
    """
    path.mkdir(parents=True, exist_ok=True, mode=_FOLDER)
    status = path.stat()
    if not status.st_mode & _OTHERS:
        return
    ours = status.st_uid == os.geteuid() and not status.st_mode & stat.S_ISVTX
    if ours and (within is None or not within.resolve().is_relative_to(path.resolve())):
        path.chmod(_FOLDER)
        _LOG.warning("the folder was open to others; it is closed", extra={"folder": str(path)})
    else:
        _LOG.warning(
            "the folder is open to others, and is not closed, since it is not ours alone: choose "
            "another `data` in turnout.yaml, or chmod it 700",
            extra={"folder": str(path)},
        )


def close_to_others(folder: Path, names: Iterable[str]) -> None:
    """Take from others what they may do with our files below a folder; told once, with how many.

    `names` are patterns as of Path.glob. Links are never followed, and what is another user's is
    left alone.
    """
    closed = 0
    for pattern in names:
        for at, path in enumerate(folder.glob(pattern)):
            if at >= _MOST_TIGHTENED:
                break
            with contextlib.suppress(OSError):
                closed += _close_to_others(path)
    if closed:
        _LOG.warning(
            "files were open to others; they are closed",
            extra={"folder": str(folder), "files": closed},
        )


def _close_to_others(path: Path) -> bool:
    status = path.lstat()
    if status.st_uid != os.geteuid() or not status.st_mode & _OTHERS:
        return False
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return False
    path.chmod(stat.S_IMODE(status.st_mode) & ~_OTHERS)
    return True


def make_private_file(path: Path) -> None:
    """Make an empty file that its owner alone may read, unless it is there.

    A file that is there is not even opened: closing it would take from this process the locks that
    SQLite has on it. Raises OSError where it cannot be made.
    """
    if path.exists():
        return
    made, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # its owner's alone
    os.close(made)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink()


def private(path: str, flags: int) -> int:
    """An opener, as `open` takes one: what it makes is its owner's alone."""
    return os.open(path, flags, _FILE)


def is_private_folder(path: Path) -> bool:
    """Whether this is a folder of ours, and no link, that nobody else may enter or change."""
    try:
        status = path.lstat()
    except OSError:
        return False
    ours = status.st_uid == os.geteuid()
    return stat.S_ISDIR(status.st_mode) and ours and not status.st_mode & _OTHERS


class AppendedFile:
    """A file that grows by whole lines: each is there to its last byte, or not at all.

    It is made for its owner alone. `locked`: for this process, until it is closed. Raises OSError
    where it cannot be opened, or another process has it locked.
    """

    def __init__(self, path: Path, *, locked: bool = False) -> None:
        self.path = path
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        self._file = os.open(path, flags, _FILE)
        self._torn = False  # the last line could neither be finished nor undone
        try:
            if not stat.S_ISREG(
                os.fstat(self._file).st_mode
            ):  # a pipe, say: nothing is undone there
                raise OSError(None, "it is no file")
            if locked:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise

    @property
    def size(self) -> int:
        """Bytes that it has now."""
        return os.fstat(self._file).st_size

    def append(self, lines: bytes, *, synced: bool = False) -> None:
        """Write lines, with their ends; `synced`: return when they are on disk, not before.

        Raises OSError where the disk does not take all of them; then it has none of them.
        """
        start = self.size
        try:
            self._write(b"\n" + lines if self._torn else lines)
            if synced:
                os.fsync(self._file)
        except OSError:
            self._undo(start)
            raise
        self._torn = False

    def _write(self, data: bytes) -> None:
        """A disk that fills takes the beginning and says so in a number, not in an error."""
        left = memoryview(data)
        while left:
            left = left[os.write(self._file, left) :]

    def _undo(self, start: int) -> None:
        try:
            os.ftruncate(self._file, start)
        except OSError:
            self._torn = True  # what comes next begins a line of its own

    def close(self) -> None:
        """Close it, and leave it to whoever wants to lock it."""
        os.close(self._file)


def sync_folder(path: Path) -> None:
    """Return when the names in a folder are on disk. Raises OSError."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
