"""A ledger whose data is gone: the gateway says so, and is ready again when it is repaired."""

import shutil
import subprocess
import sys
from pathlib import Path

import patience
from gatewaykit import RunningGateway, config_text, start_gateway
from patience import until
from ports import free_port

BODY = {"model": "premium", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 7}


def _ledger(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "router.cli", "ledger", *words]
    config = ["--config", str(folder / "turnout.yaml")]
    return subprocess.run([*command, *config], capture_output=True, text=True, check=False)


def _readiness(port: int):
    return patience.get(f"http://127.0.0.1:{port}/readyz")


def _stop(process) -> None:
    process.terminate()
    process.wait(patience.LONGEST_SECONDS)


def test_a_gateway_whose_ledger_lost_its_data_says_so_until_it_is_repaired(tmp_path, simulators):
    port, (seen, urls) = free_port(), simulators
    config = config_text(port, urls | {"local": urls["moe"]}, on_ledger_loss="refuse")
    gateway = RunningGateway(tmp_path, port, seen)
    with start_gateway(tmp_path, config) as process:
        gateway.until_ready(process)
        headers = {"authorization": f"Bearer {gateway.new_key('enterprise')}"}
        url = f"{gateway.url}/chat/completions"
        assert patience.post(url, json=BODY, headers=headers).status_code == 200
        _stop(process)
    shutil.rmtree(tmp_path / "data" / "ledger")
    with start_gateway(tmp_path, config) as process:
        until(lambda: _lost(port))
        metrics = patience.get(f"http://127.0.0.1:{port}/metrics").text
        assert 'turnout_ledger_losses_total{cause="empty"} 1.0' in metrics
        assert _ledger(tmp_path, "repair", "--yes").returncode == 0
        gateway.until_ready(process)  # at its next look
        assert _readiness(port).json()["ledger"] == "ok"
        _stop(process)


def _lost(port: int) -> bool:
    """Whether the gateway answers that it is not ready, and why."""
    try:
        answer = _readiness(port)
    except OSError:
        return False
    except patience.httpx.TransportError:
        return False
    return answer.status_code == 503 and "lost what it held" in answer.json()["ledger"]
