"""Processes under measurement: started on a core of their own, their CPU time read from /proc.

CPU time is what the scheduler charged (schedstat, nanoseconds), not what a clock on the wall says:
it stays right on a machine that does other work too.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

PATIENCE_SECONDS = 90.0
CORES = sorted(os.sched_getaffinity(0))
GATEWAY_CORE, LOAD_CORE = CORES[0], CORES[-1]


class DidNotStart(RuntimeError):
    """A process ended, or did not listen in time; the text holds the end of its log."""


def start(
    command: Sequence[str],
    *,
    log: Path,
    core: int | str = GATEWAY_CORE,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command on one core, its output in `log`."""
    with log.open("wb") as out:
        return subprocess.Popen(
            pinned(command, core),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            start_new_session=True,
        )


def pinned(command: Sequence[str], core: int | str = GATEWAY_CORE) -> list[str]:
    """The command on one core, where that can be had."""
    pin = ["taskset", "--cpu-list", str(core)] if shutil.which("taskset") else []
    return [*pin, *command]


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def await_port(port: int, process: subprocess.Popen[bytes], log: Path) -> float:
    """Wait until something listens; return the seconds it took. Raises DidNotStart."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE_SECONDS and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return time.monotonic() - began
        time.sleep(0.01)
    lines = log.read_text(errors="replace").strip().splitlines()[-8:]
    raise DidNotStart(f"{process.args!r} did not start:\n" + "\n".join(lines))


def await_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> float:
    """Wait until Turnout says that it would serve; return the seconds. Raises DidNotStart."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE_SECONDS and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return time.monotonic() - began
        except OSError:
            time.sleep(0.01)
    raise DidNotStart(log.read_text(errors="replace")[-2000:])


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started, gently first."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=15)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def tree(root: int) -> list[int]:
    """Return a process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            parent = _parent(entry)
            if parent is not None:
                children.setdefault(parent, []).append(int(entry.name))
    processes, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        processes.append(pid)
        waiting += children.get(pid, [])
    return processes


def _parent(entry: Path) -> int | None:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU time that these processes have used so far."""
    return sum(_cpu(pid) for pid in pids)


def _cpu(pid: int) -> float:
    total = 0
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    except (OSError, IndexError, ValueError):
        return _ticks(pid)
    return total / 1e9


def _ticks(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wake_ups(pids: Iterable[int]) -> int:
    """How often these processes gave up their core so far to wait for something."""
    lines: list[str] = []
    for pid in pids:
        for status in Path(f"/proc/{pid}/task").glob("*/status"):
            with contextlib.suppress(OSError):  # a thread that is gone by now
                lines += status.read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt"))


def memory_mb(pids: Iterable[int]) -> float:
    """Return the memory of these processes, shared pages counted once (PSS), in MB."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total / 1024
