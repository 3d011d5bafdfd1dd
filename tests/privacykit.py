"""A gateway that keeps private requests at home; what is sent to the one outside is remembered."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import yaml
from gatewaykit import RunningGateway, start_gateway
from modelservers import in_thread
from patience import LONGEST_SECONDS
from ports import free_port

from router.simulator.server import Profile, Simulator

MAIL = "jane.doe@example.com"
# A card but for its checksum, again and again: what a detector has to look at most closely.
NEAR_MISS = "4111-1111-1111-1112, "

POLICY = """\
version: 1
routes:
  auto:
    candidates: [away, home]
    objective: fixed
    rules: [{name: private-stays-home, when: request.pii, only: [home]}]
  strict:
    candidates: [away, home]
    objective: fixed
    rules:
      - {name: too-long-to-read, when: request.unread, deny: Too long to be checked.}
  lenient:
    candidates: [away, home]
    objective: fixed
    rules: [{name: found-stays-home, when: request.pii && !request.unread, only: [home]}]
tiers: {free: {requests_per_minute: 1000, concurrency: 16}, other: {concurrency: 64}}
"""


class Remembering(Simulator):
    """Remembers every body that it was sent."""

    def __init__(self) -> None:
        super().__init__("moe", Profile(first_token=0.0, per_token=0.0))
        self.bodies: list[bytes] = []

    async def __call__(self, scope, receive, send) -> None:
        async def heard() -> dict:
            message = await receive()
            self.bodies.append(message.get("body", b""))
            return message

        await super().__call__(scope, heard, send)


class PrivateGateway(RunningGateway):
    """`away` and `home` are its backends."""

    def __init__(self, folder: Path, port: int, away: Remembering, home: Remembering) -> None:
        super().__init__(folder, port, {"away": away, "home": home})
        self.away, self.home = away, home


@contextmanager
def private_gateway(
    folder: Path, environ: Mapping[str, str] = MappingProxyType({}), **sections
) -> Iterator[PrivateGateway]:
    """Start one; `sections` are further ones of its turnout.yaml."""
    away, home, port = Remembering(), Remembering(), free_port()
    (folder / "private.yaml").write_text(POLICY)
    with in_thread(away) as away_url, in_thread(home) as home_url:
        urls = {"away": away_url, "home": home_url}
        config = {
            **{"version": 1, "listen": f"127.0.0.1:{port}", "policy": "private.yaml"},
            "data": "data",
            "backends": {
                name: {
                    **{"base_url": url, "model": "simulated-moe", "simulated": True},
                    "price": {"input": 0, "output": 0},
                }
                for name, url in urls.items()
            },
        }
        process = start_gateway(
            folder, yaml.safe_dump(config | sections), TURNOUT_LOG_LEVEL="debug", **environ
        )
        running = PrivateGateway(folder, port, away, home)
        running.environ |= environ
        try:
            running.until_ready(process)
            yield running
        finally:
            process.terminate()
            process.wait(LONGEST_SECONDS)
