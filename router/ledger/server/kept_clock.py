"""What a server's clock said last, kept on disk for the process that comes next on this machine.

A gateway that starts anew has nothing to compare a server's clock with. The clock of elapsed time
is the machine's and goes on from one process to the next, until the machine is started again; so
what a process read is as good for the next one as it was for itself.
"""

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from router.ledger.server.address import Node
from router.private_files import private

FILE: Final = "server-clock.json"
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a server's clock said, in Unix milliseconds, and what our clock of elapsed time did
    just before.
    """

    server: int
    elapsed: int


def boot_id() -> str:
    """A name of this run of the machine; empty where the system gives none."""
    try:
        return _BOOT.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


class KeptClock:
    """The file of a ledger's clock in the spool's folder; without a folder, or where the system
    has no name for its run, nothing is kept. It is a hint: what cannot be read or written is not
    there.
    """

    def __init__(self, folder: Path | None, nodes: Sequence[Node], boot: str) -> None:
        self._path = folder / FILE if folder is not None and boot else None
        self._of = {"boot": boot, "ledger": [str(node) for node in nodes]}

    def read(self, elapsed: int) -> Reading | None:
        """What was read last, in this run of the machine and of this ledger, and before `elapsed`
        milliseconds.
        """
        if self._path is None:
            return None
        try:
            kept = json.loads(self._path.read_bytes())
            server, before = kept.pop("server"), kept.pop("elapsed")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        if kept != self._of or type(server) is not int or type(before) is not int:
            return None
        return Reading(server, before) if 0 <= before <= elapsed else None

    def write(self, reading: Reading) -> None:
        """Keep it, in place of what was there."""
        if self._path is None:
            return
        text = json.dumps(self._of | {"server": reading.server, "elapsed": reading.elapsed})
        new = self._path.with_name(f"{FILE}.{os.getpid()}")
        with contextlib.suppress(OSError):  # a full disk: the next process knows less
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(new, "w", encoding="utf-8", opener=private) as file:
                file.write(text)
            new.replace(self._path)
