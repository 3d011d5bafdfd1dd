"""Who must give its place in a full queue to somebody else is told so, and holds nothing more."""

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest
import turnoutkit
import yaml
from gated import Gated
from gatewaykit import RunningGateway, start_gateway
from modelservers import in_thread
from patience import LONGEST_SECONDS
from ports import free_port

QUEUE = 2


class Gateway(RunningGateway):
    """One slot, and room for two that wait for it."""

    gated: Gated

    def send(self, key: str) -> httpx.Response:
        """Ask for a chat."""
        return httpx.post(
            f"{self.url}/chat/completions",
            json={"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]},
            headers={"authorization": f"Bearer {key}"},
            timeout=LONGEST_SECONDS,
        )


@pytest.fixture
def gateway(tmp_path) -> Iterator[Gateway]:
    gated, port = Gated(), free_port()
    with in_thread(gated) as url:
        backend = {"base_url": url, "model": "gated", "price": {"input": 1, "output": 1}}
        backend["capacity"] = {"concurrency": 1, "queue": QUEUE, "max_wait": "60s"}
        config = {
            **{"version": 1, "listen": f"127.0.0.1:{port}", "policy": "one.yaml", "data": "data"},
            "stop": {"notice": None},
            "backends": {"b": backend},
        }
        routes = {"auto": {"candidates": ["b"], "objective": "fixed"}}
        tiers = {"pro": {"tokens_per_day": 1_000_000, "concurrency": 8}}
        (tmp_path / "one.yaml").write_text(
            yaml.safe_dump({"version": 1, "routes": routes, "tiers": tiers})
        )
        process = start_gateway(tmp_path, yaml.safe_dump(config))
        running = Gateway(tmp_path, port, {})
        running.gated = gated
        try:
            running.until_ready(process)
            yield running
        finally:
            gated.gate.set()
            process.terminate()
            process.wait(LONGEST_SECONDS)


def booked(gateway: Gateway) -> dict[str, tuple[int, int]]:
    """Requests and tokens of answers, by organization."""
    words = ("--config", gateway.config, "--by", "organization", "--format", "json")
    rows = json.loads(turnoutkit.run("usage", *words).stdout)["rows"]
    return {row["organization"]: (row["requests"], row["output_tokens"]) for row in rows}


def test_a_request_that_a_full_queue_turns_away_is_settled_once_and_holds_nothing(
    gateway: Gateway,
) -> None:
    loud, quiet = gateway.new_key("pro", "loud"), gateway.new_key("pro", "quiet")
    with ThreadPoolExecutor(4) as clients:
        sent: list[Future[httpx.Response]] = []
        for place in range(QUEUE + 1):
            sent.append(clients.submit(gateway.send, loud))
            gateway.until(lambda taken=place + 1: gateway.open_holds() == taken)
        other = clients.submit(gateway.send, quiet)
        turned_away = sent[-1].result(LONGEST_SECONDS)
        gateway.until(lambda: gateway.open_holds() == QUEUE + 1)  # one runs, one of each waits
        gateway.gated.gate.set()
        served = [one.result(LONGEST_SECONDS).status_code for one in (*sent[:-1], other)]
    assert turned_away.status_code == 503
    assert "gave its place in a full queue" in turned_away.json()["error"]["message"]
    assert served == [200, 200, 200]
    assert len(gateway.gated.heard) == 3
    gateway.until(lambda: gateway.open_holds() == 0)
    gateway.until(lambda: booked(gateway) == {"loud": (2, 10), "quiet": (1, 5)})
    check = turnoutkit.run("ledger", "check", "--config", gateway.config)
    assert check.stdout.endswith("no drift\n")
