"""The wall of bubblewrap: namespaces of its own, and a filter of system calls within them.

The process has no network, sees no other process, and of the machine's files only Python and the
libraries it is linked with, read-only; it has no environment and no rights. The guest puts on the
filter of `seccomp.py` before it looks at the answer, and after that asks the kernel for nothing.
"""

import base64
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from classifiers.probing.walls.guest import FILTERED_GUEST
from classifiers.probing.walls.seccomp import filter_program
from classifiers.probing.walls.wall import MOST_OUTPUT, NoWall, Run

SECONDS: Final = 30.0  # by the clock; the processor's two are counted by the kernel
_SYSTEM: Final = ("/usr", "/lib", "/lib64", "/lib32", "/libx32")


@contextmanager
def bubblewrap() -> Iterator[Run]:
    """Run orders behind bubblewrap; NoWall where it is not installed or the machine unknown."""
    program, closed = shutil.which("bwrap"), filter_program()
    if program is None:
        raise NoWall("bwrap is not installed")
    if closed is None:
        raise NoWall("no filter of system calls for this machine")
    command = [program, *_ISOLATED, *_python(), "--remount-ro", "/", "--chdir", "/"]
    command += [str(Path(sys.executable).resolve()), "-I", "-S", "-B", "-c", FILTERED_GUEST]
    encoded = base64.b64encode(closed).decode()

    def run(order: bytes) -> bytes | None:
        return _printed(command, json.dumps(json.loads(order) | {"filter": encoded}).encode())

    yield run


_ISOLATED: Final = (
    "--unshare-user", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv",
    "--cap-drop", "ALL", "--uid", "65534", "--gid", "65534",
)  # fmt: skip


def _python() -> list[str]:
    """What of the files is seen inside: the interpreter, its library, the system's libraries."""
    options: list[str] = []
    for path in map(Path, _SYSTEM):
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            options += ["--ro-bind", str(path), str(path)]
    prefixes = {Path(sys.base_prefix), Path(sys.executable).resolve().parents[1]}
    for prefix in sorted(prefixes):
        if not prefix.is_relative_to("/usr"):
            options += ["--ro-bind", str(prefix), str(prefix)]
    return options


def _printed(command: Sequence[str], order: bytes) -> bytes | None:
    # A file, not a pipe: the limit on the size of files holds for it.
    with tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(
                command,
                input=order,
                stdout=output,
                stderr=subprocess.DEVNULL,
                timeout=SECONDS,
                cwd="/",
                env={},
                check=False,
                start_new_session=True,  # Ctrl-C is for the run, not for an answer
            )
        except subprocess.TimeoutExpired:
            return None
        output.seek(0)
        printed = output.read(MOST_OUTPUT)
    return printed if done.returncode == 0 and len(printed) < MOST_OUTPUT else None
