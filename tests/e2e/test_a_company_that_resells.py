"""A company that resells tokens, by API alone: sign-up, upgrade, raise, rotation, suspension, bill.

Two gateways share the books and the ledger; what is changed at the one is in force at the other.
"""

import csv
import io
import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import turnoutkit
from gatewaykit import RunningGateway, start_gateway
from hookreceiver import SECRET, Receiver, receiver
from modelservers import in_thread
from patience import LONGEST_SECONDS
from ports import free_port

from router.simulator.server import Profile, Simulator

ACME = "/organizations/acme"
TOKEN = "an-admin-token-of-the-company"
ASKED = {"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
POLICY = """\
version: 1
routes: {auto: {candidates: [moe], objective: fixed}}
tiers:
  free: {requests_per_month: 4}
  pro: {requests_per_month: 10}
"""


@dataclass
class Company:
    """Two gateways, an address of the admin API, and who is told of budgets."""

    gateways: list[RunningGateway]
    admin: str
    told: Receiver
    answers: list[int] = field(default_factory=list)  # the status of each
    turns: Iterator[int] = field(default_factory=itertools.count)

    def api(self, what: str, body: Any = None, **headers: str) -> httpx.Response:
        """Ask the admin API: `POST /organizations`."""
        method, _, path = what.partition(" ")
        sent = {"authorization": f"Bearer {TOKEN}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        answer = httpx.request(
            method, f"{self.admin}/admin/v1{path}", json=body, headers=sent, timeout=LONGEST_SECONDS
        )
        assert answer.status_code < 400, answer.text
        return answer

    def change(self, path: str, **fields: Any) -> None:
        """Change what is there now."""
        tag = self.api(f"GET {path}").headers["etag"]
        self.api(f"PATCH {path}", fields, if_match=tag)

    def ask(self, key: str, at: int | None = None) -> int:
        """Ask for a chat, at the gateways in turn."""
        gateway = self.gateways[next(self.turns) % 2 if at is None else at]
        headers = {"authorization": f"Bearer {key}"}
        url = f"{gateway.url}/chat/completions"
        status = httpx.post(url, json=ASKED, headers=headers, timeout=LONGEST_SECONDS).status_code
        self.answers.append(status)
        return status

    def until_known(self, key: str) -> None:
        """Wait until both gateways take a key."""
        headers = {"authorization": f"Bearer {key}"}
        for gateway in self.gateways:
            gateway.until(
                lambda url=gateway.url: (
                    httpx.get(f"{url}/models", headers=headers).status_code == 200
                )
            )


@pytest.fixture
def company(tmp_path) -> Iterator[Company]:
    running = []
    admin = f"127.0.0.1:{free_port()}"
    with ExitStack() as stack:
        told = stack.enter_context(receiver())
        url = stack.enter_context(in_thread(Simulator("moe", Profile(0.0, 0.0))))
        price = {"input": 1, "output": 3}
        backend = {"base_url": url, "model": "simulated-moe", "price": price, "simulated": True}
        for name in ("first", "second"):
            folder, port = tmp_path / name, free_port()
            folder.mkdir()
            config = {
                **{"version": 1, "listen": f"127.0.0.1:{port}", "policy": "own.yaml"},
                "data": str(tmp_path / "data"),
                "stop": {"notice": None},
                "backends": {"moe": backend},
                "alerts": {
                    "every": "500ms",
                    "forecast": False,
                    "to": {"ops": {"webhook": told.url, "secrets": [SECRET]}},
                },
            }
            if name == "first":
                config["admin"] = {"listen": admin, "token": TOKEN}
            (folder / "own.yaml").write_text(POLICY)
            process = start_gateway(folder, json.dumps(config))
            stack.callback(process.wait, LONGEST_SECONDS)
            stack.callback(process.terminate)
            running.append(RunningGateway(folder, port, {}))
            running[-1].until_ready(process)
        yield Company(running, f"http://{admin}", told)


def test_a_company_runs_its_customers_by_api(company: Company) -> None:
    key = signed_up(company)
    assert [company.ask(key) for _ in range(5)] == [200] * 4 + [429]
    company.change(ACME, tier="pro")  # the same key, and what was used is used
    at_both(company, key, 200)
    assert [company.ask(key) for _ in range(2)] == [200] * 2
    told_once(company, 80)  # eight of ten, though two gateways saw it
    assert [company.ask(key) for _ in range(3)] == [200, 200, 429]
    told_once(company, 100)
    assert len(thresholds(company, 80)) == 1
    until = datetime.now(UTC) + timedelta(days=2)
    limits = {"requests_per_month": 10_000}
    company.api(f"POST {ACME}/raises", {"limits": limits, "until": until.isoformat()})
    at_both(company, key, 200)
    fresh = rotated_under_load(company, key)
    company.api(f"POST {ACME}/suspend", {"why": "unpaid"})
    at_both(company, fresh, 403)
    company.api(f"POST {ACME}/resume")
    at_both(company, fresh, 200)
    company.gateways[0].until(lambda: billed(company) == company.answers.count(200))
    config = str(company.gateways[0].folder / "turnout.yaml")
    assert turnoutkit.run("ledger", "check", "--config", config).stdout.endswith("no drift\n")
    [denied, *_] = company.api("GET /decisions?organization=acme&denied=true").json()["items"]
    told = company.api(f"GET /decisions/{denied['id']}").json()  # of whichever gateway
    assert told["denial"]["status"] in {403, 429}
    done = {row["action"] for row in company.api("GET /audit").json()["items"]}
    assert done >= {"organizations.create", "keys.create", "keys.rotate", "organizations.suspend"}
    assert company.api("GET /audit/check").json()["whole"]


def signed_up(company: Company) -> str:
    """A customer and its first key."""
    company.api("POST /organizations", {"organization": "acme", "tier": "free"})
    key: str = company.api(f"POST {ACME}/keys", {"name": "production"}).json()["key"]
    company.until_known(key)
    return key


def at_both(company: Company, key: str, status: int) -> None:
    """Wait until each of the gateways answers so."""
    for at in (0, 1):
        company.gateways[at].until(lambda at=at: company.ask(key, at) == status)


def thresholds(company: Company, threshold: int) -> list[Any]:
    """What was told of the ten requests that `pro` has."""
    told = company.told.of("budget.threshold", "acme")
    data = [each.json()["data"] for each in told]
    return [each for each in data if each["threshold"] == threshold and each["limit"] == 10]


def told_once(company: Company, threshold: int) -> None:
    """Wait until a threshold of the present limit was told; nothing is told twice."""
    company.gateways[0].until(lambda: thresholds(company, threshold))
    told = company.told.of("budget.threshold", "acme")
    data = [each.json()["data"] for each in told]
    assert len({(each["threshold"], each["limit"]) for each in data}) == len(data)


def rotated_under_load(company: Company, key: str) -> str:
    """The key that took the place of one in use; no request failed meanwhile."""
    keys, statuses, over = [key], list[int](), threading.Event()

    def load() -> None:
        while not over.is_set():
            statuses.append(company.ask(keys[-1]))

    clients = [threading.Thread(target=load) for _ in range(3)]
    for client in clients:
        client.start()
    [stored] = company.api(f"GET {ACME}/keys").json()["items"]
    place = f"{ACME}/keys/{stored['key_id']}"
    fresh: str = company.api(f"POST {place}/rotate", {"overlap": "1h"}).json()["key"]
    company.until_known(fresh)
    keys.append(fresh)
    seen = len(statuses)
    company.gateways[0].until(lambda: len(statuses) > seen + 20)
    over.set()
    for client in clients:
        client.join(LONGEST_SECONDS)
    assert set(statuses) == {200}
    return fresh


def billed(company: Company) -> int:
    """Requests on the invoice's last line, its total."""
    invoice = company.api("GET /usage.csv?organization=acme&by=organization").text
    return int(list(csv.DictReader(io.StringIO(invoice)))[-1]["requests"])
