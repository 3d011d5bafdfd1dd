"""Clients that bring tokens of an identity provider to a gateway, in the place of keys."""

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from anthropic import Anthropic
from gatewaykit import RunningGateway, start_gateway
from identity_provider import AUDIENCE, IdentityProvider
from modelservers import in_thread
from openai import APIStatusError, OpenAI
from patience import LONGEST_SECONDS
from ports import free_port

from router.simulator.server import Profile, Simulator

POLICY = """\
version: 1
routes: {auto: {candidates: [moe], objective: fixed}}
tiers:
  pro: {}
  tight: {per_key: {requests_per_day: 1}}
"""


class Identified(RunningGateway):
    """A gateway that takes tokens of `provider`."""

    provider: IdentityProvider

    def ask(self, **claims) -> str | None:
        """Ask with a token; return what was answered."""
        with OpenAI(base_url=self.url, api_key=self.provider.token(**claims), max_retries=0) as one:
            message = {"role": "user", "content": "Hi"}
            said = one.chat.completions.create(model="auto", messages=[message], max_tokens=9)
            return said.choices[0].message.content


@pytest.fixture(scope="module")
def gateway(tmp_path_factory) -> Iterator[Identified]:
    folder, port, provider = tmp_path_factory.mktemp("id"), free_port(), IdentityProvider()
    model = Simulator("moe", Profile(first_token=0.0, per_token=0.0))
    with in_thread(model) as url, in_thread(provider) as id_url:
        place = urlsplit(id_url)
        provider.url = f"{place.scheme}://{place.netloc}"
        issuer = {"issuer": provider.url, "audience": AUDIENCE, "organization": "org"}
        price = {"input": 1, "output": 1}
        backend = {"base_url": url, "model": "simulated-moe", "price": price, "simulated": True}
        config = {
            **{"version": 1, "listen": f"127.0.0.1:{port}", "policy": "id.yaml", "data": "data"},
            "stop": {"notice": None},
            "identity": [issuer | {"tier": "plan"}],
            "backends": {"moe": backend},
        }
        (folder / "id.yaml").write_text(POLICY)
        process = start_gateway(folder, json.dumps(config))
        running = Identified(folder, port, {})
        running.provider = provider
        try:
            running.until_ready(process)
            yield running
        finally:
            process.terminate()
            process.wait(LONGEST_SECONDS)


def test_a_token_is_as_good_as_a_key_for_every_client(gateway: Identified) -> None:
    assert gateway.ask(plan="pro")
    token = gateway.provider.token(plan="pro")
    with Anthropic(base_url=gateway.root, auth_token=token, max_retries=0) as client:
        models = [model.id for model in client.models.list()]
        assert "auto" in models
        message = {"role": "user", "content": "Hi"}
        assert client.messages.create(model="auto", max_tokens=9, messages=[message]).content


def test_limits_of_each_key_hold_for_each_subject(gateway: Identified) -> None:
    gateway.ask(plan="tight", sub="bob")
    with pytest.raises(APIStatusError) as refused:
        gateway.ask(plan="tight", sub="bob")
    assert refused.value.status_code == 429
    assert gateway.ask(plan="tight", sub="carol")


def test_a_tier_that_the_policy_lacks_and_a_token_that_expired_are_told_apart(
    gateway: Identified,
) -> None:
    told = {}
    for name, claims in {"tier": {"plan": "gone"}, "old": {"plan": "pro", "exp": 1}}.items():
        with pytest.raises(APIStatusError) as refused:
            gateway.ask(**claims)
        told[name] = refused.value.status_code, refused.value.body["message"]
    assert told["tier"][0] == 403
    assert told["old"] == (
        401,
        "The token is not valid here: it expired. Get a new one from whoever issued it.",
    )


def test_no_token_reaches_a_log_or_a_backend(gateway: Identified) -> None:
    token = gateway.provider.token(plan="pro", sub="dora")
    headers = {"authorization": f"Bearer {token}"}
    assert httpx.get(f"{gateway.url}/models", headers=headers).status_code == 200
    signed, _, signature = token.rpartition(".")
    wrong = {"authorization": f"Bearer {signed}.{signature[::-1]}"}
    assert httpx.get(f"{gateway.url}/models", headers=wrong).status_code == 401
    written = (gateway.folder / "gateway.log").read_text()
    assert token[:40] not in written
    assert token.split(".")[1] not in written
