"""Gateways behind HAProxy are replaced one after the other while customers ask: nobody notices."""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import yaml
from gatewaykit import RunningGateway
from modelservers import in_thread
from patience import LONGEST_SECONDS
from ports import free_port
from trust.figures import Figures
from trust.proxies import balanced

from router.ledger.server.embedded import Embedded
from router.simulator.server import Profile, Simulator

CLIENTS, ROUNDS, WORDS = 3, 1, 20
MINUTES = 4
POLICY = """\
version: 1
routes: {auto: {candidates: [m], objective: fixed}}
tiers: {enterprise: {requests_per_minute: 1_000_000, concurrency: 1000}}
"""


class Pair:
    """Two gateways with one ledger and one database, and the balancer before them."""

    def __init__(self, folder: Path, settings: dict) -> None:
        self.gateways: list[RunningGateway] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        for number in range(2):
            home, port = folder / f"gateway{number}", free_port()
            home.mkdir()
            config = settings | {"listen": f"127.0.0.1:{port}"}
            (home / "turnout.yaml").write_text(yaml.safe_dump(config))
            (home / "policy.yaml").write_text(POLICY)
            self.gateways.append(RunningGateway(home, port, {}))
            self._processes.append(self._start(number))
        self.ready()

    def _start(self, number: int) -> "subprocess.Popen[bytes]":
        gateway = self.gateways[number]
        command = [sys.executable, "-m", "router.cli", "serve", "--config", str(gateway.config)]
        with (gateway.folder / "gateway.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def ready(self) -> None:
        """Wait until both would serve; a busy machine may take minutes to start them."""
        for gateway, process in zip(self.gateways, self._processes, strict=True):
            for _ in range(MINUTES):
                with contextlib.suppress(AssertionError):
                    gateway.until_ready(process)
                    break
            gateway.until_ready(process)

    def replace(self, number: int) -> int:
        """Stop one as an operator does, and start another in its place; how the old one ended."""
        old = self._processes[number]
        old.terminate()
        status = old.wait(LONGEST_SECONDS)
        self._processes[number] = self._start(number)
        self.ready()
        return status

    def close(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(LONGEST_SECONDS)

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of ours on what the gateways left."""
        where = ["--config", str(self.gateways[0].config)]
        command = [sys.executable, "-m", "router.cli", *words, *where]
        return subprocess.run(command, capture_output=True, text=True, check=False)


@contextmanager
def pair(folder: Path) -> Iterator[Pair]:
    """Run them."""
    (folder / "ledger").mkdir()
    model = Simulator("m", Profile(first_token=0.02, per_token=0.02))
    with in_thread(model) as url, Embedded(folder / "ledger") as ledger, ExitStack() as stack:
        row = {"base_url": url, "model": "simulated", "price": {"input": 1, "output": 2}}
        settings = {"version": 1, "policy": "policy.yaml", "backends": {"m": row}}
        settings |= {"ledger": ledger.url, "database": f"sqlite:///{folder / 'turnout.db'}"}
        settings |= {"stop": {"notice": "2s", "drain": "60s"}}
        gateways = Pair(folder, settings)
        stack.callback(gateways.close)
        yield gateways


def _asking(address: str, key: str, over: threading.Event) -> tuple[int, list[str]]:
    """Ask until it is over, every other time for a stream; how often, and what went wrong."""
    asked, wrong = 0, []
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(headers=headers, timeout=LONGEST_SECONDS) as client:
        while not over.is_set():
            body = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}
            body |= {"stream": asked % 2 == 0, "max_tokens": WORDS}
            asked += 1
            try:
                answer = client.post(address, json=body)
            except httpx.HTTPError as error:
                wrong.append(repr(error))
                continue
            whole = "data: [DONE]" in answer.text if body["stream"] else "usage" in answer.text
            if answer.status_code != 200 or not whole:
                wrong.append(f"{answer.status_code} {answer.text[-200:]}")
    return asked, wrong


def test_gateways_that_are_replaced_one_after_the_other_lose_nothing(
    tmp_path: Path, figures: Figures
) -> None:
    over = threading.Event()
    with pair(tmp_path) as gateways, ThreadPoolExecutor(CLIENTS) as pool:
        key = gateways.gateways[0].new_key("enterprise", "rolling")
        ports = [gateway.address[1] for gateway in gateways.gateways]
        with balanced(ports, tmp_path) as proxy:
            address = f"http://127.0.0.1:{proxy.address[1]}/v1/chat/completions"
            asking = [pool.submit(_asking, address, key, over) for _ in range(CLIENTS)]
            try:
                ended = [gateways.replace(at % 2) for at in range(2 * ROUNDS)]
            finally:
                over.set()
            told = [one.result() for one in asking]
        asked, wrong = sum(one for one, _ in told), [word for _, words in told for word in words]
        check = gateways.command("ledger", "check")
        usage = gateways.command("usage", "--by", "organization", "--format", "json")
    booked = sum(row["requests"] for row in json.loads(usage.stdout)["rows"])
    figures.add("gateways replaced under load", len(ended))
    figures.add("requests meanwhile", asked)
    figures.add("lost", len(wrong))
    figures.add("not in the books", asked - booked)
    assert ended == [0] * len(ended)
    assert wrong == []
    assert booked == asked
    assert check.returncode == 0, check.stdout + check.stderr
