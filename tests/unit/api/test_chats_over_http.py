"""Kept chats, shown over HTTP: the errors and pages that official clients know."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fakes.chat_shelf import FakeChatShelf
from fakes.corridor import FakeCorridor
from fakes.gateway import FakeGateway

from router.api.rest import public_application
from router.pipeline.stored_chats import KeptChats
from router.protocols.chat.kept import document_of, stored_name
from router.stored.response import StoredResponse

KEY = {"authorization": "Bearer tk-known"}
CHATS = "/v1/chat/completions"


def client_of(shelf: FakeChatShelf | None) -> httpx.AsyncClient:
    chats = None if shelf is None else KeptChats(shelf, frozenset())
    gateway = FakeGateway(FakeCorridor.answering(chats=chats))
    transport = httpx.ASGITransport(app=public_application(gateway.gateway))
    return httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=KEY)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    shelf = FakeChatShelf()
    for number, topic in enumerate(["birds", "fish", "birds"]):
        id_ = f"c{number}"
        messages = [{"role": "user", "content": text} for text in ("One", "Two", "Three")]
        given = {"model": f"m{number}", "messages": messages, "metadata": {"topic": topic}}
        document = document_of(given, {"id": id_, "model": "real", "choices": []})
        for organization in ("acme", "globex"):
            name = stored_name(organization, id_)
            shelf.there[organization, name] = StoredResponse(name, None, document)
    async with client_of(shelf) as made:
        yield made


async def ids(client: httpx.AsyncClient, query: str = "") -> list[str]:
    page = (await client.get(f"{CHATS}{query}")).json()
    found = [one["id"] for one in page["data"]]
    assert [page["first_id"], page["last_id"]] == ([found[0], found[-1]] if found else [None, None])
    return [*found, *(["..."] if page["has_more"] else [])]


async def test_chats_are_listed_in_order_and_page_by_page(client: httpx.AsyncClient) -> None:
    assert await ids(client) == ["c0", "c1", "c2"]
    assert await ids(client, "?order=desc&limit=2") == ["c2", "c1", "..."]
    assert await ids(client, "?after=c1") == ["c2"]


async def test_chats_are_listed_by_model_and_by_pairs(client: httpx.AsyncClient) -> None:
    assert await ids(client, "?metadata[topic]=birds") == ["c0", "c2"]
    assert await ids(client, "?metadata%5Btopic%5D=birds&model=m2") == ["c2"]
    assert await ids(client, "?model=real&metadata[none]=x") == []


async def test_messages_are_paged_too(client: httpx.AsyncClient) -> None:
    page = (await client.get(f"{CHATS}/c0/messages?limit=2&order=desc")).json()
    assert [one["content"] for one in page["data"]] == ["Three", "Two"]
    assert page["has_more"]
    rest = (await client.get(f"{CHATS}/c0/messages?after=c0-1")).json()
    assert [one["id"] for one in rest["data"]] == ["c0-2"]


async def test_metadata_is_set_and_a_chat_is_erased(client: httpx.AsyncClient) -> None:
    changed = await client.post(f"{CHATS}/c0", json={"metadata": {"a": "b"}})
    assert changed.json()["metadata"] == {"a": "b"}
    gone = await client.delete(f"{CHATS}/c0")
    assert gone.json() == {"id": "c0", "object": "chat.completion.deleted", "deleted": True}
    for answer in (
        await client.get(f"{CHATS}/c0"),
        await client.get(f"{CHATS}/c0/messages"),
        await client.post(f"{CHATS}/c0", json={"metadata": {}}),
        await client.delete(f"{CHATS}/c0"),
    ):
        assert answer.status_code == 404
        assert "'c0' not found" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "query", ["?limit=0", "?limit=101", "?order=up", "?after=nobody", "/c0/messages?after=x"]
)
async def test_what_cannot_be_listed_is_a_400(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"{CHATS}{query}")).status_code == 400


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"{", b'{"metadata":{"a":1}}'])
async def test_a_change_that_cannot_be_made_is_a_400(
    client: httpx.AsyncClient, body: bytes
) -> None:
    assert (await client.post(f"{CHATS}/c0", content=body)).status_code == 400


async def test_nobody_without_a_key_sees_anything(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{CHATS}/c0", headers={"authorization": "Bearer tk-other"})
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["", "/c0", "/c0/messages"])
async def test_a_gateway_that_keeps_none_says_so(path: str) -> None:
    async with client_of(None) as client:
        answer = await client.get(CHATS + path)
    assert answer.status_code == 404
    assert "responses.keys" in answer.json()["error"]["message"]
