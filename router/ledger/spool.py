"""Settlements on disk: those that the ledger has not taken yet, so that they survive a crash.

A file per process, appended and fsynced line by line, locked while its process lives. A line is the
reserve call (before serving, in an outage) or the settlement of one hold; the last line of a hold
counts. A line is on disk whole or not at all (`AppendedFile`), and what became of it on the disk is
seen by its checksum (`spool_lines`). The next process to start adopts the files of dead ones.
Replaying is idempotent. What is no settlement is put aside, and told.
"""

import asyncio
import contextlib
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from router.ledger.settlement import Settlement
from router.ledger.spool_lines import read_lines, write_line
from router.private_files import AppendedFile, private, sync_folder

log = logging.getLogger(__name__)
_PATTERN: Final = "spool-*.jsonl"
_ASIDE: Final = "odd-{}"  # what was put aside, by the name of the file that held it


class Spool:
    """The spool of one gateway process, in a folder that it shares with others.

    `append` blocks until the line is on disk, and raises OSError where it cannot be (a full disk).
    `odd`: how many lines of dead processes held no settlement.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self.path = folder / f"spool-{os.getpid()}-{os.urandom(4).hex()}.jsonl"
        self._file: AppendedFile | None = None
        self._adopted: list[AppendedFile] = []  # dead processes' files, locked by us
        self.odd = 0

    def append(self, settlement: Settlement) -> None:
        """Write one settlement to disk."""
        if self._file is None:
            self._file = AppendedFile(self.path, locked=True)
            sync_folder(self._folder)
        self._file.append(write_line(settlement), synced=True)

    def adopt(self) -> list[Settlement]:
        """What dead processes left. Raises OSError where what is odd cannot be put aside."""
        last: dict[str, Settlement] = {}
        for path in sorted(self._folder.glob(_PATTERN)):
            with contextlib.suppress(OSError):
                self._adopted.append(AppendedFile(path, locked=True))
        for file in self._adopted:
            for settlement in self._read(file.path):
                last[settlement.hold_id] = settlement
        return list(last.values())

    def clear(self) -> None:
        """Delete what was written and adopted: the ledger knows it all."""
        for file in (self._file, *self._adopted):
            if file is not None:
                file.path.unlink(missing_ok=True)
                file.close()
        self._file, self._adopted = None, []

    def close(self) -> None:
        """Leave what was written and adopted to the next process."""
        for file in (self._file, *self._adopted):
            if file is not None:
                file.close()
        self._file, self._adopted = None, []

    def _read(self, path: Path) -> list[Settlement]:
        """The settlements of a file; what else it holds is put aside before anybody deletes it."""
        lines = list(read_lines(path.read_bytes()))
        odd = [line for line, settlement in lines if settlement is None]
        if odd:
            aside = self._folder / _ASIDE.format(path.name)
            with open(aside, "wb", opener=private) as file:
                file.write(b"\n".join(odd) + b"\n")
            self.odd += len(odd)
            log.warning(
                "The ledger's spool held lines that are no settlements; they are put aside",
                extra={"file": str(aside), "lines": len(odd)},
            )
        return [settlement for _, settlement in lines if settlement is not None]


class SpoolThread:
    """A spool with a thread of its own, so that the serving loop never waits for a disk.

    `used`: whether something was written since it was last cleared. `failures`: settlements that
    the disk did not take at once; they are tried again with each later one, and at the end. Without
    a spool (None) nothing can be kept.
    """

    def __init__(self, spool: Spool | None) -> None:
        self._spool = spool
        self._thread = ThreadPoolExecutor(1, "ledger-spool")
        self._unwritten: dict[str, Settlement] = {}  # by hold; its thread's alone
        self._failing = False
        self.used = False
        self.failures = 0

    @property
    def odd(self) -> int:
        """How many lines of dead processes held no settlement."""
        return 0 if self._spool is None else self._spool.odd

    async def keep(self, settlement: Settlement) -> None:
        """Return once a settlement is on disk. Raises OSError where it cannot be."""
        if self._spool is None:
            raise OSError("no spool")
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._spool.append, settlement)
        self.used = True

    def write(self, settlement: Settlement) -> None:
        """Write a settlement soon; a failure of the disk is counted and logged."""
        if self._spool is not None:
            self.used = True
            self._thread.submit(self._try_to_append, self._spool, settlement)

    def adopt(self) -> list[Settlement]:
        """What dead processes left on disk; files without a settlement are deleted."""
        adopted = self._spool.adopt() if self._spool is not None else []
        if adopted:
            self.used = True
        elif self._spool is not None:
            self._spool.clear()
        return adopted

    def clear(self) -> None:
        """Delete everything soon: the ledger knows it."""
        self.used = False
        if self._spool is not None:
            self._thread.submit(self._clear, self._spool)

    async def close(self) -> None:
        """Finish writing, and leave what is on disk to the next process."""
        if self._spool is not None:
            self._thread.submit(self._catch_up, self._spool)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)
        if self._spool is not None:
            self._spool.close()

    def _try_to_append(self, spool: Spool, settlement: Settlement) -> None:
        self._unwritten[settlement.hold_id] = settlement
        if not self._catch_up(spool):
            self.failures += 1

    def _catch_up(self, spool: Spool) -> bool:
        """Write what the disk has not taken yet, and tell when it begins and ends to refuse."""
        try:
            while self._unwritten:
                hold_id = next(iter(self._unwritten))
                spool.append(self._unwritten[hold_id])
                del self._unwritten[hold_id]
        except OSError as error:
            if not self._failing:
                self._failing = True
                log.warning("The ledger's spool takes nothing (%s): kept in memory only", error)
            return False
        if self._failing:
            self._failing = False
            log.warning("The ledger's spool takes settlements again; it has them all")
        return True

    def _clear(self, spool: Spool) -> None:
        self._unwritten.clear()
        spool.clear()
