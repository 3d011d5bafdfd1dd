"""Customers as rows: what is changed of them is in force at a running gateway, by the same keys."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
import turnoutkit
from gatewaykit import RunningGateway, start_gateway
from modelservers import in_thread
from patience import LONGEST_SECONDS
from ports import free_port

from policies.policy import load
from router.customers.keys import KeyStore
from router.customers.organizations import OrganizationStore
from router.customers.policy_rules import PolicyRules
from router.simulator.server import Profile, Simulator

TEXT = [{"role": "user", "content": "Hi"}]
# The bodies of three protocols.
ASKED = {
    "chat/completions": {"model": "auto", "max_tokens": 9, "messages": TEXT},
    "messages": {"model": "auto", "max_tokens": 9, "messages": TEXT},
    "responses": {"model": "auto", "max_output_tokens": 16, "input": "Hi"},
}
POLICY = """\
version: 1
routes:
  auto:
    candidates: [local, premium]
    objective: fixed
    fixed: premium
    rules:
      - {name: stays-home, when: '!("may-leave" in principal.tags)', only: [local]}
  fine: {candidates: [premium], objective: fixed}
tiers:
  free: {requests_per_day: 2}
  pro: {requests_per_day: 4}
  staff: {}
"""


@dataclass
class House:
    """A gateway, and the stores of its customers."""

    gateway: RunningGateway
    organizations: OrganizationStore
    keys: KeyStore

    def ask(self, key: str, path: str = "chat/completions", **fields: object) -> httpx.Response:
        headers = {"authorization": f"Bearer {key}"}
        url = f"{self.gateway.url}/{path}"
        return httpx.post(url, json=ASKED[path] | fields, headers=headers, timeout=LONGEST_SECONDS)

    def models(self, key: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {key}"}
        return httpx.get(f"{self.gateway.url}/models", headers=headers)

    def known(self, key: str) -> str:
        self.gateway.until(lambda: self.models(key).status_code == 200)
        return key


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder, port = tmp_path_factory.mktemp("customers"), free_port()
    with in_thread(Simulator("moe", Profile(first_token=0.0, per_token=0.0))) as url:
        backend = {"base_url": url, "model": "simulated-moe", "price": {"input": 1, "output": 1}}
        backend |= {"simulated": True}
        config = {
            **{"version": 1, "listen": f"127.0.0.1:{port}", "policy": "own.yaml", "data": "data"},
            "stop": {"notice": None},
            "backends": {"local": backend, "premium": backend},
        }
        (folder / "own.yaml").write_text(POLICY)
        process = start_gateway(folder, json.dumps(config))
        running = RunningGateway(folder, port, {})
        rules = PolicyRules(lambda: load(POLICY, "own.yaml").tiers)
        try:
            running.until_ready(process)
            at = f"sqlite:///{folder / 'data' / 'turnout.db'}"
            house = House(running, OrganizationStore(at, rules), KeyStore(at, rules))
            yield house
            house.organizations.close()
            house.keys.close()
        finally:
            process.terminate()
            process.wait(LONGEST_SECONDS)


def test_a_new_tier_in_the_middle_of_a_day_takes_the_key_and_what_it_used_along(
    house: House,
) -> None:
    house.organizations.create("mover", "free")
    key = house.known(house.keys.add("mover")[0])
    assert [house.ask(key).status_code for _ in range(3)] == [200, 200, 429]
    house.organizations.change("mover", tier="pro")
    house.gateway.until(lambda: house.ask(key).status_code == 200)
    assert [house.ask(key).status_code for _ in range(2)] == [200, 429]  # four a day, in all
    house.organizations.change("mover", limits={"requests_per_day": 5})
    house.gateway.until(lambda: house.ask(key).status_code == 200)
    assert house.ask(key).status_code == 429


def test_tags_of_keys_and_customers_open_what_a_policy_closes(house: House) -> None:
    house.organizations.create("tagged", "staff")
    key, row = house.keys.add("tagged")
    at_home = house.ask(house.known(key))
    house.keys.change(row.key_id, tags=["may-leave"])
    served = [at_home.headers["x-turnout-backend"]]
    house.gateway.until(lambda: house.ask(key).headers["x-turnout-backend"] == "premium")
    assert served == ["local"]


def test_who_is_suspended_gets_a_403_that_says_so_in_each_protocol(house: House) -> None:
    house.organizations.create("late", "pro")
    key = house.known(house.keys.add("late")[0])
    house.organizations.suspend("late", "invoice 7 is not paid")
    house.gateway.until(lambda: house.models(key).status_code == 403)
    for path in ASKED:
        refused = house.ask(key, path)
        assert refused.status_code == 403
        error = refused.json()["error"]
        assert "late is suspended: invoice 7 is not paid" in error["message"]
        assert error.get("code", "organization_suspended") == "organization_suspended"
        assert error["type"] == "permission_error"
    house.organizations.resume("late")
    assert house.ask(house.known(key)).status_code == 200


def test_a_key_of_some_routes_and_models_sees_and_gets_those_alone(house: House) -> None:
    house.organizations.create("narrow", "pro")
    key, row = house.keys.add("narrow", routes=["auto"], models=["auto", "local"])
    names = {each["id"] for each in house.models(house.known(key)).json()["data"]}
    assert names == {"auto", "local"}
    assert house.ask(key).status_code == 200
    for path in ASKED:
        refused = house.ask(key, path, model="fine")
        assert refused.status_code == 403
        assert "This key may not use `fine`." in refused.json()["error"]["message"]
    house.keys.change(row.key_id, models=None)
    house.gateway.until(lambda: len(house.models(key).json()["data"]) > 2)
    assert house.ask(key, model="fine").status_code == 403


def test_a_reload_without_a_tier_says_how_many_it_strands_and_so_does_a_check(
    house: House,
) -> None:
    house.organizations.create("left", "free")
    house.known(house.keys.add("left")[0])
    path = house.gateway.folder / "own.yaml"
    path.write_text(POLICY.replace("  free:", "  freed:"))
    log = house.gateway.folder / "gateway.log"
    house.gateway.until(lambda: "has no tier `free`" in log.read_text())
    said = turnoutkit.run("check", "--config", house.gateway.config).stderr
    path.write_text(POLICY)
    assert "no tier `free`: 1 organizations and 1 keys" in said
