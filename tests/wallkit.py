"""Walls for tests: one that is there, and what is no wall at all."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from classifiers.probing.walls.guest import GUEST
from classifiers.probing.walls.table import WALLS
from classifiers.probing.walls.wall import NoWall, Run, Wall


@contextmanager
def a_wall() -> Iterator[Wall]:
    """The first wall that this machine has; not tried, since `prove` has tests of its own."""
    for name, opening in WALLS.items():
        try:
            with opening() as run:
                yield Wall(name, run)
                return
        except NoWall:
            continue
    raise AssertionError("neither bubblewrap nor Wasmtime, which the lock installs")


@contextmanager
def bare_python() -> Iterator[Run]:
    """An interpreter that may do whatever the tests may: for programs of our own only."""
    with tempfile.TemporaryDirectory() as folder:

        def run(order: bytes) -> bytes | None:
            done = subprocess.run(
                [sys.executable, "-I", "-S", "-c", GUEST],
                input=order,
                capture_output=True,
                cwd=folder,
                close_fds=False,
                check=False,
            )
            return done.stdout if done.returncode == 0 else None

        yield run


@contextmanager
def nothing_runs() -> Iterator[Run]:
    """A wall so tight that nothing runs behind it."""
    yield lambda order: None
