"""Everything but inference: models, health, metrics and the administrators' own listener."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from fakes.corridor import FakeCorridor
from fakes.gateway import FakeGateway
from fakes.world import FIXED, new_world

from router.api import admin
from router.api.rest import bare_application, public_application
from router.world.reload import Reloaded

KEY = {"authorization": "Bearer tk-known"}
TIERED = FIXED + "aliases: {gpt-4o: auto}\ntiers:\n  pro: {backends: [local, moe]}\n"
NewClient = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def client() -> AsyncIterator[NewClient]:
    """Builds a client of an application in this process."""
    made: list[httpx.AsyncClient] = []

    def build(application: Any) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=application)
        made.append(httpx.AsyncClient(transport=transport, base_url="http://gateway"))
        return made[-1]

    yield build
    for each in made:
        await each.aclose()


def public(policy: str = FIXED, **state: Any) -> Any:
    gateway = FakeGateway(FakeCorridor.answering(world=new_world(policy)), **state)
    return public_application(gateway.gateway)


@pytest.mark.parametrize("headers", [KEY, {"x-api-key": "tk-known"}])
async def test_a_key_sees_the_names_that_its_tier_may_use(client, headers):
    answer = await client(public(TIERED)).get("/v1/models", headers=headers)
    names = [entry["id"] for entry in answer.json()["data"]]
    assert names == ["auto", "gpt-4o", "local", "moe"]
    assert answer.json()["object"] == "list"


async def test_one_model_is_described_and_a_hidden_one_does_not_exist(client):
    gateway = client(public(TIERED))
    assert (await gateway.get("/v1/models/moe", headers=KEY)).json()["id"] == "moe"
    hidden = await gateway.get("/v1/models/premium", headers=KEY)
    assert (hidden.status_code, hidden.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer tk-nobody"}])
async def test_without_a_key_no_model_is_named(client, headers):
    answer = await client(public()).get("/v1/models", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    ("state", "status", "ledger"),
    [
        ({}, 200, "ok"),
        ({"ready": False}, 503, "ok"),
        ({"ledger_answers": False}, 503, "no answer"),
    ],
)
async def test_ready_is_who_wants_requests_and_reaches_its_ledger(client, state, status, ledger):
    answer = await client(public(**state)).get("/readyz")
    assert (answer.status_code, answer.json()["ledger"]) == (status, ledger)


async def test_alive_is_whoever_answers(client):
    answer = await client(public(ready=False, ledger_answers=False)).get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_metrics_are_in_prometheus_words(client):
    answer = await client(public()).get("/metrics")
    assert "# TYPE turnout_requests_total counter" in answer.text
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nothing", 404), ("POST", "/v1/models", 405), ("GET", "/docs", 404)],
)
async def test_every_error_is_in_openais_envelope_and_has_an_id(client, method, path, status):
    answer = await client(public()).request(method, path, headers={"x-request-id": "mine"})
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert answer.headers["x-request-id"] == "mine"


async def test_an_unusable_request_id_is_replaced(client):
    answer = await client(public()).get("/livez", headers={"x-request-id": "a b"})
    assert len(answer.headers["x-request-id"]) == 32


# The administrators' listener.

ADMIN = {"authorization": "Bearer admin-token"}


class Reloads:
    """Stands for the reloader: answers with what it is given."""

    def __init__(self, result: Reloaded) -> None:
        self._result = result

    def reload(self) -> Reloaded:
        return self._result


def administered(result: Reloaded | None = None) -> Any:
    application = bare_application("Turnout admin")
    gateway = FakeGateway(FakeCorridor.answering()).gateway
    reloader: Any = Reloads(result or Reloaded(True, "v1"))
    application.state.administration = admin.Administration(gateway, reloader, "admin-token")
    application.include_router(admin.router)
    return application


@pytest.mark.parametrize("headers", [{}, KEY, {"authorization": "admin-token"}])
@pytest.mark.parametrize(("method", "path"), [("GET", "/admin/status"), ("POST", "/admin/reload")])
async def test_only_the_admin_token_opens_the_admins_listener(client, headers, method, path):
    answer = await client(administered()).request(method, path, headers=headers)
    assert answer.status_code == 401


async def test_the_status_says_what_is_in_force(client):
    status = (await client(administered()).get("/admin/status", headers=ADMIN)).json()
    assert status["ready"] is True
    assert status["policy"] == new_world().policy.version
    assert status["backends"]["moe"] == {"healthy": True, "in_flight": 0}


@pytest.mark.parametrize(
    ("result", "status"),
    [(Reloaded(True, "v2"), 200), (Reloaded(False, "v1", "policy.yaml:2:3: error: x"), 422)],
)
async def test_a_reload_says_what_came_of_it(client, result, status):
    answer = await client(administered(result)).post("/admin/reload", headers=ADMIN)
    assert answer.status_code == status
    assert answer.json() == {
        "reloaded": result.done,
        "policy": result.policy,
        "report": result.report,
    }


async def test_the_token_is_shown_by_nobody():
    administration: Any = administered().state.administration
    assert "admin-token" not in repr(administration)
