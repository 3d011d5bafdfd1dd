"""Two gateways on one database and one ledger, whose backends keep files and run batches."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import turnoutkit
import yaml
from gatewaykit import RunningGateway
from modelservers import in_thread
from patience import LONGEST_SECONDS
from ports import free_port

from router.ledger.server.embedded import Embedded
from router.simulator.server import Profile, Simulator

POLICY = """\
version: 1
routes:
  small: {candidates: [mini, elsewhere], objective: fixed}
  large: {candidates: [maxi], objective: fixed}
  claude: {candidates: [haiku, sonnet], objective: fixed}
  careful:
    candidates: [mini, home]
    objective: fixed
    rules:
      - {name: stays-home, when: request.pii, only: [home]}
  away: {candidates: [elsewhere], objective: fixed}
aliases: {gpt-4o-mini: small}
tiers:
  pro: {tokens_per_day: 10_000_000, requests_per_minute: 1000, concurrency: 50}
  small-day: {tokens_per_day: 2_000}
  few: {requests_per_day: 3}
  apart: {routes: [away]}
  paid: {prepaid_usd: true}
  runs: {per_run: {requests: 3}, require: [run]}
"""


def _backend(url: str, model: str, key: str, dialect: str = "openai", **more) -> dict:
    return {
        "base_url": url,
        "model": model,
        "dialect": dialect,
        "api_key": key,
        "price": {"input": 10, "output": 20, "batch": 0.5},
        **more,
    }


def _backends(openai: str, anthropic: str) -> dict[str, dict]:
    return {
        "mini": _backend(openai, "sim-mini", "k1", offers=["files", "batches"]),
        "maxi": _backend(openai, "sim-maxi", "k1", price={"input": 100, "output": 200}),
        "elsewhere": _backend(openai, "sim-else", "k2"),
        "home": _backend(openai, "sim-home", "k3"),
        "haiku": _backend(
            anthropic, "claude-haiku", "k4", "anthropic", offers=["files", "batches"]
        ),
        "sonnet": _backend(anthropic, "claude-sonnet", "k4", "anthropic"),
    }


class FileGateways:
    """The gateways, and the servers behind them: OpenAI's and Anthropic's kind."""

    def __init__(
        self, folder: Path, ledger_url: str, openai: Simulator, anthropic: Simulator
    ) -> None:
        self.folder = folder
        self.ledger_url = ledger_url
        self.openai = openai
        self.anthropic = anthropic
        self.running: list[RunningGateway] = []
        self.processes: list[turnoutkit.Turnout] = []

    @property
    def first(self) -> RunningGateway:
        return self.running[0]

    @property
    def second(self) -> RunningGateway:
        return self.running[1]

    def key(self, tier: str, organization: str) -> str:
        """A key that both gateways know."""
        key = self.first.new_key(tier, organization)
        for gateway in self.running[1:]:
            gateway.until(lambda gateway=gateway: gateway._knows(key))
        return key

    def kill(self, number: int) -> None:
        """End a gateway as a crash does."""
        self.processes[number].kill()
        self.processes[number].wait(LONGEST_SECONDS)

    def start(self, number: int) -> None:
        """Start a gateway, again where it ran before."""
        gateway = self.running[number]
        process = turnoutkit.serve(gateway.folder)
        self.processes[number:] = [process, *self.processes[number + 1 :]]
        gateway.until_ready(process)


@contextmanager
def file_gateways(folder: Path, database: str, *, count: int = 2, **more) -> Iterator[FileGateways]:
    """Run them in folders below this one, and end them; `more` is of turnout.yaml."""
    openai = Simulator("mini", Profile(first_token=0.0, per_token=0.0))
    anthropic = Simulator("claude", Profile(first_token=0.0, per_token=0.0))
    (folder / "ledger").mkdir()
    with (
        in_thread(openai) as openai_url,
        in_thread(anthropic) as anthropic_url,
        Embedded(folder / "ledger") as ledger,
    ):
        gateways = FileGateways(folder, ledger.url, openai, anthropic)
        config = {
            "version": 1,
            "stop": {"notice": None},
            "policy": "policy.yaml",
            "ledger": ledger.url,
            "database": database,
            "backends": _backends(openai_url, anthropic_url),
            "batches": {"look": "200ms"},
        } | more
        try:
            for number in range(count):
                home, port = folder / f"gateway{number}", free_port()
                home.mkdir()
                config["listen"] = f"127.0.0.1:{port}"
                (home / "turnout.yaml").write_text(yaml.safe_dump(config))
                (home / "policy.yaml").write_text(POLICY)
                gateways.running.append(RunningGateway(home, port, {}))
                gateways.start(number)
            yield gateways
        finally:
            for process in gateways.processes:
                process.terminate()
            for process in gateways.processes:
                process.wait(LONGEST_SECONDS)
    for gateway in gateways.running:
        log = (gateway.folder / "gateway.log").read_text()
        assert '"level": "error"' not in log, log
