"""The recipes of docs/admin.md, by bash and curl, as they stand."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from gatewaykit import POLICY, RunningGateway, config_text, start_gateway
from patience import get
from ports import free_port

PAGE = (Path(__file__).parents[3] / "docs" / "admin.md").read_text("utf-8")
RECIPES = PAGE.split("## Five recipes", 1)[1].split("\n## ", 1)[0]
BLOCKS = re.findall(r"```bash\n(.*?)```", RECIPES, re.DOTALL)
TOKEN = "an-admin-token-for-tests"
URLS = dict.fromkeys(("local", "moe", "premium", "mute", "strict"), "http://127.0.0.1:9/v1")


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipes")
    port, admin_port = free_port(), free_port()
    section = {"listen": f"127.0.0.1:{admin_port}", "token": TOKEN}
    (folder / "policy.yaml").write_text(POLICY)
    config = config_text(port, URLS, admin=section)
    with start_gateway(folder, config) as process:
        running = RunningGateway(folder, port, {})
        running.until_ready(process)
        policy = POLICY + "  pro: {tokens_per_day: 1000}\n"
        (folder / "policy.yaml").write_text(policy)
        root = f"http://127.0.0.1:{admin_port}"
        tier = f"{root}/admin/v1/policies/active/tiers/pro"
        running.until(lambda: get(tier, headers=HEADERS).status_code == 200)
        yield f"{root}/admin/v1"
        process.terminate()


HEADERS = {"authorization": f"Bearer {TOKEN}"}


def test_there_are_five_recipes_and_each_does_what_it_says(api, tmp_path):
    assert len(BLOCKS) == 6  # the word for a call, and five
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", "\n".join(BLOCKS)],
        cwd=tmp_path,
        env=os.environ | {"ADMIN": api, "ADMIN_TOKEN": TOKEN},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    acme = get(f"{api}/organizations/acme", headers=HEADERS).json()
    assert acme["raised"][0]["limits"] == {"tokens_per_day": 5_000_000}
    assert acme["suspended"] is None
    keys = get(f"{api}/organizations/acme/keys", headers=HEADERS).json()["items"]
    assert [key["replaced_by"] for key in keys] == [keys[1]["key_id"], None]
    balance = get(f"{api}/organizations/globex/balance", headers=HEADERS).json()
    assert balance["left"] == "250.00"
    actions = [row["action"] for row in get(f"{api}/audit", headers=HEADERS).json()["items"]]
    assert json.dumps(actions[::-1]) == json.dumps(
        [
            *("organizations.create", "keys.create", "limits.raise", "keys.rotate"),
            *("organizations.suspend", "organizations.resume", "organizations.create"),
            "credits.add",
        ]
    )
