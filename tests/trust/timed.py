"""A gateway with a stopwatch on its loop, and a key."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gatewaykit import RunningGateway
from patience import LONGEST_SECONDS
from ports import free_port

from router.customers.keys import KeyStore

ROOT = Path(__file__).parents[2]


class Timed(RunningGateway):
    """A gateway whose turns of the loop are written to `turns` (`trust.stopwatch`)."""

    def __init__(self, folder: Path, port: int, key: str) -> None:
        super().__init__(folder, port, {})
        self.turns = folder / "turns"
        self.authorization = {"authorization": f"Bearer {key}"}


@contextmanager
def timed_gateway(
    folder: Path, policy: str, backends: dict[str, Any], **more: Any
) -> Iterator[Timed]:
    """Start one; its key is of the tier `loud`."""
    port = free_port()
    config = {
        "version": 1,
        "listen": f"127.0.0.1:{port}",
        "policy": "tiers.yaml",
        "data": "data",
        "limits": {"bodies": "200MB"},
        "backends": backends,
        **more,
    }
    (folder / "tiers.yaml").write_text(policy)
    (folder / "data").mkdir(mode=0o700)
    store = KeyStore(f"sqlite:///{folder / 'data' / 'turnout.db'}")
    running = Timed(folder, port, store.create("loud", "loud")[0])
    store.close()
    (folder / "turnout.yaml").write_text(json.dumps(config))
    running.turns.touch()
    command = [sys.executable, "-m", "trust.stopwatch", str(running.turns), "serve"]
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--config", str(folder / "turnout.yaml")],
            stdout=log,
            stderr=log,
            env=os.environ | {"PYTHONPATH": f"{ROOT / 'tests'}:{ROOT}"},
        )
    try:
        running.until_ready(process)
        yield running
    finally:
        process.terminate()
        process.wait(LONGEST_SECONDS)
