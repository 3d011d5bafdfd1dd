"""Real servers for the tests: clusters, sentinels, TLS, from the embedded binary."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import redis
from patience import until
from ports import free_port

from router.ledger.server.embedded import server_binary

CLUSTERED = (
    "--cluster-enabled", "yes", "--cluster-node-timeout", "500", "--repl-diskless-sync-delay", "0",
)  # fmt: skip


@contextlib.contextmanager
def server(folder: Path, *options: str, port: int | None = None) -> Iterator[int]:
    """One server on TCP; yields its port, kills it at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    listen = ("--port", str(port), "--dir", str(folder), "--save", "")
    command = [str(server_binary()), *listen, *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield port
        finally:
            process.kill()


def answers(port: int) -> redis.Redis:
    """A client of the server on this port, once it answers."""
    client = redis.Redis(port=port)

    def answering() -> bool:
        with contextlib.suppress(redis.ConnectionError):
            return bool(client.ping())
        return False

    until(answering, lambda: f"no server on port {port}")
    return client


@contextlib.contextmanager
def cluster(folder: Path, nodes: int = 3) -> Iterator[list[int]]:
    """A cluster of masters, all slots served; yields their ports."""
    with contextlib.ExitStack() as stack:
        ports = [
            stack.enter_context(
                server(
                    folder / str(n), "--cluster-enabled", "yes", "--cluster-node-timeout", "1000"
                )
            )
            for n in range(nodes)
        ]
        clients = [stack.enter_context(contextlib.closing(answers(port))) for port in ports]
        for n, client in enumerate(clients):
            first, last = n * 16384 // nodes, (n + 1) * 16384 // nodes - 1
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", ports[0])
        until(lambda: all(whole(client) for client in clients))
        yield ports


def whole(client: redis.Redis) -> bool:
    """Whether this node sees the whole cluster."""
    info: bytes = client.execute_command("CLUSTER", "INFO")
    return b"cluster_state:ok" in info and b"cluster_slots_ok:16384" in info


@contextlib.contextmanager
def sentinel(config: Path) -> Iterator[None]:
    """A sentinel; its port is in its configuration."""
    command = [str(server_binary()), str(config), "--sentinel"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()
