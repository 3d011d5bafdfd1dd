"""`turnout serve --workers 2`: one port, one ledger, one page of metrics; a dead worker returns."""

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import patience
import pytest
import turnoutkit
from modelservers import RunningSimulator
from patience import LONGEST_SECONDS, until
from ports import free_port
from turnoutkit import Turnout

from router.customers.keys import KeyStore
from router.telemetry.worker_metrics import together

POLICY = """\
version: 1
routes:
  auto: {candidates: [moe], objective: fixed}
  scored: {candidates: [moe, twin], objective: cheapest_capable, capable: {min_success: 0.0}}
tiers: {counted: {requests_per_day: 12}, open: {}}
"""


def until_gone(pids: list[int]) -> None:
    """Wait until none of these runs; one that ended and was not reaped yet is gone too."""
    until(lambda: all(_state(pid) in ("", "Z") for pid in pids))


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return ""


class Workers:
    """A gateway of two workers."""

    def __init__(self, folder: Path, port: int, process: Turnout) -> None:
        self.root = f"http://127.0.0.1:{port}"
        self.folder = folder
        self.process = process
        self.log = folder / "gateway.log"
        store = KeyStore(f"sqlite:///{folder / 'turnout.db'}")
        self.keys = {tier: store.create(tier, tier)[0] for tier in ("counted", "open")}
        store.close()

    def ask(self, tier: str) -> int:
        """One request over a connection of its own, so that the kernel chooses the worker."""
        body = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
        headers = {"authorization": f"Bearer {self.keys[tier]}", "connection": "close"}
        url = f"{self.root}/v1/chat/completions"
        return patience.post(url, json=body, headers=headers).status_code

    def served(self) -> dict[str, int]:
        """Requests by worker, as the metrics tell."""
        text = patience.get(f"{self.root}/metrics", headers={"connection": "close"}).text
        result: dict[str, int] = dict.fromkeys(re.findall(r'worker="(\d+)"', text), 0)
        pattern = r'^turnout_requests_total{worker="(\d+)",.*status="200"} ([\d.]+)$'
        for worker, count in re.findall(pattern, text, re.MULTILINE):
            result[worker] += int(float(count))
        return result

    def pids(self) -> list[int]:
        """The processes of the workers."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def until(self, condition, what: str) -> None:
        def happened() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            return condition()

        until(happened, lambda: f"{what}: {self.log.read_text()}")

    def both_serve(self) -> bool:
        try:
            return sorted(self.served()) == ["0", "1"]
        except httpx.HTTPError:
            return False


@contextmanager
def two_workers(folder: Path, backend_url: str) -> Iterator[Workers]:
    """Two workers that serve, each a Python started afresh; killed at the end where they run."""
    port = free_port()
    backend = {"base_url": backend_url, "model": "simulated-moe", "ability": "moe"}
    backend |= {"price": {"input": 1, "output": 1}, "simulated": True}
    head = {"version": 1, "listen": f"127.0.0.1:{port}", "policy": "policy.yaml", "data": "."}
    head["stop"] = {"notice": None}
    more = {"backends": {"moe": backend, "twin": backend}, "classifier": {"deadline": "10s"}}
    (folder / "turnout.yaml").write_text(json.dumps(head | more))  # as YAML, without anchors
    (folder / "policy.yaml").write_text(POLICY)
    process = turnoutkit.serve(folder, "--workers", "2")
    running = Workers(folder, port, process)
    try:
        running.until(running.both_serve, "two workers serve")
        yield running
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def workers(
    tmp_path_factory: pytest.TempPathFactory, _simulator_thread: RunningSimulator
) -> Iterator[Workers]:
    """Those that the tests of this file share: to start two takes as long as all their tests."""
    with two_workers(tmp_path_factory.mktemp("workers"), _simulator_thread.base_url) as running:
        yield running


def test_an_answer_can_be_judged_at_once_at_whichever_worker(workers: Workers) -> None:
    workers.until(lambda: workers.ask("open") == 200, "a new key works")
    body = {"model": "scored", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
    headers = {"authorization": f"Bearer {workers.keys['open']}", "connection": "close"}
    for _ in range(10):
        answer = patience.post(f"{workers.root}/v1/chat/completions", json=body, headers=headers)
        opinion = {"decision": answer.headers["x-turnout-decision"], "score": 1}
        assert "moe" in answer.headers["x-turnout-success"]
        reply = patience.post(f"{workers.root}/v1/feedback", json=opinion, headers=headers)
        assert reply.status_code == 202, reply.text


def test_two_workers_share_the_port_the_ledger_and_the_metrics(workers: Workers) -> None:
    workers.until(lambda: workers.ask("open") == 200, "a new key works")
    for _ in range(40):
        assert workers.ask("open") == 200
    counts = workers.served()
    assert all(count > 0 for count in counts.values()), counts
    answers = [workers.ask("counted") for _ in range(14)]
    assert answers == [200] * 12 + [429] * 2


def test_a_worker_that_dies_is_replaced(workers: Workers) -> None:
    before = set(workers.pids())
    victim = max(before)
    os.kill(victim, signal.SIGKILL)
    workers.until(lambda: len(workers.pids()) == 2 and victim not in workers.pids(), "a new worker")
    workers.until(workers.both_serve, "both serve again")
    assert workers.ask("open") == 200
    assert "a worker died and is replaced" in workers.log.read_text()


def test_sigterm_stops_every_worker_and_the_ledger(workers: Workers) -> None:
    """The last of those that share them: whoever asks for them later finds them gone."""
    pids = workers.pids()
    ledger = int((workers.folder / "ledger" / "valkey.pid").read_text())
    workers.process.send_signal(signal.SIGHUP)
    workers.process.terminate()
    assert workers.process.wait(LONGEST_SECONDS) == 0, workers.log.read_text()
    until_gone([*pids, ledger])


def test_workers_end_when_their_minder_is_killed(
    tmp_path: Path, simulator: RunningSimulator
) -> None:
    with two_workers(tmp_path, simulator.base_url) as workers:
        pids = workers.pids()
        workers.process.kill()
        workers.process.wait()
        until_gone(pids)


def test_a_configuration_that_cannot_serve_ends_the_command(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY.replace(", twin", ""))
    (tmp_path / "turnout.yaml").write_text(
        "version: 1\npolicy: policy.yaml\nlisten: 127.0.0.1:0\nledger: redis://127.0.0.1:9/0\n"
        "backends: {moe: {base_url: 'http://127.0.0.1:9/v1', model: m, ability: moe,"
        " price: {input: 1, output: 1}}}\n"
    )
    options = ("--workers", "2", "--config", tmp_path / "turnout.yaml")
    done = turnoutkit.run("serve", *options, check=False)
    assert done.returncode == 1
    assert "ledger" in done.stderr


def test_pages_of_several_workers_become_one() -> None:
    pages = {
        "0": b'# HELP a A.\n# TYPE a counter\na_total{x="1"} 2.0\n# TYPE b gauge\nb 1.0\n',
        "1": b'# HELP a A.\n# TYPE a counter\na_total{x="1"} 3.0\n# TYPE b gauge\nb 0.0\n',
    }
    assert together(pages).decode() == (
        '# HELP a A.\n# TYPE a counter\na_total{worker="0",x="1"} 2.0\n'
        'a_total{worker="1",x="1"} 3.0\n# TYPE b gauge\nb{worker="0"} 1.0\nb{worker="1"} 0.0\n'
    )
