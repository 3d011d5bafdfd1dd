"""Conversations over HTTP: the objects, errors and pages that official clients know."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fakes.corridor import FakeCorridor
from fakes.gateway import FakeGateway
from fakes.shelf import FakeShelf
from fakes.talks import FakeTalks
from fakes.world import FIXED, new_world

from router.api.rest import public_application
from router.pipeline.background import Background
from router.pipeline.stored import KeptResponses

KEY = {"authorization": "Bearer tk-known"}
TURN = {"type": "message", "role": "user", "content": "Hello"}
NOBODYS = "conv_turnout_" + "0" * 32
BASE = "/v1/conversations"


def _keeps() -> KeptResponses:
    shelf = FakeShelf()
    background = Background(shelf, most=9, most_each=9)
    terms: dict[str, Any] = {"by_default": True, "home": frozenset(), "most_bytes": 1_000_000}
    return KeptResponses(shelf, background, FakeTalks(), **terms)


def client_of(*, kept: bool = True, policy: str = FIXED) -> httpx.AsyncClient:
    keeps = _keeps() if kept else None
    gateway = FakeGateway(FakeCorridor.answering(kept=keeps, world=new_world(policy)))
    transport = httpx.ASGITransport(app=public_application(gateway.gateway))
    return httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=KEY)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of() as made:
        yield made


async def made(client: httpx.AsyncClient, *names: str) -> str:
    items = [TURN | {"id": name} for name in names]
    answer = await client.post(BASE, json={"items": items, "metadata": {"topic": "birds"}})
    assert answer.status_code == 200, answer.text
    id_: str = answer.json()["id"]
    return id_


def ids(answer: httpx.Response) -> list[str]:
    page: dict[str, Any] = answer.json()
    found = [item["id"] for item in page["data"]]
    assert [page["first_id"], page["last_id"]] == ([found[0], found[-1]] if found else [None, None])
    return found


async def test_a_conversation_is_made_shown_changed_and_deleted(client: httpx.AsyncClient) -> None:
    id_ = await made(client)
    shown = (await client.get(f"{BASE}/{id_}")).json()
    told = {"id": id_, "object": "conversation", "created_at": 1, "metadata": {"topic": "birds"}}
    assert shown == told
    changed = await client.post(f"{BASE}/{id_}", json={"metadata": None})
    assert changed.json() == told | {"metadata": {}}
    deleted = await client.delete(f"{BASE}/{id_}")
    assert deleted.json() == {"id": id_, "object": "conversation.deleted", "deleted": True}
    assert (await client.get(f"{BASE}/{id_}")).status_code == 404


async def test_one_may_be_made_of_nothing_and_without_the_version_in_the_path(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/conversations")
    assert answer.json()["metadata"] == {}
    assert ids(await client.get(f"/conversations/{answer.json()['id']}/items/")) == []


async def test_items_come_in_pages_newest_first(client: httpx.AsyncClient) -> None:
    path = f"{BASE}/{await made(client, 'a', 'b', 'c')}/items"
    assert ids(await client.get(path)) == ["c", "b", "a"]
    first = await client.get(path, params={"limit": 2, "order": "asc"})
    assert (ids(first), first.json()["has_more"]) == (["a", "b"], True)
    rest = await client.get(path, params={"order": "asc", "after": "b"})
    assert (ids(rest), rest.json()["has_more"]) == (["c"], False)
    included = await client.get(path, params={"include[]": "reasoning.encrypted_content"})
    assert ids(included) == ["c", "b", "a"]


async def test_an_item_is_put_there_shown_and_deleted(client: httpx.AsyncClient) -> None:
    path = f"{BASE}/{await made(client, 'a')}/items"
    added = await client.post(path, json={"items": [TURN]})
    (name,) = ids(added)
    shown = (await client.get(f"{path}/{name}")).json()
    assert shown["content"] == [{"type": "input_text", "text": "Hello"}]
    assert shown["status"] == "completed"
    assert (await client.delete(f"{path}/{name}")).json()["object"] == "conversation"
    missing = await client.get(f"{path}/{name}")
    assert missing.status_code == 404
    assert name in missing.json()["error"]["message"]


@pytest.mark.parametrize("id_", [NOBODYS, "conv_1", "x%0Ay", "é"])
async def test_what_is_not_there_is_a_404_in_the_words_of_openai(
    client: httpx.AsyncClient, id_: str
) -> None:
    for method, rest in (
        ("GET", ""),
        ("POST", ""),
        ("DELETE", ""),
        ("GET", "/items"),
        ("POST", "/items"),
        ("GET", "/items/a"),
        ("DELETE", "/items/a"),
    ):
        sent = {"items": [TURN], "metadata": {}} if method == "POST" else None
        answer = await client.request(method, f"{BASE}/{id_}{rest}", json=sent)
        assert answer.status_code == 404
        error = answer.json()["error"]
        assert (error["type"], error["code"]) == ("invalid_request_error", None)
        assert error["message"].endswith("not found.")


async def test_a_gateway_that_keeps_nothing_says_so_and_what_to_do() -> None:
    async with client_of(kept=False) as client:
        for answer in (await client.post(BASE), await client.get(f"{BASE}/{NOBODYS}")):
            assert answer.status_code == 404
            assert "responses.keys" in answer.json()["error"]["message"]


async def test_a_tier_that_keeps_nothing_makes_none() -> None:
    async with client_of(policy=FIXED + "tiers: {pro: {store: false}}\n") as client:
        for path in (BASE, f"{BASE}/{NOBODYS}/items"):
            answer = await client.post(path, json={"items": [TURN]})
            assert answer.status_code == 403


async def test_nobody_is_answered_without_a_key(client: httpx.AsyncClient) -> None:
    no = {"authorization": "Bearer no"}
    assert (await client.post(BASE, headers=no, content=b"{")).status_code == 401
    assert (await client.get(f"{BASE}/{NOBODYS}", headers=no)).status_code == 401


@pytest.mark.parametrize("asked", [{"limit": 0}, {"limit": 101}, {"order": "up"}])
async def test_a_page_that_cannot_be_is_a_400(
    client: httpx.AsyncClient, asked: dict[str, Any]
) -> None:
    answer = await client.get(f"{BASE}/{await made(client)}/items", params=asked)
    assert answer.status_code == 400


async def test_a_page_behind_nothing_is_a_404(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{BASE}/{await made(client)}/items", params={"after": "x"})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"items":[],"items":[]}', 400),
        (b'{"Items":[]}', 400),
        (b'{"metadata":{"a":"' + b"x" * 2_000_000 + b'"}}', 413),
    ],
)
async def test_a_body_is_read_as_strictly_as_any(
    client: httpx.AsyncClient, sent: bytes, status: int
) -> None:
    answer = await client.post(BASE, content=sent)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


async def test_a_coding_that_is_not_taken_is_a_415(client: httpx.AsyncClient) -> None:
    answer = await client.post(BASE, content=b"{}", headers={"content-encoding": "br"})
    assert answer.status_code == 415
