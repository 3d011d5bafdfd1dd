"""A gateway alone, in front of one simulated backend, and raw sockets to it: for the HTTP edge."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Final

import patience
import turnoutkit
import yaml
from gatewaykit import CountingSimulator, RunningGateway
from modelservers import in_thread
from ports import free_port

from router.simulator.server import Profile

PATH: Final = "/v1/chat/completions"
BODY: Final = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":1}'


class Edge(RunningGateway):
    """Such a gateway: what its backend was asked, what it logged, how much memory it has."""

    pid = 0
    backend: CountingSimulator

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        """A connection from an address of this machine."""
        return socket.create_connection(self.address, patience.LONGEST_SECONDS, (source, 0))

    def ask(self, sent: bytes, source: str = "127.0.0.1") -> bytes:
        """All that is answered to these bytes, behind which the client says nothing more."""
        with self.connect(source) as connection:
            connection.sendall(sent)
            return to_the_end(connection)

    def revoked(self, tier: str) -> str:
        """A key of this tier that worked and does no more."""
        key = self.new_key(tier, "left")
        known = ("keys", "list", "--config", self.config, "--format", "json")
        rows = json.loads(turnoutkit.run(*known).stdout)
        [id_] = [row["key_id"] for row in rows if row["organization"] == "left"]
        turnoutkit.run("keys", "revoke", "--config", self.config, id_)
        ask = f"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        sent = f"{ask}Connection: close\r\n\r\n".encode()
        self.until(lambda: b" 401 " in self.ask(sent))
        return key

    def log(self) -> str:
        """What the gateway has logged."""
        return (self.folder / "gateway.log").read_text()

    @property
    def proc(self) -> Path:
        """What the system says of the gateway's process."""
        return Path(f"/proc/{self.pid}")

    def memory(self) -> int:
        """Bytes of the gateway's memory that are resident."""
        status = (self.proc / "status").read_text()
        return 1024 * int(re.search(r"VmRSS:\s+(\d+)", status)[1])


def to_the_end(connection: socket.socket) -> bytes:
    """What comes until the gateway closes; a reset is an end, too."""
    parts = []
    with suppress(ConnectionError):
        while data := connection.recv(65536):
            parts.append(data)
    return b"".join(parts)


def until(connection: socket.socket, mark: bytes) -> bytes:
    """What comes until a mark was seen, or the end."""
    seen = b""
    while mark not in seen and (data := connection.recv(65536)):
        seen += data
    return seen


@contextmanager
def live_edge(folder: Path, limits: dict, model: str = "simulated", **more) -> Iterator[Edge]:
    """Start a gateway with these limits in front of this model; stop it behind the block."""
    port = free_port()
    backend = CountingSimulator("m", Profile(first_token=0.0, per_token=0.0))
    with in_thread(backend) as url:
        row = {"base_url": url, "model": model, "price": {"input": 1, "output": 2}}
        config = {"version": 1, "listen": f"127.0.0.1:{port}", "data": "data", "limits": limits}
        config |= {"policy": "policy.yaml", "backends": {"m": row}, **more}
        (folder / "turnout.yaml").write_text(yaml.safe_dump(config))
        (folder / "policy.yaml").write_text(POLICY)
        process = turnoutkit.serve(folder)
        edge = Edge(folder, port, {"m": backend})
        edge.pid, edge.backend = process.pid, backend
        try:
            edge.until_ready(process)
            yield edge
        finally:
            process.terminate()
            with suppress(TimeoutExpired):
                process.wait(patience.LONGEST_SECONDS)
            process.kill()


POLICY: Final = """\
version: 1
routes: {auto: {candidates: [m], objective: fixed}}
tiers: {enterprise: {requests_per_minute: 1_000_000, concurrency: 1000}}
"""
