"""The proof that a wall holds: every way out is tried against lures of our own, at each start.

An attempt that says it got out is believed, and what it left behind is looked for as well.
"""

import json
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifiers.probing.walls.attempts import ATTEMPTS, ENDLESS, HARMLESS
from classifiers.probing.walls.wall import NoWall, Run


@dataclass(frozen=True, slots=True)
class Lures:
    """What stands outside of a wall to be reached, and whether anything reached it."""

    folder: Path
    listener: socket.socket

    def as_case(self) -> dict[str, Any]:
        """What an attempt is told of them."""
        return {
            "secret": str(self.folder.parent / "secret"),
            "folder": str(self.folder),
            "port": self.listener.getsockname()[1],
            "process": os.getpid(),
        }

    def touched(self) -> bool:
        """Whether something was left behind, or somebody connected."""
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return sorted(path.name for path in self.folder.iterdir()) != ["lure"]
        return True


def prove(run: Run) -> None:
    """Try to get out in every way we know. NoWall names the first that worked, or says that not
    even a harmless program runs behind this wall."""
    with laid_out() as lures:
        if not gets_out(run, HARMLESS, lures):
            raise NoWall("a harmless program does not run behind it here")
        for attempt in ATTEMPTS:
            if gets_out(run, attempt.source, lures):
                raise NoWall(f"it does not hold: a program behind it {attempt.what}")
        if _printed(run, ENDLESS, lures) is not None:
            raise NoWall("it does not hold: an endless program behind it ended by itself")


@contextmanager
def laid_out() -> Iterator[Lures]:
    """Lures, laid out; an inheritable descriptor is among them."""
    with ExitStack() as stack:
        outside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="probe-lures-")))
        (outside / "secret").write_text("lure")
        (outside / "folder").mkdir()
        (outside / "folder" / "lure").touch()
        secret = stack.enter_context((outside / "secret").open("rb"))
        os.set_inheritable(secret.fileno(), True)
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        listener.setblocking(False)
        yield Lures(outside / "folder", listener)


def gets_out(run: Run, source: str, lures: Lures) -> bool:
    """Whether the program says that it got out, or left a trace outside."""
    printed = _printed(run, source, lures)
    try:
        said = printed is not None and json.loads(printed) == [True]
    except (ValueError, RecursionError):
        said = False
    return lures.touched() or said


def _printed(run: Run, source: str, lures: Lures) -> bytes | None:
    order = {"source": source, "function": "attempt", "cases": [lures.as_case()]}
    return run(json.dumps(order).encode())
