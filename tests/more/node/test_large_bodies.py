"""Bodies as large as a gateway takes, and a byte more, sent by Node, whose clients are strict.

openai-node met a reset connection in 24 of 40 such requests once, instead of the 413.
"""

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from gatewaykit import CountingSimulator, RunningGateway, config_text, start_gateway
from modelservers import in_thread
from patience import LONGEST_SECONDS
from ports import free_port

from router.simulator.server import Profile

MOST = 32_000_000  # bytes, by default
SCRIPT = Path(__file__).with_name("large_bodies.mjs")
REFUSED = 40
IMAGES = 8  # as screenshots come: several in one request


@pytest.fixture(scope="module")
def gateway(tmp_path_factory) -> Iterator[RunningGateway]:
    """A gateway with the limits that it has by itself."""
    folder = tmp_path_factory.mktemp("large")
    simulator = CountingSimulator("moe", Profile(first_token=0.0, per_token=0.0))
    with in_thread(simulator) as url:
        urls = dict.fromkeys(("moe", "premium", "mute", "strict", "local"), url)
        port = free_port()
        process = start_gateway(folder, config_text(port, urls, limits={}))
        running = RunningGateway(folder, port, {"moe": simulator})
        try:
            running.until_ready(process)
            yield running
        finally:
            process.terminate()
            process.wait(LONGEST_SECONDS)


def body_of(size: int) -> bytes:
    """A chat request with images of so many bytes in all."""
    image = base64.b64encode(bytes(size // IMAGES * 3 // 4 - 1_000)).decode()
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}}
    text = {"type": "text", "text": "What is on these?"}
    content = [text, *[part] * IMAGES]
    body = {"model": "moe", "messages": [{"role": "user", "content": content}], "max_tokens": 3}
    raw = json.dumps(body).encode()
    return raw[:-1] + b" " * (size - len(raw)) + b"}"


def sent(gateway: RunningGateway, body: bytes, times: int, folder: Path) -> dict[str, list]:
    file = folder / "body.json"
    file.write_bytes(body)
    url, key = f"{gateway.url}/chat/completions", gateway.key("enterprise")
    command = ["node", str(SCRIPT), url, key, str(times), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_a_body_of_the_largest_size_arrives_byte_by_byte_and_is_answered(gateway, tmp_path):
    body = body_of(MOST)
    assert len(body) == MOST
    told = sent(gateway, body, 2, tmp_path)
    assert told == {"fetch": [[200, None]] * 2, "http": [[200, None]] * 2}
    assert gateway.last_raw("moe") == body.replace(b'"moe"', b'"simulated-moe"', 1)


def test_a_byte_more_is_refused_with_an_answer_that_arrives_every_time(gateway, tmp_path):
    told = sent(gateway, body_of(MOST + 1), REFUSED, tmp_path)
    refused = [[413, "payload_too_large"]] * REFUSED
    assert told == {"fetch": refused, "http": refused}
