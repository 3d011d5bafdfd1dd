"""A real OpenID provider beside the tests: `oidc-provider` from npm, in a process of Node."""

import fcntl
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import httpx
import patience
import pytest
from patience import LONGEST_SECONDS, until
from playwright._impl._driver import compute_driver_executable
from ports import free_port

HERE: Final = Path(__file__).parent
SECRET: Final = "a-secret-of-all-its-clients"
CLIENT: Final = "turnout"
AUDIENCE: Final = "turnout-admin"
PEOPLE: Final = {
    "ada": {"name": "Ada Lovelace", "groups": ["platform"]},
    "bo": {"name": "Bo Ek", "groups": ["finance"]},
    "cy": {"name": "Cy <b>Young</b>", "groups": ["acme-admins"]},
    "dee": {"name": "Dee Nobody", "groups": []},
}
MACHINES: Final = {"robot": {"roles": ["turnout-ops"]}, "stranger": {"roles": ["others"]}}
NODE: Final = compute_driver_executable()[0]  # Playwright's own: Debian's may be too old


def install() -> None:
    """Have the locked packages beside this file, where Node looks for them; git ignores them."""
    installed = HERE / "node_modules" / ".lock-installed"
    wanted = sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    with (HERE / "package.json").open() as one_at_a_time:  # tests run in several processes
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        if installed.exists() and installed.read_text() == wanted:
            return
        npm = shutil.which("npm")
        if npm is None:
            wanting = "npm is missing: these tests need it (on Debian: apt-get install npm)"
            pytest.fail(wanting, pytrace=False)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.fail(f"npm could not install oidc-provider: {done.stderr}", pytrace=False)
        installed.write_text(wanted)


@dataclass
class Provider:
    """An OpenID provider that may be stopped and started again, and what it is told of `pages`:
    the origins where its client signs people in."""

    pages: list[str]
    people: dict[str, Any] = field(default_factory=lambda: dict(PEOPLE))
    machines: dict[str, Any] = field(default_factory=lambda: dict(MACHINES))
    in_id_token: bool = True  # whether groups stand in ID tokens, or only at userinfo
    port: int = field(default_factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def issuer(self) -> str:
        """Its address. Of another site than 127.0.0.1, to a browser."""
        return f"http://localhost:{self.port}"

    @property
    def addresses(self) -> tuple[str, str]:
        """Where its pages lie, and what they ask for in vain."""
        return self.issuer, "https://fonts.googleapis.com/"

    def start(self) -> None:
        """Start it, with keys of its own; it remembers nobody."""
        settings = {
            "port": self.port,
            "secret": SECRET,
            "callbacks": [f"{page}/admin/sign-in/callback" for page in self.pages],
            "afterSignOut": [f"{page}/admin/signed-out" for page in self.pages],
            "people": self.people,
            "machines": self.machines,
            "inIdToken": self.in_id_token,
        }
        self._process = subprocess.Popen(
            [NODE, str(HERE / "provider.mjs"), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        until(self._answers)

    def stop(self) -> None:
        """Stop it, where it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate(timeout=LONGEST_SECONDS)
            self._process = None

    def change_keys(self) -> None:
        """Have it sign with another key, and take the one before back."""
        patience.post(f"{self.issuer}/rig/keys").raise_for_status()

    @contextmanager
    def mute(self) -> Iterator[None]:
        """It shows its forms and gives codes, and breaks off whoever wants a token for one."""
        patience.post(f"{self.issuer}/rig/mute").raise_for_status()
        yield
        patience.post(f"{self.issuer}/rig/speak").raise_for_status()

    def token(self, machine: str, audience: str = AUDIENCE) -> str:
        """An access token for a machine, as it gets one by its secret."""
        asked = {"grant_type": "client_credentials", "resource": f"urn:{audience}"}
        answer = patience.post(f"{self.issuer}/token", data=asked, auth=(machine, SECRET))
        return str(answer.raise_for_status().json()["access_token"])

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            assert self._process.stderr is not None
            pytest.fail(self._process.stderr.read().decode(), pytrace=False)
        try:
            return httpx.get(f"{self.issuer}/.well-known/openid-configuration").is_success
        except httpx.HTTPError:
            return False


@contextmanager
def provider(pages: list[str], **settings: Any) -> Iterator[Provider]:
    """A provider that runs until the block ends."""
    install()
    running = Provider(pages, **settings)
    running.start()
    try:
        yield running
    finally:
        running.stop()
