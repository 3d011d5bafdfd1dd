"""Stopping: what is in flight ends well, is settled and in the books before the process is gone."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from conftest import RunningGateway, config_text, free_port, start_gateway

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
        process.kill()


def _stored(gateway: RunningGateway) -> dict:
    command = [sys.executable, "-m", "router.cli", "usage", "--config", str(gateway.config)]
    done = subprocess.run([*command, "--format", "json"], capture_output=True, check=True)
    return json.loads(done.stdout)["total"]


def test_a_stream_in_flight_at_sigterm_ends_whole_and_is_in_the_books(stoppable):
    gateway, process = stoppable
    headers = {"authorization": f"Bearer {gateway.new_key('enterprise')}"}
    url = f"{gateway.url}/chat/completions"
    with httpx.stream("POST", url, json=STORY, headers=headers, timeout=30) as answer:
        lines = answer.iter_lines()
        first = next(lines)
        process.terminate()
        rest = [line for line in lines if line]
    assert first.startswith("data: {")
    assert rest[-1] == "data: [DONE]"
    assert process.wait(20) == 0
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
        answer = httpx.post(url, json=STORY | {"model": "stalls"}, headers=headers, timeout=30)
        stopping.result()
    assert answer.status_code == 503
    assert "stopping" in answer.json()["error"]["message"]
    assert process.wait(20) == 0
    assert '"level": "error"' not in (gateway.folder / "gateway.log").read_text()
    assert _stored(gateway)["requests"] == 1
