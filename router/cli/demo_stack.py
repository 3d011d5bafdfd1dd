"""The demo's processes: a real local model, two simulated backends, and the gateway itself.

Each is a child process of this command, started as its user would start it, and ended with it.
"""

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import httpx

from router.auth.store import KeyStore

CUSTOMERS: Final = {"free": "hobbyist", "pro": "workshop", "enterprise": "railways"}
_PATIENCE_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05

_CONFIG: Final = """\
# Written by `turnout demo`. The local model is real; moe and premium are SIMULATED.
version: 1
listen: 127.0.0.1:{port}
policy: balanced
ledger: embedded
data: .
backends:
  local:                       # llama.cpp with SmolLM2-135M-Instruct, 4 bit, on this machine
    base_url: http://127.0.0.1:{local}/v1
    model: smollm2-135m-instruct-q4_1
    ability: local
    price: {{input: 0.02, output: 0.04}}     # USD per million tokens: electricity
    context_window: 2048
    supports: [tools, json_schema]
  moe:                         # SIMULATED, at a mixture-of-experts model's list price
    base_url: http://127.0.0.1:{moe}/v1
    model: simulated-moe
    ability: moe
    price: {{input: 0.30, output: 1.20}}
    simulated: true
  premium:                     # SIMULATED, at a premium model's list price
    base_url: http://127.0.0.1:{premium}/v1
    model: simulated-premium
    ability: premium
    price: {{input: 5.00, output: 30.00}}
    simulated: true
"""


@dataclass(frozen=True, slots=True)
class Stack:
    """A running demo: where it listens, its keys by customer, its folder."""

    base_url: str
    keys: dict[str, str]
    folder: Path
    config: Path


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def _spawn(log: Path, *module: str) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", *module],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours to hand on, in our order
        )


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until `url` answers 200; explain where it does not."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise click.ClickException(f"a part of the demo ended early; its log: {log}")
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=2.0).status_code == 200:
                return
        time.sleep(_POLL_SECONDS)
    raise click.ClickException(f"{url} does not answer; its log: {log}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _refuse_busy_port(port: int) -> None:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        raise click.ClickException(
            f"port {port} is in use. Stop what listens there, or: turnout demo --port 8081"
        ) from None


@contextlib.contextmanager
def running_stack(port: int, folder: Path, tell: Callable[[str], None]) -> Iterator[Stack]:
    """Start everything, yield it, end it all. `tell` is called with each step's name."""
    _refuse_busy_port(port)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    local, moe, premium = free_port(), free_port(), free_port()
    config = folder / "turnout.yaml"
    config.write_text(_CONFIG.format(port=port, local=local, moe=moe, premium=premium))
    store = KeyStore(f"sqlite:///{folder / 'turnout.db'}")
    keys = {tier: store.create(name, tier)[0] for tier, name in CUSTOMERS.items()}
    store.close()
    parts = (
        (
            "the local model: llama.cpp, SmolLM2-135M (real)",
            ("router.backends.llamacpp", "--port", str(local)),
            f"http://127.0.0.1:{local}/health",
        ),
        (
            "the MoE backend (simulated)",
            ("router.backends.simulator", "--name", "moe", "--port", str(moe)),
            f"http://127.0.0.1:{moe}/health",
        ),
        (
            "the premium backend (simulated)",
            ("router.backends.simulator", "--name", "premium", "--port", str(premium)),
            f"http://127.0.0.1:{premium}/health",
        ),
        (
            "the ledger (Valkey) and the gateway",
            ("router.cli", "serve", "--config", str(config)),
            f"http://127.0.0.1:{port}/readyz",
        ),
    )
    with contextlib.ExitStack() as stack:
        started = []
        for at, (name, command, url) in enumerate(parts):
            log = folder / f"{at}.log"
            process = _spawn(log, *command)
            stack.callback(_end, process)
            started.append((name, url, process, log))
        for name, url, process, log in started:
            tell(name)
            _await(url, process, log)
        yield Stack(f"http://127.0.0.1:{port}/v1", keys, folder, config)
