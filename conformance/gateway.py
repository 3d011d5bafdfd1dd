"""A Turnout as its user would start it, before the scripted server: a backend a protocol.

The tier of a key says which of the backends answers: clients go through unchanged, to a backend of
their own protocol with one key and to one of another protocol with the other.
"""

import base64
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml

from conformance.clients_table import CLIENTS
from router.backends.dialects.table import DIALECTS
from router.children.llamacpp import MODEL as REAL

_PATIENCE_SECONDS: Final = 90.0
_BACKENDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "chat": ("openai", "/v1"),
        "messages": ("anthropic", "/v1"),
        "responses": ("responses", "/v1"),
        "gemini": ("gemini", "/v1beta"),
    }
)
# What the server of chats has beside them: few do, so it must be said, with a price a unit.
_MEDIA: Final[Mapping[str, str]] = MappingProxyType(
    {"moderation": "", "image": "image", "speech": "character", "transcription": "second"}
)
# The protocol of the backend that a client is translated to.
OTHER: Final[Mapping[str, str]] = MappingProxyType(
    {"chat": "messages", "messages": "chat", "responses": "chat", "gemini": "chat"}
)


@dataclass(frozen=True, slots=True)
class Gateway:
    """`root` has no /v1; `keys` by the protocol of the backend that they lead to."""

    root: str
    keys: Mapping[str, str]


def backends_of(upstream: str, real: str = "") -> dict[str, Any]:
    """The backends that this Turnout knows how to speak to, and the real model's where it is."""
    price = {"input": 1, "output": 2}
    found = {"real": {"base_url": real, "model": REAL, "price": dict(price)}} if real else {}
    return found | {
        protocol: {
            "base_url": upstream + path,
            "dialect": dialect,
            "model": "scripted",
            "api_key": "sk-upstream",
            "supports": ["tools", "json_schema", "vision"],
            "context_window": 400_000,
            "price": dict(price),
        }
        | (_media(price) if protocol == "chat" else {})
        for protocol, (dialect, path) in _BACKENDS.items()
        if dialect in DIALECTS
    }


def _media(price: Mapping[str, int]) -> dict[str, Any]:
    units = {unit: 0 for unit in _MEDIA.values() if unit}
    return {"serves": ["chat", "embedding", "completion", *_MEDIA], "price": {**price, **units}}


def _policy(protocols: list[str]) -> dict[str, Any]:
    rules = [
        {"name": f"to-{name}", "when": f'tier.name == "{name}"', "only": [name]}
        for name in protocols
    ]
    route = {"candidates": protocols, "objective": "cheapest_capable", "rules": rules}
    capable = {"min_success": 0.0, "max_regret": 1.0}
    named = {client.asked_model for client in CLIENTS}
    return {
        "version": 1,
        "routes": {"auto": route | {"capable": capable}},
        "aliases": dict.fromkeys(sorted(named), "auto"),
        # A busy machine's ledger may be late: that is no fault of a client's.
        "tiers": {
            name: {"requests_per_minute": 1_000_000, "outage": {"bounded": 0.5}}
            for name in protocols
        },
    }


@contextmanager
def gateway(folder: Path, upstream: str, real: str = "") -> Iterator[Gateway]:
    """Serve from a process of its own, with the embedded ledger. `real` is a server's base URL."""
    port, backends = _free_port(), backends_of(upstream, real)
    config = folder / "turnout.yaml"
    document = {
        "version": 1,
        "listen": f"127.0.0.1:{port}",
        "stop": {"notice": None},
        "policy": "policy.yaml",
        "data": "data",
        "limits": {"body": "32MB"},
        "responses": {"keys": [base64.b64encode(secrets.token_bytes(32)).decode()]},
        "backends": backends,
    }
    config.write_text(yaml.safe_dump(document, sort_keys=False))
    (folder / "policy.yaml").write_text(yaml.safe_dump(_policy(list(backends)), sort_keys=False))
    log = folder / "gateway.log"
    with log.open("wb") as out:
        process = subprocess.Popen(_turnout("serve", config), stdout=out, stderr=out)
    try:
        _await_ready(port, process, log)
        keys = {name: _new_key(config, name) for name in backends}
        running = Gateway(f"http://127.0.0.1:{port}", keys)
        for key in keys.values():
            _await(running.root + "/v1/models", key, process, log)
        yield running
    finally:
        process.terminate()
        process.wait(_PATIENCE_SECONDS)


def _turnout(*words: Any) -> list[str]:
    *command, config = words
    return [sys.executable, "-m", "router.cli", *map(str, command), "--config", str(config)]


def _new_key(config: Path, tier: str) -> str:
    command = _turnout(
        "keys", "create", "--organization", f"{tier}-customer", "--tier", tier, config
    )
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _await_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    _await(f"http://127.0.0.1:{port}/readyz", "", process, log)


def _await(url: str, key: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until an address answers well."""
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {key}"})
    end = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(request, timeout=5):
                return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"Turnout did not start:\n{log.read_text()[-2000:]}")
