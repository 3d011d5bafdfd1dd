"""A deployment to drill, and listeners in the place of all that a drill must never contact."""

import contextlib
import json
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from router.cli.drill import drill

CONFIG = """
version: 1
policy: policy.yaml
ledger: redis://127.0.0.1:{theirs}/0
telemetry: {{traces: {{to: "http://127.0.0.1:{theirs}"}}}}
backends:
  local:
    base_url: http://127.0.0.1:{theirs}/v1
    model: m
    price: {{input: 1, output: 2}}
    api_key: ${{NO_SUCH_VARIABLE}}
  other: {{base_url: "http://127.0.0.1:{theirs}/v1", model: n, price: {{input: 2, output: 4}}}}
"""
POLICY = """
version: 1
routes:
  auto: {candidates: [local, other], objective: fixed, fixed: local}
tiers:
  free: {requests_per_minute: 20, tokens_per_day: 100_000, concurrency: 4, outage: {bounded: 0.2}}
  pro: {tokens_per_minute: 1_000_000, usd_per_month: 100, require: [user]}
"""


@dataclass(frozen=True)
class Deployment:
    """An operator's documents, the listener behind every address in them, the drills' folder."""

    config: Path
    theirs: socket.socket
    scratch: Path

    def drilled(self, *words: str) -> tuple[int, dict]:
        """Run `turnout drill --json` here; return its exit code and what it said."""
        done = CliRunner().invoke(drill, ["--config", str(self.config), "--json", *words])
        assert done.exit_code in (0, 1), done.output
        return done.exit_code, json.loads(done.stdout)

    def contacted(self) -> bool:
        """Whether anybody came to any address of the documents."""
        try:
            self.theirs.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def leftovers(self) -> list[str]:
        """What drills left on disk, and processes that still have their folder in a command."""
        folder = str(self.scratch)
        processes = []
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                command = place.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                processes += [command] if folder in command else []
        return [str(path) for path in self.scratch.glob("turnout-*")] + processes


@contextlib.contextmanager
def deployment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """Documents in a folder; drills put theirs into one of few letters, as sockets need it."""
    scratch = Path(tempfile.mkdtemp(prefix="d-"))
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    with socket.create_server(("127.0.0.1", 0)) as theirs:
        theirs.setblocking(False)
        port = theirs.getsockname()[1]
        (folder / "turnout.yaml").write_text(CONFIG.format(theirs=port))
        (folder / "policy.yaml").write_text(POLICY)
        try:
            yield Deployment(folder / "turnout.yaml", theirs, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
