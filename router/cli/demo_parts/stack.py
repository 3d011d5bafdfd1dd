"""The demo's processes: a real local model, two simulated backends, and the gateway itself.

Each is a child process of this command, started as its user would start it, and ended with it.
"""

import base64
import contextlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click
import httpx

from router.children.child import Child
from router.children.llamacpp import local_model
from router.customers.keys import KeyStore

CUSTOMERS: Final = {"free": "hobbyist", "pro": "workshop", "enterprise": "railways"}
_SIMULATOR: Final = "router.simulator.server"
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
    base_url: {local}
    model: smollm2-135m-instruct-q4_1
    ability: local
    price: {{input: 0.02, output: 0.04}}     # USD per million tokens: electricity
    context_window: 2048
    supports: [json_schema]    # its chat template knows no tools
  moe:                         # SIMULATED, at a mixture-of-experts model's list price
    base_url: {moe}
    model: simulated-moe
    ability: moe
    price: {{input: 0.30, output: 1.20}}
    simulated: true
  premium:                     # SIMULATED, at a premium model's list price
    base_url: {premium}
    model: simulated-premium
    ability: premium
    price: {{input: 5.00, output: 30.00}}
    simulated: true
{responses}"""
# Clients that go on from a response by its id work at once; the key ends with the demo.
_RESPONSES: Final = """\
responses:                     # kept for each customer alone, sealed by this key
  keys: [{key}]
"""


@dataclass(frozen=True, slots=True)
class Stack:
    """A running demo: where it listens, its keys by customer, its folder."""

    base_url: str
    keys: dict[str, str]
    folder: Path
    config: Path


def _responses() -> str:
    """The section of responses that are kept, where what seals them is installed."""
    if find_spec("cryptography") is None:
        return ""
    return _RESPONSES.format(key=base64.b64encode(secrets.token_bytes(32)).decode())


def _gateway(config: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "router.cli", "serve", "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours to hand on, in our order
        )


def _await_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=2.0).status_code == 200:
                return
        time.sleep(_POLL_SECONDS)
    log_lines = log.read_text(errors="replace").strip().splitlines()[-5:]
    raise click.ClickException("the gateway did not start:\n" + "\n".join(log_lines))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)  # nobody has to learn of it first
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
    parts = {
        "local": ("the local model: llama.cpp with SmolLM2-135M (real)", local_model()),
        "moe": ("the MoE backend (simulated)", Child(_SIMULATOR, "--name", "moe")),
        "premium": ("the premium backend (simulated)", Child(_SIMULATOR, "--name", "premium")),
    }
    with contextlib.ExitStack() as stack:
        for _, child in parts.values():
            child.start()
            stack.callback(child.stop)
        addresses = {}
        for name, (label, child) in parts.items():
            tell(label)
            addresses[name] = child.await_ready(_PATIENCE_SECONDS)
        config = folder / "turnout.yaml"
        config.write_text(_CONFIG.format(port=port, responses=_responses(), **addresses))
        store = KeyStore(f"sqlite:///{folder / 'turnout.db'}")
        keys = {tier: store.create(name, tier)[0] for tier, name in CUSTOMERS.items()}
        store.close()
        tell("the ledger (Valkey) and the gateway")
        log = folder / "gateway.log"
        process = _gateway(config, log)
        stack.callback(_end, process)
        _await_ready(f"http://127.0.0.1:{port}/readyz", process, log)
        yield Stack(f"http://127.0.0.1:{port}/v1", keys, folder, config)
