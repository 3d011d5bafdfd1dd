"""Schemathesis asks a real gateway by the OpenAPI document of its admin API; PyPI has to be there,
once: it is installed from the lock of `conformance/clients/schemathesis`."""

import os
import subprocess
from pathlib import Path

import pytest
from gatewaykit import RunningGateway, config_text, start_gateway
from ports import free_port

from conformance.cache import install
from conformance.document import SCHEMATHESIS

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[2] / "docs" / "admin-openapi.json"
TOKEN = "an-admin-token-for-tests"
# Every value at every border takes minutes: `make trust` has them.
PHASES, EXAMPLES = ["fuzzing"], "4"
if os.environ.get("TURNOUT_EXAMPLES") == "trust":
    PHASES, EXAMPLES = ["examples,coverage", "fuzzing,stateful"], "20"
URLS = dict.fromkeys(("local", "moe", "premium", "mute", "strict"), "http://127.0.0.1:9/v1")


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    folder = tmp_path_factory.mktemp("admin")
    port, admin_port = free_port(), free_port()
    section = {"listen": f"127.0.0.1:{admin_port}", "token": TOKEN}
    with start_gateway(folder, config_text(port, URLS, admin=section)) as process:
        running = RunningGateway(folder, port, {})
        running.until_ready(process)
        yield f"http://127.0.0.1:{admin_port}"
        process.terminate()


@pytest.mark.parametrize("phases", PHASES)
def test_the_document_is_kept_to_whatever_is_asked(api, phases, tmp_path):
    python = install(SCHEMATHESIS, print) / ".venv" / "bin" / "python"
    command = [
        *(str(python), "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")),
        *("run", str(DOCUMENT), "--url", api, "--header", f"Authorization: Bearer {TOKEN}"),
        *("--phases", phases, "--max-examples", EXAMPLES, "--seed", "1", "--continue-on-failure"),
        *("--generation-database", "none", "--suppress-health-check", "all", "--no-color"),
        *("--warnings", "off", "--request-timeout", "30"),
    ]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
