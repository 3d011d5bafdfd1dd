"""A gateway for tests of pages: it serves nobody's requests, so that it starts quickly."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import turnoutkit
import yaml
from gatewaykit import RunningGateway
from patience import LONGEST_SECONDS
from ports import free_port

TOKEN: Final = "an-admin-token-for-tests"
OWNER: Final = {"authorization": f"Bearer {TOKEN}"}
_BACKEND: Final = {
    "base_url": "http://127.0.0.1:9/v1",
    "model": "none",
    "price": {"input": 1, "output": 1},
}
_POLICY: Final = """\
version: 1
routes: {auto: {candidates: [void], objective: fixed}}
tiers: {free: {requests_per_minute: 10}, pro: {tokens_per_day: 1000}}
"""


@contextmanager
def gateway(folder: Path, admin_port: int, admin: Any, **more: Any) -> Iterator[str]:
    """A gateway with a listener of administrators at this port; yields that one's address."""
    port = free_port()
    config = {
        "version": 1,
        "listen": f"127.0.0.1:{port}",
        "policy": "policy.yaml",
        "data": "data",
        "stop": {"notice": None},
        "backends": {"void": _BACKEND},
        "admin": {"listen": f"127.0.0.1:{admin_port}", "token": TOKEN} | admin,
    }
    (folder / "turnout.yaml").write_text(yaml.safe_dump(config | more))
    (folder / "policy.yaml").write_text(_POLICY)
    with turnoutkit.serve(folder) as process:
        try:
            RunningGateway(folder, port, {}).until_ready(process)
            yield f"http://127.0.0.1:{admin_port}"
        finally:
            process.terminate()
            process.wait(LONGEST_SECONDS)
