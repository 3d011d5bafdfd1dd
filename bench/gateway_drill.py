"""The fault drill through the whole gateway: `turnout serve`, its ledger, its edge, every fault.

    .venv/bin/python bench/gateway_drill.py --requests 10000

Clients send plain and streamed requests to backends that fail in every known way, alone and with a
sound one behind them; some leave in the middle. Exit code 0 only if every answer was an answer, or
an error in the right envelope, nothing took longer than its timeouts allow, no hold stayed open in
the ledger, nothing stayed in flight, and backends were tried at most 1.1 times what they were
offered.
"""

import argparse
import asyncio
import json
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import redis
import yaml

from router.children.child import Child
from router.simulator.faults import FAULTS

LONGEST = 15.0  # seconds for one request, on a busy machine
ALLOWED = {200, 400, 502, 503, 504}
TIMEOUTS = {"connect": "1s", "first_byte": "400ms", "between_chunks": "400ms", "total": "4s"}
NAMES = [fault.replace("_", "-") or "sound" for fault in FAULTS]


@dataclass
class DrillTally:
    """What the clients saw."""

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0
    offered: int = 0


def write_documents(folder: Path, port: int, simulator: str, transport: str) -> Path:
    """turnout.yaml and policy.yaml: a backend and a route for each fault."""
    backends = {}
    for name, fault in zip(NAMES, FAULTS, strict=True):
        wish = f"?fault={fault}&after=2&seconds=60&status=503" if fault else ""
        price = 2 if name == "sound" else 1
        backends[name] = {
            "base_url": simulator,
            "model": f"simulated{wish}",
            "ability": "moe",
            "price": {"input": price, "output": price},
            "timeouts": dict(TIMEOUTS),  # a shared one would be written as an alias
            "simulated": True,
        }
    routes = {
        f"r-{name}": {
            "candidates": [name, "sound"],
            "objective": "cheapest_capable",
            "capable": {"min_success": 0.0},
        }
        for name in NAMES
        if name != "sound"
    }
    everyone = {"requests_per_minute": 10**8, "tokens_per_minute": 10**11, "concurrency": 10**6}
    policy = {"version": 1, "routes": routes, "tiers": {"drill": everyone}}
    config = {
        "version": 1,
        "listen": f"127.0.0.1:{port}",
        "stop": {"notice": None},
        "policy": "policy.yaml",
        "data": "data",
        "transport": transport,
        "backends": backends,
    }
    (folder / "policy.yaml").write_text(yaml.safe_dump(policy))
    path = folder / "turnout.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


async def one(session: httpx.AsyncClient, rand: random.Random, tally: DrillTally) -> None:
    """One request of one client."""
    alone = rand.random() < 0.4
    name = rand.choice(NAMES)
    model = name if alone or name == "sound" else f"r-{name}"
    stream, leaves = rand.random() < 0.5, rand.random() < 0.1
    tally.offered += 1 if model == name else 2
    body = {
        "model": model,
        "stream": stream,
        "max_tokens": 40,
        "messages": [{"role": "user", "content": "drill"}],
    }
    began = time.monotonic()
    try:
        async with (
            asyncio.timeout(LONGEST),
            session.stream("POST", "chat/completions", json=body) as reply,
        ):
            outcome = await read(reply, stream=stream, leaves=leaves, seen=tally)
    except TimeoutError:
        outcome = "hang"
        tally.wrong.append(f"hang: {model}")
    except httpx.HTTPError as error:
        outcome = "dropped"
        tally.wrong.append(f"{type(error).__name__}: {model}")
    tally.outcomes[outcome] += 1
    tally.slowest = max(tally.slowest, time.monotonic() - began)


async def read(reply: httpx.Response, *, stream: bool, leaves: bool, tally: DrillTally) -> str:
    """Read an answer and judge it; say how it ended."""
    if reply.status_code not in ALLOWED or "x-request-id" not in reply.headers:
        tally.wrong.append(f"status {reply.status_code}")
    if reply.status_code != 200:
        error = json.loads(await reply.aread()).get("error", {})
        if not {"message", "type", "code", "param"} <= error.keys():
            tally.wrong.append(f"envelope of a {reply.status_code}")
        return f"{reply.status_code} {error.get('code')}"
    if not stream:
        answer = json.loads(await reply.aread())
        if not answer.get("choices"):
            tally.wrong.append("an answer without choices")
        return "answered"
    received = b""
    async for piece in reply.aiter_raw():
        received += piece
        if leaves:
            return "left"
    if received.endswith(b"data: [DONE]\n\n"):
        return "streamed"
    if b'data: {"error":' in received.split(b"\n\n")[-2]:
        return "error event"
    tally.wrong.append("a stream without an end")
    return "cut"


async def drill(url: str, key: str, requests: int, at_once: int) -> DrillTally:
    """So many requests, so many at once."""
    tally, rand = DrillTally(), random.Random(1)
    turns = asyncio.Semaphore(at_once)
    async with httpx.AsyncClient(
        base_url=url + "/",
        headers={"authorization": f"Bearer {key}"},
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=at_once),
        timeout=LONGEST,
        trust_env=False,
    ) as session:

        async def turn() -> None:
            async with turns:
                await one(session, rand, tally)

        await asyncio.gather(*(turn() for _ in range(requests)))
    return tally


def fetch(url: str) -> str:
    return httpx.get(url, trust_env=False).text


def left_over(root: str, data: Path, simulator: str) -> dict[str, float]:
    """What is still open, once the gateway had time to settle: all should be zero."""
    deadline = time.monotonic() + 20.0
    while True:
        metrics = fetch(f"{root}/metrics")
        status = json.loads(fetch(simulator.removesuffix("/v1") + "/status"))
        match = re.search(r"^turnout_in_flight ([\d.]+)$", metrics, re.MULTILINE)
        with redis.Redis(unix_socket_path=str(next(data.rglob("*.sock")))) as ledger:
            holds = sum(int(ledger.hlen(key)) for key in ledger.scan_iter("lg:*:h"))
        left = {
            "in flight": float(match[1]) if match else -1.0,
            "holds": float(holds),
            "at the backends": float(status["running"]),
        }
        if not any(left.values()) or time.monotonic() > deadline:
            return left | {"served": float(status["served"])}
        time.sleep(0.2)


def new_key(config: Path) -> str:
    command = [sys.executable, "-m", "router.cli", "keys", "create", "--config", str(config)]
    command += ["--organization", "drill", "--tier", "drill"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def until_ready(root: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60.0
    while time.monotonic() < deadline and process.poll() is None:
        try:
            fetch(f"{root}/readyz")
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"the gateway did not start:\n{log.read_text()[-2000:]}")


def report(tally: DrillTally, left: dict[str, float], seconds: float) -> int:
    print(
        f"{sum(tally.outcomes.values())} requests in {seconds:.1f} s, slowest {tally.slowest:.2f} s"
    )
    for outcome, count in tally.outcomes.most_common():
        print(f"  {count:6d}  {outcome}")
    served = left.pop("served")
    print(f"left over: {left}; backends asked {served / tally.offered:.3f} x what was offered")
    for wrong in tally.wrong[:20]:
        print(f"WRONG {wrong}")
    return int(bool(tally.wrong) or any(left.values()) or served > 1.1 * tally.offered)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--transport", choices=("httptools", "httpx"), default="httptools")
    asked = parser.parse_args()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    simulator = Child("router.simulator.server", "--name", "instant")
    simulator.start()
    with tempfile.TemporaryDirectory() as folder:
        config = write_documents(Path(folder), port, simulator.await_ready(), asked.transport)
        log_path = Path(folder) / "gateway.log"
        log = log_path.open("wb")
        command = [sys.executable, "-m", "router.cli", "serve", "--config", str(config)]
        gateway = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            root = f"http://127.0.0.1:{port}"
            until_ready(root, gateway, log_path)
            key = new_key(config)
            time.sleep(2.0)  # the gateway reads new keys once a second
            began = time.monotonic()
            tally = asyncio.run(drill(f"{root}/v1", key, asked.requests, asked.at_once))
            seconds = time.monotonic() - began
            return report(
                tally, left_over(root, Path(folder) / "data", simulator.base_url), seconds
            )
        finally:
            gateway.terminate()
            gateway.wait(30.0)
            simulator.stop()
            log.close()


if __name__ == "__main__":
    sys.exit(main())
