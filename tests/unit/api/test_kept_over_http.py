"""What is kept, shown over HTTP: the errors and pages that official clients know."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
from fakes.corridor import FakeCorridor
from fakes.gateway import FakeGateway
from fakes.shelf import FakeShelf
from fakes.talks import FakeTalks

from router.api.rest import public_application
from router.pipeline.background import Background
from router.pipeline.stored import KeptResponses
from router.protocols.responses.kept import document_of, kept_id
from router.stored.response import StoredResponse
from router.stored.run import Chunk

KEY = {"authorization": "Bearer tk-known"}
FIRST, SECOND = kept_id("1" * 32), kept_id("2" * 32)


def client_of(shelf: FakeShelf | None, *, ready: bool = True) -> httpx.AsyncClient:
    kept = shelf and KeptResponses(
        shelf,
        Background(shelf, most=9, most_each=9),
        FakeTalks(),
        by_default=True,
        home=frozenset(),
        most_bytes=1_000_000,
    )
    gateway = FakeGateway(FakeCorridor.answering(kept=kept), ready=ready)
    transport = httpx.ASGITransport(app=public_application(gateway.gateway))
    return httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=KEY)


@pytest.fixture
def shelf() -> FakeShelf:
    made = FakeShelf()
    output = [{"type": "message", "id": "msg_said", "role": "assistant", "content": []}]
    for id_, previous, unique in ((FIRST, None, "a"), (SECOND, FIRST, "b")):
        response = orjson.dumps({"id": id_, "output": output})
        document = document_of(response, f"Question {unique}", unique)
        made.there["acme", id_] = StoredResponse(id_, previous, document)
    return made


@pytest.fixture
async def client(shelf: FakeShelf) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(shelf) as made:
        yield made


def ids(answer: httpx.Response) -> list[str]:
    page: dict[str, Any] = answer.json()
    found = [item["id"] for item in page["data"]]
    assert [page["first_id"], page["last_id"]] == [*found[:1], *found[-1:]]
    return found


async def test_a_response_is_shown_and_deleted(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"/v1/responses/{FIRST}")).json()["id"] == FIRST
    deleted = await client.delete(f"/v1/responses/{FIRST}")
    assert deleted.json() == {"id": FIRST, "object": "response", "deleted": True}
    assert (await client.get(f"/v1/responses/{FIRST}")).status_code == 404


@pytest.mark.parametrize("id_", [kept_id("3" * 32), "resp_1", "x%0Ay", "é"])
async def test_what_is_not_there_is_a_404_in_the_words_of_openai(
    client: httpx.AsyncClient, id_: str
) -> None:
    for method, rest in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items")):
        answer = await client.request(method, f"/v1/responses/{id_}{rest}")
        assert answer.status_code == 404
        error = answer.json()["error"]
        assert error["type"] == "invalid_request_error"
        assert error["code"] is None
        assert error["message"].endswith("not found.")


async def test_a_gateway_that_keeps_nothing_says_so() -> None:
    async with client_of(None) as client:
        answer = await client.get(f"/v1/responses/{FIRST}")
    assert answer.status_code == 404
    assert "keeps no responses" in answer.json()["error"]["message"]


async def test_nobody_is_shown_anything_without_a_key(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/v1/responses/{FIRST}", headers={"authorization": "Bearer no"})
    assert answer.status_code == 401


async def test_what_was_no_work_in_the_background_cannot_be_cancelled(
    client: httpx.AsyncClient,
) -> None:
    cancelled = await client.post(f"/v1/responses/{FIRST}/cancel")
    assert cancelled.status_code == 400
    assert cancelled.json()["error"]["message"] == "Cannot cancel a synchronous response."


def kinds(answer: httpx.Response) -> list[tuple[int, str]]:
    lines = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    return [(told["sequence_number"], told["type"]) for told in map(orjson.loads, lines)]


async def test_what_is_over_is_told_as_events_from_any_number(client: httpx.AsyncClient) -> None:
    path = f"/v1/responses/{FIRST}"
    whole = await client.get(path, params={"stream": "true"})
    assert whole.headers["content-type"].startswith("text/event-stream")
    assert [kind for _, kind in kinds(whole)] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.output_item.done",
        "response.completed",
    ]
    later = await client.get(path, params={"stream": "true", "starting_after": 2})
    assert kinds(later) == kinds(whole)[3:]
    assert [number for number, _ in kinds(whole)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"starting_after": 1}, "needs 'stream=true'"),
        ({"stream": "true", "starting_after": -1}, "starting_after"),
        ({"stream": "true", "starting_after": "x"}, "starting_after"),
    ],
)
async def test_a_number_that_cannot_be_is_a_400(
    client: httpx.AsyncClient, asked: dict[str, Any], words: str
) -> None:
    answer = await client.get(f"/v1/responses/{FIRST}", params=asked)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


async def test_what_another_gateway_works_on_is_told_until_this_one_stops(
    shelf: FakeShelf,
) -> None:
    running = orjson.dumps({"background": True, "status": "in_progress", "output": []})
    shelf.there["acme", FIRST] = StoredResponse(FIRST, None, document_of(running, "x", "u"))
    shelf.runs[FIRST] = "acme"
    shelf.told[FIRST] = [Chunk(0, 0, b"data: {}\n\n")]
    async with client_of(shelf, ready=False) as client:
        told = await client.get(f"/v1/responses/{FIRST}", params={"stream": "true"})
    assert told.text == "data: {}\n\n"


async def test_what_is_worked_on_is_cancelled_and_deleted(shelf: FakeShelf) -> None:
    running = orjson.dumps({"background": True, "status": "in_progress", "output": []})
    for id_ in (FIRST, SECOND):
        shelf.there["acme", id_] = StoredResponse(id_, None, document_of(running, "x", "u"))
        shelf.runs[id_] = "acme"
        shelf.told[id_] = []
    async with client_of(shelf) as client:
        assert (await client.get(f"/v1/responses/{FIRST}")).json()["status"] == "in_progress"
        for _ in range(2):
            cancelled = await client.post(f"/v1/responses/{FIRST}/cancel")
            assert cancelled.json()["status"] == "cancelled"
        assert (await client.delete(f"/v1/responses/{SECOND}")).json()["deleted"] is True
    assert shelf.runs == {}


async def test_input_items_come_in_pages_newest_first(client: httpx.AsyncClient) -> None:
    path = f"/v1/responses/{SECOND}/input_items"
    assert ids(await client.get(path)) == ["msg_b0000", "msg_said", "msg_a0000"]
    first = await client.get(path, params={"limit": 1, "order": "asc"})
    assert ids(first) == ["msg_a0000"]
    assert first.json()["has_more"]
    after = await client.get(path, params={"order": "asc", "after": "msg_a0000"})
    assert ids(after) == ["msg_said", "msg_b0000"]
    assert not after.json()["has_more"]
    before = await client.get(path, params={"before": "msg_a0000", "include": "anything"})
    assert ids(before) == ["msg_b0000", "msg_said"]


async def test_of_a_conversation_whose_beginning_is_gone_its_own_items_are_listed(
    client: httpx.AsyncClient,
) -> None:
    await client.delete(f"/v1/responses/{FIRST}")
    assert ids(await client.get(f"/v1/responses/{SECOND}/input_items")) == ["msg_b0000"]


@pytest.mark.parametrize("asked", [{"limit": 0}, {"limit": 101}, {"order": "up"}, {"after": "x"}])
async def test_a_page_that_cannot_be_is_a_400(
    client: httpx.AsyncClient, asked: dict[str, Any]
) -> None:
    answer = await client.get(f"/v1/responses/{FIRST}/input_items", params=asked)
    assert answer.status_code == 400
