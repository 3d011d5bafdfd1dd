"""Everything but inference: models, health, metrics."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from fakes.corridor import FakeCorridor
from fakes.gateway import FakeGateway
from fakes.world import FIXED, new_world

from router.api.rest import public_application

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
        ({"trouble": "It lost all."}, 200, "It lost all."),
        ({"trouble": "It lost all.", "ready_without": False}, 503, "It lost all."),
        ({"clock_trouble": "It jumped.", "ready_without": False}, 200, "It jumped."),
    ],
)
async def test_ready_is_who_wants_requests_and_reaches_its_ledger(client, state, status, ledger):
    answer = await client(public(**state)).get("/readyz")
    assert (answer.status_code, answer.json()["ledger"]) == (status, ledger)


@pytest.mark.parametrize("path", ["/livez", "/health", "/health/"])
async def test_alive_is_whoever_answers(client, path):
    answer = await client(public(ready=False, ledger_answers=False)).get(path)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


ANTHROPICS = {"x-api-key": "tk-known", "anthropic-version": "2023-06-01"}


async def test_anthropics_clients_get_the_models_in_their_shape(client):
    gateway = client(public(TIERED))
    answer = await gateway.get("/v1/models/", headers=ANTHROPICS)
    assert answer.headers["request-id"] == answer.headers["x-request-id"]
    page = answer.json()
    assert [entry["id"] for entry in page["data"]] == ["auto", "gpt-4o", "local", "moe"]
    assert (page["has_more"], page["first_id"], page["last_id"]) == (False, "auto", "moe")
    one = (await gateway.get("/v1/models/moe", headers=ANTHROPICS)).json()
    assert one == page["data"][3]
    assert (one["type"], one["display_name"]) == ("model", "moe")
    assert one["created_at"] == "1970-01-01T00:00:00Z"


PAGES = [
    ("limit=2", ["auto", "gpt-4o"], True),
    ("limit=2&after_id=gpt-4o", ["local", "moe"], False),
    ("limit=1&after_id=auto", ["gpt-4o"], True),
    ("after_id=moe", [], False),
    ("limit=1&before_id=moe", ["local"], True),
    ("limit=2&before_id=local", ["auto", "gpt-4o"], False),
    ("before_id=auto", [], False),
]


@pytest.mark.parametrize(("asked", "names", "more"), PAGES)
async def test_the_models_come_in_pages_both_ways(client, asked, names, more):
    page = (await client(public(TIERED)).get(f"/v1/models?{asked}", headers=ANTHROPICS)).json()
    assert [entry["id"] for entry in page["data"]] == names
    assert page["has_more"] is more
    assert page["first_id"] == (names[0] if names else None)


@pytest.mark.parametrize(
    "asked",
    [
        *("limit=0", "limit=1001", "limit=x", "limit=-1", "limit=%C2%B2", f"limit={'9' * 5000}"),
        *("after_id=premium", "before_id=nobody"),
    ],
)
async def test_a_wrong_page_is_a_400_in_anthropics_envelope(client, asked):
    answer = await client(public(TIERED)).get(f"/v1/models?{asked}", headers=ANTHROPICS)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", ["/models", "/models/moe", "/v1/v1/models", "/v1/models/moe/"])
async def test_the_models_are_found_without_v1_and_with_a_slash(client, path):
    assert (await client(public(TIERED)).get(path, headers=KEY)).status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/health", "/readyz", "/metrics", "/v1/models"])
async def test_head_is_taken_wherever_get_is(client, path):
    answer = await client(public()).head(path, headers=KEY)
    assert answer.status_code == 200


async def test_an_unknown_path_is_told_as_such_and_shown_in_part(client):
    gateway = client(public())
    error = (await gateway.post("/v1/nothing?key=secret")).json()["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "unknown_url")
    assert "POST /v1/nothing." in error["message"]
    assert "secret" not in error["message"]
    long = (await gateway.get("/" + "x" * 5_000)).json()["error"]["message"]
    assert len(long) < 600
    told = (await gateway.get("/v1/messages/nothing")).json()
    assert (told["type"], told["error"]["type"]) == ("error", "not_found_error")


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


@pytest.mark.parametrize("path", ["/v1/files", "/v1/files/f/content", "/v1/batches", "/batches/b"])
async def test_files_and_batches_that_no_backend_offers_are_told_as_such(client, path):
    gateway = client(public())
    for headers in (KEY, KEY | {"anthropic-version": "2023-06-01"}):
        answer = await gateway.get(path, headers=headers)
        assert answer.status_code == 404
        assert "`offers`" in answer.json()["error"]["message"]
        assert ("type" in answer.json()) is ("anthropic-version" in headers)
    assert (await gateway.get(path)).status_code == 401
