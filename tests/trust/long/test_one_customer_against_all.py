"""Whatever one customer sends, another one within its limits is served as if it were alone.

The loud customer's loads, one after the other, against a real gateway; beside each, the quiet one
asks and counts: none of its requests may be lost, and 99 of 100 are answered within twice the time
that they take while nobody else asks. Who waits for scarce slots asks for less than half of them.

The figure is about the gateway. So whoever attacks, and the model server that the attack reaches,
are processes that get only the processor's idle time (`SCHED_IDLE`): what they cost a machine that
they share with the gateway is none of its doing. Needs a machine that does nothing else.
"""

import asyncio
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from gatewaykit import RunningGateway, start_gateway
from patience import LONGEST_SECONDS, until
from ports import free_port
from privacykit import NEAR_MISS
from trust.figures import Figures
from trust.hostile_bodies import BODIES, LARGEST

from router.children.child import listen_on, quiet_server
from router.customers.keys import KeyStore
from router.simulator.server import Profile, Simulator

pytestmark = pytest.mark.timed

ANSWER_SECONDS = 0.3  # what the backend takes: a short answer of a small model
REQUESTS = 300
SCARCE_REQUESTS = 150
APART = {"moe": 0.02, "scarce": 0.1}  # seconds between two requests of the quiet customer
MB = 1_000_000
CARDS = NEAR_MISS.encode()  # what detectors have to look at most closely
HELLO = {"model": "moe", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
POLICY = """\
version: 1
routes:
  auto: {candidates: [bulk, moe, scarce], objective: fixed}
  guarded:
    candidates: [bulk]
    objective: fixed
    rules: [{name: looked-at, when: request.pii, fixed: bulk}]
  redacted: {candidates: [bulk], objective: fixed, redact: true}
tiers:
  loud: {concurrency: 500}
  quiet: {concurrency: 500}
"""
Load = Callable[[str, str], Awaitable[None]]  # of a gateway's address and a key


class Attacked(RunningGateway):
    """A gateway with a key for each tier."""

    def __init__(self, folder: Path, port: int, keys: dict[str, str], pid: int) -> None:
        super().__init__(folder, port, {})
        self._keys = keys
        self.pid = pid


def _serve(port: int, *, idly: bool) -> None:
    if idly:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    listener, _ = listen_on("127.0.0.1", port)
    simulator = Simulator("moe", Profile(first_token=ANSWER_SECONDS, per_token=0.0))
    asyncio.run(quiet_server(simulator).serve(sockets=[listener]))


@contextmanager
def model_server(*, idly: bool) -> Iterator[dict[str, Any]]:
    """A model server in a process of its own, as a backend."""
    port = free_port()
    arguments = {"port": port, "idly": idly}
    process = get_context("spawn").Process(target=_serve, kwargs=arguments, daemon=True)
    process.start()
    until(lambda: _listens(port))
    try:
        url = f"http://127.0.0.1:{port}/v1"
        price = {"input": 1, "output": 1}
        yield {"base_url": url, "model": "simulated-moe", "price": price, "simulated": True}
    finally:
        process.kill()
        process.join()


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    """A gateway with 200 MB for bodies, before a free backend, one with eight slots, and one for
    the bodies of the loud customer."""
    folder: Path = tmp_path_factory.mktemp("loud")
    with model_server(idly=False) as backend, model_server(idly=True) as bulk:
        scarce = backend | {"capacity": {"concurrency": 8, "queue": 20, "max_wait": "5s"}}
        config = {
            "version": 1,
            "listen": f"127.0.0.1:{free_port()}",
            "policy": "tiers.yaml",
            "data": "data",
            "limits": {"bodies": "200MB"},
            "backends": {"moe": backend, "scarce": scarce, "bulk": bulk},
        }
        port = int(config["listen"].rpartition(":")[2])
        (folder / "tiers.yaml").write_text(POLICY)
        (folder / "data").mkdir(mode=0o700)
        store = KeyStore(f"sqlite:///{folder / 'data' / 'turnout.db'}")
        keys = {tier: store.create(tier, tier)[0] for tier in ("loud", "quiet")}
        store.close()
        process = start_gateway(folder, json.dumps(config))
        running = Attacked(folder, port, keys, process.pid)
        try:
            running.until_ready(process)
            yield running
        finally:
            process.terminate()
            process.wait(LONGEST_SECONDS)


def memory_of(gateway: Attacked) -> int:
    """The most bytes that the gateway had in memory since this was asked last."""
    lines = Path(f"/proc/{gateway.pid}/status").read_text().splitlines()
    Path(f"/proc/{gateway.pid}/clear_refs").write_text("5")  # its peak begins anew
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


def processor_seconds(gateway: Attacked) -> float:
    """What the gateway has worked."""
    fields = Path(f"/proc/{gateway.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def headers(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}", "content-type": "application/json"}


async def quiet(gateway: Attacked, model: str = "moe") -> tuple[float, list[str]]:
    """The quiet customer's slowest of a hundred, in seconds, and what it got where it lost one."""
    times, lost = [], []
    requests = SCARCE_REQUESTS if model == "scarce" else REQUESTS
    async with httpx.AsyncClient(timeout=60, headers=headers(gateway.key("quiet"))) as client:

        async def ask(number: int) -> None:
            await asyncio.sleep(number * APART[model])
            began = time.perf_counter()
            try:
                answer = await client.post(
                    f"{gateway.url}/chat/completions", json=HELLO | {"model": model}
                )
                if answer.status_code != 200:
                    lost.append(answer.text)
            except httpx.HTTPError as error:
                lost.append(repr(error))
            times.append(time.perf_counter() - began)

        await asyncio.gather(*(ask(number) for number in range(requests)))
    return sorted(times)[int(len(times) * 0.99) - 1], lost


async def _repeat(client: httpx.AsyncClient, url: str, body: bytes) -> None:
    while True:
        try:
            await client.post(url, content=body)
        except httpx.HTTPError:
            await asyncio.sleep(0.01)


def sends(bodies: Callable[[], list[bytes]], each: int) -> Load:
    """A load: these bodies, each over so many connections, again and again."""

    async def load(root: str, key: str) -> None:
        limits, sent = httpx.Limits(max_connections=None), headers(key)
        async with httpx.AsyncClient(timeout=60, headers=sent, limits=limits) as client:
            url = f"{root}/v1/chat/completions"
            asking = (_repeat(client, url, body) for body in bodies() for _ in range(each))
            await asyncio.gather(*asking)

    return load


async def unfinished(root: str, key: str) -> None:
    """Eighty bodies of 30 MB that never end."""
    place = urlsplit(root)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
    head += f"Content-Length: {30 * MB}\r\n\r\n"

    async def one() -> None:
        while True:
            _, writer = await asyncio.open_connection(place.hostname, place.port)
            try:
                writer.write(head.encode())
                for _ in range(290):
                    writer.write(b" " * 100_000)
                    await writer.drain()
                await asyncio.sleep(60)
            except OSError:
                await asyncio.sleep(0.1)
            finally:
                writer.close()

    await asyncio.gather(*(one() for _ in range(80)))


def text(size: int, words: bytes = b"a ", model: bytes = b"bulk") -> bytes:
    return b'{"model":"%b","max_tokens":1,"messages":[{"role":"user","content":"%b"}]}' % (
        model,
        words * (size // len(words)),
    )


def flood(model: str) -> bytes:
    return (
        b'{"model":"%b","max_tokens":5,"messages":[{"role":"user","content":"x"}]}' % model.encode()
    )


CHAT = BODIES["/v1/chat/completions"]
LOADS: dict[str, tuple[Load, str]] = {
    "fine bodies": (
        sends(lambda: [CHAT[kind](LARGEST) for kind in ("empty objects", "messages", "zeros")], 3),
        "moe",
    ),
    "texts of 20 MB": (sends(lambda: [text(20 * MB)], 6), "moe"),
    "texts of 900 KB": (sends(lambda: [text(900_000)], 10), "moe"),
    "texts dear to detectors": (sends(lambda: [text(6 * MB, CARDS, b"guarded")], 8), "moe"),
    "texts to redact": (sends(lambda: [text(200_000, b"a@b.example ", b"redacted")], 8), "moe"),
    "unfinished bodies": (unfinished, "moe"),
    "a flood for scarce slots": (sends(lambda: [flood("scarce")], 100), "scarce"),
}


MOST_MEMORY = 650 * MB  # of a gateway with 200 MB for bodies, under any of them


def run(name: str, root: str, key: str) -> None:
    """A load in a process of its own, which takes nothing from whoever measures."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    asyncio.run(LOADS[name][0](root, key))


@asynccontextmanager
async def under(name: str, gateway: Attacked) -> AsyncIterator[None]:
    """Let a load run, once it has begun."""
    arguments = (name, gateway.root, gateway.key("loud"))
    process = get_context("spawn").Process(target=run, args=arguments)
    process.start()
    await asyncio.sleep(5)
    assert process.is_alive()
    try:
        yield
    finally:
        process.kill()
        process.join()


@pytest.mark.parametrize("name", LOADS)
async def test_another_customer_is_served_as_if_it_were_alone(
    name: str, gateway: Attacked, figures: Figures
) -> None:
    model = LOADS[name][1]
    memory_of(gateway)
    alone, lost_alone = await quiet(gateway, model)
    async with under(name, gateway):
        worked, began = processor_seconds(gateway), time.perf_counter()
        beside, lost = await quiet(gateway, model)
        worked = (processor_seconds(gateway) - worked) / (time.perf_counter() - began)
    figures.add(
        "requests of the quiet customer", SCARCE_REQUESTS if model == "scarce" else REQUESTS
    )
    figures.add("lost", len(lost))
    figures.add(f"{name}: p99 in ms, alone", round(alone * 1000))
    figures.add(f"{name}: p99 in ms, beside it", round(beside * 1000))
    figures.add(f"{name}: the gateway's part of a core in %, beside it", round(worked * 100))
    memory = memory_of(gateway)
    figures.add(f"{name}: most memory in MB", memory // MB)
    assert memory < MOST_MEMORY
    assert lost_alone == lost == []
    assert beside <= 2 * alone
