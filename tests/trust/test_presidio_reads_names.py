"""Names stay at home where Presidio reads; whatever becomes of it, nobody else is stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import patience
import presidiokit
import pytest
from privacykit import MAIL, PrivateGateway, private_gateway

NAME = "Jane Doe"  # the only one that the library that stands in knows


@contextmanager
def gateway_in(folder: Path, **more) -> Iterator[PrivateGateway]:
    pipeline = str(presidiokit.pipeline_in(folder))
    presidio = {"languages": {"en": pipeline}, "entities": ["PERSON"], **more}
    environ = {"PYTHONPATH": presidiokit.STAND_IN}
    with private_gateway(folder, environ, detectors={"presidio": presidio}) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(tmp_path_factory) -> Iterator[PrivateGateway]:
    with gateway_in(tmp_path_factory.mktemp("presidio")) as running:
        yield running


def ask(gateway: PrivateGateway, text: str, key: str = "other", model: str = "auto") -> str:
    """Which backend answered, else the error's message."""
    body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": text}]}
    headers = {"authorization": f"Bearer {gateway.key(key)}"}
    answer = patience.post(f"{gateway.url}/chat/completions", json=body, headers=headers)
    return answer.headers.get("x-turnout-backend") or answer.json()["error"]["message"]


def test_a_name_stays_at_home_and_what_holds_none_goes_where_the_policy_sends_it(gateway):
    assert ask(gateway, f"Who is {NAME}?") == "home"
    assert ask(gateway, "Who wrote that?") == "away"
    assert ask(gateway, f"Who is {NAME}?", model="lenient") == "home"
    assert ask(gateway, f"Who is {MAIL}?") == "home"
    assert not any(NAME.encode() in body for body in gateway.away.bodies)
    counts = gateway.counts()
    assert counts['turnout_presidio_detections_total{result="found"}'] == 2
    assert counts['turnout_presidio{state="up"}'] == 1


def test_what_is_longer_than_it_reads_counts_as_private(gateway):
    assert ask(gateway, "Tell me More. " * 6_000) == "home"
    assert "Too long to be checked" in ask(gateway, "Tell me More. " * 6_000, model="strict")


def test_a_text_that_kills_it_counts_as_private_and_stops_nobody_else(gateway):
    """And is in no log, whatever the library prints of it."""
    assert ask(gateway, f"[raise] canary-7d1f {NAME}", "free") == "home"
    assert ask(gateway, f"[die] canary-7d1f {NAME}", "free") == "home"
    up = 'turnout_presidio{state="up"}'
    gateway.until(lambda: gateway.counts()["turnout_presidio_deaths_total"] == 1)
    gateway.until(lambda: gateway.counts()[up] == 1)
    assert ask(gateway, "Who wrote that?") == "away"
    assert ask(gateway, "Who wrote that?", "free") == "home"  # whose text it died of
    told = (gateway.folder / "gateway.log").read_text() + patience.get(
        f"{gateway.root}/metrics"
    ).text
    assert "a process of Presidio is down" in told
    assert "canary-7d1f" not in told
    assert NAME not in told
