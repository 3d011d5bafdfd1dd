"""Stopping: what is in flight ends well, is settled and in the books before the process is gone."""

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import patience
import pytest
import turnoutkit
from gatewaykit import RunningGateway, config_text, start_gateway
from patience import LONGEST_SECONDS
from ports import free_port

STORY = {
    "model": "premium",
    "stream": True,
    "messages": [{"role": "user", "content": "Tell a story."}],
}


@pytest.fixture
def stoppable(tmp_path, simulators):
    port = free_port()
    seen, urls = simulators
    config = config_text(port, urls | {"local": "http://127.0.0.1:9/v1"})
    with start_gateway(tmp_path, config) as process:
        running = RunningGateway(tmp_path, port, seen)
        running.until_ready(process)
        yield running, process
        process.terminate()  # a gateway that is killed leaves its ledger behind
        with suppress(subprocess.TimeoutExpired):
            process.wait(LONGEST_SECONDS)
        process.kill()


def _stored(gateway: RunningGateway) -> dict:
    done = turnoutkit.run("usage", "--config", gateway.config, "--format", "json")
    return json.loads(done.stdout)["total"]


def test_a_stream_in_flight_at_sigterm_ends_whole_and_is_in_the_books(stoppable):
    gateway, process = stoppable
    headers = {"authorization": f"Bearer {gateway.new_key('enterprise')}"}
    url = f"{gateway.url}/chat/completions"
    with httpx.stream("POST", url, json=STORY, headers=headers, timeout=LONGEST_SECONDS) as answer:
        lines = answer.iter_lines()
        first = next(lines)
        process.terminate()
        rest = [line for line in lines if line]
    assert first.startswith("data: {")
    assert rest[-1] == "data: [DONE]"
    assert process.wait(LONGEST_SECONDS) == 0
    total = _stored(gateway)
    assert total["requests"] == 1
    assert total["output_tokens"] > 10


def test_a_second_sigterm_does_not_wait_for_a_backend_that_stalls(stoppable):
    gateway, process = stoppable
    headers = {"authorization": f"Bearer {gateway.new_key('enterprise')}"}
    url = f"{gateway.url}/chat/completions"

    def stop_twice() -> None:
        gateway.until(lambda: gateway.counts()["turnout_in_flight"] == 1)
        process.terminate()
        gateway.until(lambda: "stopping" in (gateway.folder / "gateway.log").read_text())
        process.terminate()

    with ThreadPoolExecutor(1) as other:
        stopping = other.submit(stop_twice)
        answer = patience.post(url, json=STORY | {"model": "stalls"}, headers=headers)
        stopping.result()
    assert answer.status_code == 503
    assert "stopping" in answer.json()["error"]["message"]
    assert process.wait(LONGEST_SECONDS) == 0
    assert '"level": "error"' not in (gateway.folder / "gateway.log").read_text()
    assert _stored(gateway)["requests"] == 1


def _wake_ups(process: int) -> int:
    """How often the threads of a process gave up their core so far, to wait for something."""
    statuses = [path.read_text() for path in Path(f"/proc/{process}/task").glob("*/status")]
    lines = [line for status in statuses for line in status.splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt"))


def _rests(gateway: RunningGateway, process: turnoutkit.Turnout, pid: int, most: int) -> None:
    """Wait for three seconds in which process `pid` wakes at most `most` times."""
    began, before = time.monotonic(), _wake_ups(pid)

    def calm() -> bool:
        nonlocal began, before
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
        now, seen = time.monotonic(), _wake_ups(pid)
        if seen - before > most:
            began, before = now, seen
        return now - began >= 3.0

    gateway.until(calm)


def test_a_gateway_at_rest_and_its_ledger_hardly_ever_wake(stoppable):
    gateway, process = stoppable
    ledger = next((gateway.folder / "data").rglob("valkey.pid"))
    _rests(gateway, process, int(ledger.read_text()), 12)
    _rests(gateway, process, process.pid, 24)
