"""The two C programs: a model server faster than any gateway, and a load generator."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import LOAD_CORE, await_port, free_port, start, stop

SOURCES = Path(__file__).parent / "native"
WORKPLACE = Path(__file__).parents[1] / ".bench"


class NoCompiler(RuntimeError):
    """There is no C compiler."""


def build(name: str) -> Path:
    """Compile one program, unless that is done already; return where it is."""
    source, binary = SOURCES / f"{name}.c", WORKPLACE / name
    if binary.exists() and binary.stat().st_mtime > source.stat().st_mtime:
        return binary
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NoCompiler("The benchmark needs a C compiler. On Debian: apt-get install gcc")
    WORKPLACE.mkdir(exist_ok=True)
    subprocess.run([compiler, "-O2", "-Wall", "-o", str(binary), str(source)], check=True)
    return binary


@contextmanager
def upstream() -> Iterator[int]:
    """Run the model server on the load generator's core; yield its port."""
    port, log = free_port(), WORKPLACE / "upstream.log"
    process = start([str(build("upstream")), str(port)], log=log, core=LOAD_CORE)
    try:
        await_port(port, process, log)
        yield port
    finally:
        stop(process)


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What to send: how many connections at once, how many requests or seconds at most."""

    connections: int
    seconds: float
    body: bytes
    requests: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Measured:
    """What the load generator saw. Times in microseconds; `first`: to the first byte of a body."""

    requests: int
    errors: int
    events: int
    bytes: int
    seconds: float
    first_p50: float
    first_p99: float
    last_p50: float
    last_p90: float
    last_p99: float
    last_max: float
    worst: str


def run_load(
    port: int, load: LoadPlan, head: str = "", path: str = "/v1/chat/completions"
) -> Measured:
    """Send a load to 127.0.0.1 from the load generator's core."""
    pin = ["taskset", "--cpu-list", str(LOAD_CORE)] if shutil.which("taskset") else []
    with tempfile.TemporaryDirectory() as folder:
        head_file, body_file = Path(folder) / "head", Path(folder) / "body"
        head_file.write_bytes(head.encode())
        body_file.write_bytes(load.body)
        arguments = (port, path, load.connections, load.requests, load.seconds)
        done = subprocess.run(
            [*pin, str(build("load")), *map(str, arguments), str(head_file), str(body_file)],
            check=True,
            capture_output=True,
            timeout=load.seconds + 60,
        )
    return Measured(**json.loads(done.stdout))
