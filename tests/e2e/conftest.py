"""A gateway as its user would start it: `turnout serve` in a process, real ledger, real model."""

import asyncio
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis

from router.backends.child import in_thread
from router.backends.simulator import Profile, Simulator

CONFIG = """\
version: 1
listen: 127.0.0.1:{port}
policy: policy.yaml
data: data
limits: {{body: 1MB}}
backends:
  local: {{base_url: "{local}", model: smollm2-135m-instruct-q4_1, ability: local, price: {{input: 0.02, output: 0.04}}, context_window: 8192, supports: [tools, json_schema]}}
  moe: {{base_url: "{moe}", model: simulated-moe, ability: moe, price: {{input: 0.3, output: 1.2}}, simulated: true}}
  premium: {{base_url: "{premium}", model: simulated-premium, ability: premium, price: {{input: 5, output: 30}}, simulated: true}}
  stalls: {{base_url: "{moe}", model: "simulated-moe?fault=slow&seconds=60", ability: moe, price: {{input: 1, output: 1}}, timeouts: {{first_byte: 90s}}}}
  slow: {{base_url: "{moe}", model: "simulated-moe?fault=slow&seconds=60", ability: moe, price: {{input: 1, output: 1}}, timeouts: {{first_byte: 200ms}}}}
  broken: {{base_url: "{moe}", model: "simulated-moe?fault=status&status=500", ability: moe, price: {{input: 1, output: 1}}}}
  gone: {{base_url: "http://127.0.0.1:9/v1", model: none, ability: moe, price: {{input: 0.001, output: 0.001}}}}
  breaks: {{base_url: "{moe}", model: "simulated-moe?fault=reset&after=3", ability: moe, price: {{input: 1, output: 1}}}}
"""
POLICY = """\
version: 1
routes:
  auto:
    candidates: [local, moe, premium]
    objective: cheapest_capable
    capable: {min_success: 0.75, max_regret: 0.05}
    when_unknown: moe
    rules:
      - {name: free-never-premium, when: 'tier.name == "free"', except: [premium]}
  falls-back: {candidates: [gone, moe], objective: cheapest_capable, capable: {min_success: 0.0}}
  faults: {candidates: [stalls, slow, broken, breaks], objective: cheapest_capable}
  staff: {candidates: [premium], objective: fixed}
aliases: {gpt-4o: auto}
tiers:
  free: {requests_per_minute: 1000, concurrency: 8, routes: [auto]}
  tiny: {requests_per_minute: 1, routes: [auto]}
  pair: {concurrency: 2, routes: [auto, faults]}
  enterprise: {tokens_per_minute: 100_000_000, requests_per_minute: 1_000_000, concurrency: 1000}
"""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class RunningGateway:
    """A started gateway and the ways a test looks at it."""

    def __init__(self, folder: Path, port: int, simulators: dict[str, Simulator]) -> None:
        self.folder = folder
        self.config = folder / "turnout.yaml"
        self.address = ("127.0.0.1", port)
        self.root = f"http://127.0.0.1:{port}"
        self.url = f"{self.root}/v1"
        self._simulators = simulators
        self._keys: dict[str, str] = {}

    def key(self, tier: str) -> str:
        """A key of this tier, the same at each call."""
        if tier not in self._keys:
            self._keys[tier] = self.new_key(tier)
        return self._keys[tier]

    def new_key(self, tier: str, organization: str = "") -> str:
        """A fresh key, working when this returns."""
        organization = organization or f"{tier}-customer"
        command = [
            *(sys.executable, "-m", "router.cli", "keys", "create"),
            *("--config", str(self.config), "--organization", organization, "--tier", tier),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        key = done.stdout.strip()
        self._until(lambda: self._knows(key))
        return key

    def _knows(self, key: str) -> bool:
        headers = {"authorization": f"Bearer {key}"}
        return httpx.get(f"{self.url}/models", headers=headers).status_code == 200

    def _until(self, condition) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, "the gateway did not get there in 20 seconds"

    def last_request(self, backend: str) -> dict:
        """The body that the simulated backend was sent last."""
        return self._simulators[backend].last_body

    def counts(self) -> dict[str, float]:
        """Every sample of /metrics by its name and labels."""
        text = httpx.get(f"{self.root}/metrics").text
        samples = re.findall(r"^([a-z_]+(?:{[^}]*})?) ([-\d.e+]+)$", text, re.M)
        return {name: float(value) for name, value in samples}

    async def until_idle(self, backend: str) -> dict[str, float]:
        """Wait until nothing is in flight, at the gateway and at the backend; return the counts."""
        deadline = time.monotonic() + 20
        name = f'turnout_backend_in_flight{{backend="{backend}"}}'
        while True:
            counts = await asyncio.to_thread(self.counts)
            running = sum(simulator.running for simulator in self._simulators.values())
            if counts["turnout_in_flight"] == counts[name] == running == self.open_holds() == 0:
                return counts
            assert time.monotonic() < deadline, "requests stayed in flight"

    def open_holds(self) -> int:
        """Reservations that are open in the ledger, read from the ledger itself."""
        with self.ledger() as client:
            return sum(client.zcard(key) for key in client.scan_iter("lg:*:x"))

    def ledger(self) -> redis.Redis:
        """A client of the gateway's own embedded ledger."""
        return redis.Redis(unix_socket_path=str(next((self.folder / "data").rglob("*.sock"))))


@pytest.fixture(scope="session")
def simulators():
    """The simulated backends, in this process, so that a test can see what they were sent."""
    moe = Simulator("moe", Profile(first_token=0.0, per_token=0.0))
    premium = Simulator("premium", Profile(first_token=0.0, per_token=0.02))
    with in_thread(moe) as moe_url, in_thread(premium) as premium_url:
        yield {"moe": moe, "premium": premium}, {"moe": moe_url, "premium": premium_url}


def start_gateway(folder: Path, config: str, port: int) -> subprocess.Popen:
    """Start `turnout serve` on this configuration; it may not listen yet."""
    (folder / "turnout.yaml").write_text(config)
    (folder / "policy.yaml").write_text(POLICY)
    with (folder / "gateway.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "router.cli", "serve", "--config", str(folder / "turnout.yaml")],
            stdout=log,
            stderr=log,
        )


@pytest.fixture(scope="session")
def gateway(tmp_path_factory, llama_server, simulators) -> Iterator[RunningGateway]:
    """One gateway for the whole session."""
    folder = tmp_path_factory.mktemp("gateway")
    port = _free_port()
    seen, urls = simulators
    process = start_gateway(folder, CONFIG.format(port=port, local=llama_server, **urls), port)
    running = RunningGateway(folder, port, seen)
    try:
        running._until(lambda: process.poll() is not None or _ready(running.root))
        assert process.poll() is None, (folder / "gateway.log").read_text()
        yield running
    finally:
        process.terminate()
        process.wait(20)
    log = (folder / "gateway.log").read_text()
    assert '"level": "error"' not in log, log


def _ready(root: str) -> bool:
    try:
        return httpx.get(f"{root}/readyz").status_code == 200
    except httpx.HTTPError:
        return False
