"""Customers' own credentials at providers: used at every gateway within a second, and blamed alone.

Two gateways stand on one database; their provider takes some keys and notes which it was shown.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest
import turnoutkit
from gatewaykit import RunningGateway
from modelservers import in_thread
from one_answer import says
from patience import LONGEST_SECONDS, until
from ports import free_port

ADMIN = "an-admin-token-for-tests"
SECRETS_KEY = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
HOUSE, OWN, BAD, LIMITED = "sk-of-the-house", "sk-acmes-own-1", "sk-refused-1", "sk-limited-1"
REFUSALS = {
    BAD: (401, {"message": f"Incorrect API key provided: {BAD}", "code": "invalid_api_key"}),
    LIMITED: (429, {"message": "Rate limit reached", "code": "rate_limit_exceeded"}),
}
POLICY = """\
version: 1
routes:
  alone: {candidates: [first], objective: fixed}
  both: {candidates: [first, second], objective: fixed}
tiers:
  pro: {requests_per_day: 1000}
"""


@dataclass
class Provider:
    """Answers, or refuses by the key that it is shown."""

    shown: Counter[str] = field(default_factory=Counter)

    async def __call__(self, scope, receive, send) -> None:
        key = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
        self.shown[key] += 1
        if key not in REFUSALS:
            await says("Hi.")(scope, receive, send)
            return
        status, body = REFUSALS[key]
        head = {"type": "http.response.start", "status": status}
        await send(head | {"headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": json.dumps({"error": body}).encode()})


@dataclass
class Two:
    """Two gateways, the administrators' listener of the first, and their provider."""

    gateways: list[RunningGateway]
    admin: str
    provider: Provider

    def change(self, method: str, path: str, body: object = None) -> httpx.Response:
        headers = {"authorization": f"Bearer {ADMIN}", "if-match": "*"}
        answer = httpx.request(method, f"{self.admin}/admin/v1{path}", json=body, headers=headers)
        assert answer.status_code < 300, answer.text
        return answer

    def customer(self, name: str) -> str:
        self.change("POST", "/organizations", {"organization": name, "tier": "pro"})
        key = self.change("POST", f"/organizations/{name}/keys", {}).json()["key"]
        for gateway in self.gateways:
            gateway.until(lambda gateway=gateway: gateway._knows(key))
        return key

    def set(self, name: str, secret: str, backend: str = "first", **more: object) -> None:
        path = f"/organizations/{name}/backends/{backend}/credential"
        self.change("PUT", path, {"secret": secret} | more)

    def ask(self, key: str, model: str = "alone", at: int = 0, **more: object) -> httpx.Response:
        headers = {"authorization": f"Bearer {key}"}
        body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]} | more
        url = f"{self.gateways[at].url}/chat/completions"
        return httpx.post(url, json=body, headers=headers, timeout=LONGEST_SECONDS)

    def shown_by(self, key: str, model: str = "alone", at: int = 0, **more: object) -> list[str]:
        """Which keys the provider is shown for one request."""
        before = self.provider.shown.copy()
        self.ask(key, model, at, **more)
        return sorted((self.provider.shown - before).elements())

    def until_asked_with(self, key: str, secret: str) -> None:
        for at in range(len(self.gateways)):
            until(lambda at=at: self.shown_by(key, at=at) == [secret])


@pytest.fixture(scope="module")
def two(tmp_path_factory, shared_database) -> Iterator[Two]:
    folder, provider, processes = tmp_path_factory.mktemp("own"), Provider(), []
    gateways, admin = [], free_port()
    with in_thread(provider) as url:
        price = {"input": 1, "output": 1}
        backend = {"base_url": url, "model": "m", "api_key": HOUSE, "price": price}
        for number in range(2):
            below, port = folder / str(number), free_port()
            below.mkdir()
            config = {
                **{"version": 1, "listen": f"127.0.0.1:{port}", "policy": "policy.yaml"},
                **{"data": "data", "database": shared_database, "stop": {"notice": None}},
                **{"secrets": {"keys": ["${TURNOUT_SECRETS_KEY}"]}},
                "backends": {"first": backend, "second": backend},
            }
            if not number:
                config["admin"] = {"listen": f"127.0.0.1:{admin}", "token": ADMIN}
            (below / "policy.yaml").write_text(POLICY)
            (below / "turnout.yaml").write_text(json.dumps(config))
            processes.append(turnoutkit.serve(below, TURNOUT_SECRETS_KEY=SECRETS_KEY))
            gateways.append(RunningGateway(below, port, {}))
        try:
            for gateway, process in zip(gateways, processes, strict=True):
                gateway.until_ready(process)
            yield Two(gateways, f"http://127.0.0.1:{admin}", provider)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(LONGEST_SECONDS)


def test_a_customers_own_is_used_at_every_gateway_and_the_houses_for_the_others(two: Two) -> None:
    acme, globex = two.customer("acme"), two.customer("globex")
    assert two.shown_by(acme) == [HOUSE]
    two.set("acme", OWN)
    two.until_asked_with(acme, OWN)
    assert two.shown_by(globex) == [HOUSE]
    assert two.shown_by(acme, stream=True) == [OWN]
    assert two.shown_by(acme, model="second") in ([], [HOUSE])
    two.change("DELETE", "/organizations/acme/backends/first/credential")
    two.until_asked_with(acme, HOUSE)


def test_a_bad_one_is_told_to_its_customer_and_rests_nobody_else(two: Two) -> None:
    bad, good = two.customer("bad"), two.customer("good")
    two.set("bad", BAD)
    until(lambda: two.ask(bad).status_code == 424)
    for _ in range(8):
        answer = two.ask(bad)
        assert answer.status_code == 424
        assert answer.json()["error"]["code"] == "provider_credential_refused"
        assert "first" in answer.json()["error"]["message"]
        assert BAD not in answer.text
        assert two.shown_by(good) == [HOUSE]
    state = two.change("GET", "/backends/first").json()
    assert state["healthy"]
    assert [each["breaker"] for each in state["deployments"]] == ["closed"]
    assert set(state["deployments"][0]["failures"].values()) <= {0}
    path = "/organizations/bad/backends/first/credential"
    until(lambda: two.change("GET", path).json()["refused_why"] == "credential refused")
    logs = "".join((each.folder / "gateway.log").read_text() for each in two.gateways)
    assert BAD not in logs
    two.set("bad", OWN)  # mended, it works at once: nothing rests on
    until(lambda: two.ask(bad).status_code == 200)


def test_another_candidate_serves_and_the_house_only_where_that_was_agreed(two: Two) -> None:
    key = two.customer("falls")
    two.set("falls", BAD)
    until(lambda: two.ask(key).status_code == 424)
    answer = two.ask(key, model="both")
    assert answer.status_code == 200
    assert answer.headers["x-turnout-backend"] == "second"
    two.set("falls", BAD, fallback=True)
    until(lambda: two.ask(key).status_code == 200)
    two.set("falls", LIMITED)
    until(lambda: two.ask(key).status_code == 503)
    assert HOUSE not in two.shown_by(key)


def test_the_books_tell_whose_account_paid(two: Two) -> None:
    key = two.customer("booked")
    two.ask(key)
    two.set("booked", OWN)
    until(lambda: two.shown_by(key) == [OWN])
    config = two.gateways[0].config
    wanted = ("--by", "credential", "--organization", "booked", "--format", "json")

    def rows() -> dict[str, dict]:
        environ = {"TURNOUT_SECRETS_KEY": SECRETS_KEY}
        done = turnoutkit.run("usage", "--config", config, *wanted, environment=environ)
        return {row["credential"]: row for row in json.loads(done.stdout)["rows"]}

    found = until(lambda: (told := rows()).keys() >= {"house", "own"} and told)
    assert found["own"]["requests"] == 1
    assert found["own"]["input_tokens"] == 10
    assert float(found["own"]["cost_usd"]) > 0
