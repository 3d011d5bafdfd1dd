"""How the admin API answers: problems, pages, keys of idempotency, ETags, bounds."""

import asyncio
import json
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
from adminkit import OWNER, V1, Admin, admin_of
from patience import until
from sqlalchemy import text

from router.admin.kept_answers import KEEP_MS, STALE_MS, KeptAnswer, KeptAnswers, StillRunning
from router.auth.roles import Role

NEW = {"name": "anna", "role": "viewer"}


@pytest.fixture
async def admin(database):
    async with admin_of(database, body="500B") as running:
        yield running


WRONG = [
    ("GET /admin/v1/nowhere", {}, 404, "not_found"),
    ("GET /", {}, 404, "not_found"),
    ("GET /admin/v1/credentials/adm_0123456789abcdef", {}, 404, "not_found"),
    ("PUT /admin/v1/credentials", {}, 405, "method_not_allowed"),
    ("OPTIONS /admin/v1/status", {}, 405, "method_not_allowed"),
    ("POST /admin/v1/credentials", {"content": b"{"}, 422, "invalid"),
    ("POST /admin/v1/credentials", {"content": b"[" * 400}, 422, "invalid"),
    ("POST /admin/v1/credentials", {"json": {}}, 422, "invalid"),
    ("POST /admin/v1/credentials", {"json": NEW | {"more": 1}}, 422, "invalid"),
    ("POST /admin/v1/credentials", {"json": NEW | {"role": "king"}}, 422, "invalid"),
    ("POST /admin/v1/credentials", {"json": NEW | {"name": "a\nb"}}, 422, "invalid"),
    ("POST /admin/v1/credentials", {"json": NEW | {"name": "a\0"}}, 422, "invalid"),
    ("POST /admin/v1/credentials", {"json": NEW | {"name": "x" * 129}}, 422, "invalid"),
    ("POST /admin/v1/credentials", {"json": NEW | {"expires_at": "soon"}}, 422, "invalid"),
    ("POST /admin/v1/credentials", {"content": b"x" * 501}, 413, "payload_too_large"),
    ("GET /admin/v1/credentials?limit=0", {}, 422, "invalid"),
    ("GET /admin/v1/credentials?limit=1e3", {}, 422, "invalid"),
    ("GET /admin/v1/credentials?cursor=nonsense", {}, 422, "invalid"),
    ("GET /admin/v1/credentials?cursor=%ff", {}, 422, "invalid"),
    ("GET /admin/v1/credentials?organization=%00", {}, 422, "invalid"),
    ("GET /admin/v1/credentials?colour=red", {}, 422, "invalid"),
    ("GET /admin/v1/credentials/%00", {}, 404, "not_found"),
    ("GET /admin/v1/backends/%00%0a", {}, 404, "not_found"),
    ("DELETE /admin/v1/credentials/adm_0123456789abcdef", {}, 404, "not_found"),
]


async def test_whatever_goes_wrong_is_told_as_a_problem(admin: Admin):
    for asked, more, status, code in WRONG:
        method, _, path = asked.partition(" ")
        answer = await admin.client.request(method, path, **more)
        assert answer.status_code == status, (asked, more, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["type"] == f"urn:turnout:problem:{code}"
        assert problem["status"] == status
        assert problem["instance"].endswith(answer.headers["x-request-id"])
        assert problem["detail"]
        if code == "invalid":
            assert all(error["field"] and error["message"] for error in problem["errors"])
        if status == 405:
            assert answer.headers["allow"] == ("GET, POST" if "cred" in path else "GET")
    assert (await admin.ask("GET /audit"))["items"] == []


async def test_pages_stay_whole_while_rows_come_and_go(admin: Admin):
    made = [(await admin.ask("POST /credentials", NEW, to=201))["credential"] for _ in range(7)]
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        page = await admin.ask("GET /credentials?limit=2" + (f"&cursor={cursor}" if cursor else ""))
        seen += [row["credential"] for row in page["items"]]
        cursor = page["next_cursor"]
        pages += 1
        if pages == 1:
            made.append((await admin.ask("POST /credentials", NEW, to=201))["credential"])
    assert seen == made
    assert pages == 4
    newest = await admin.ask("GET /audit?limit=3")
    older = await admin.ask(f"GET /audit?limit=100&cursor={newest['next_cursor']}")
    assert [row["seq"] for row in newest["items"] + older["items"]] == list(range(8, 0, -1))
    assert older["next_cursor"] is None
    wrong = await admin.ask(f"GET /credentials?cursor={newest['next_cursor']}", to=422)
    assert wrong["errors"][0]["field"] == "query.cursor"


async def test_a_request_sent_twice_with_its_key_is_done_once_and_answered_alike(admin: Admin):
    first, second = [
        await admin.client.post(f"{V1}/credentials", json=NEW, headers={"idempotency-key": "k1"})
        for _ in range(2)
    ]
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    for header in ("etag", "location", "content-type"):
        assert first.headers[header] == second.headers[header]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert len((await admin.ask("GET /credentials"))["items"]) == 1
    await admin.ask("POST /credentials", NEW, to=201, idempotency_key="k2")
    assert len((await admin.ask("GET /credentials"))["items"]) == 2


async def test_a_key_is_of_one_request_and_of_one_asker(admin: Admin):
    other = admin.credential(Role.OWNER)
    await admin.ask("POST /credentials", NEW, to=201, idempotency_key="k1")
    for path, body in (("/credentials", NEW | {"name": "bob"}), ("/reload", NEW)):
        problem = await admin.ask(f"POST {path}", body, to=422, idempotency_key="k1")
        assert problem["type"].endswith("idempotency_key_reused")
    theirs = await admin.client.post(
        f"{V1}/credentials", json=NEW, headers=other | {"idempotency-key": "k1"}
    )
    assert theirs.status_code == 201
    assert "idempotent-replayed" not in theirs.headers
    for bad in ("x" * 256, "a b", ""):
        await admin.ask("POST /credentials", NEW, to=422, idempotency_key=bad)


async def test_what_failed_may_be_sent_again_with_the_same_key(admin: Admin):
    await admin.ask("POST /credentials", NEW | {"role": 1}, to=422, idempotency_key="k1")
    await admin.ask("POST /credentials", NEW, to=201, idempotency_key="k1")


async def test_requests_with_one_key_at_once_are_one(admin: Admin):
    answers = await asyncio.gather(
        *(
            admin.client.post(f"{V1}/credentials", json=NEW, headers={"idempotency-key": "k1"})
            for _ in range(8)
        )
    )
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len((await admin.ask("GET /credentials"))["items"]) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.headers["retry-after"]


async def test_no_secret_lies_open_in_the_database(admin: Admin, database):
    made = await admin.ask("POST /credentials", NEW, to=201, idempotency_key="k1")
    with admin.parts.stores.database.reading() as connection:
        (row,) = connection.execute(text("select answer from admin_answers")).all()
        assert made["secret"].encode() not in bytes(row.answer)
        assert made["credential"].encode() not in bytes(row.answer)


def test_kept_answers_expire_after_a_day_and_claims_of_the_dead_after_a_minute(database):
    now = [0]
    answers = KeptAnswers(database, lambda: now[0])
    answers.prepare()
    asked = ("adm_1", "k", b"a" * 32, b"secret")
    dead = answers.claim(*asked)
    with pytest.raises(StillRunning):
        answers.claim(*asked)
    now[0] = STALE_MS + 1
    alive = answers.claim(*asked)
    with pytest.raises(StillRunning):  # whoever was slow finds that it was taken over
        answers.finish(dead, KeptAnswer(200, {}, b"late"))
    answers.abandon(dead)
    answers.finish(alive, KeptAnswer(200, {"etag": '"1"'}, b"{}"))
    assert answers.claim(*asked) == KeptAnswer(200, {"etag": '"1"'}, b"{}")
    now[0] += KEEP_MS + 1
    assert not isinstance(answers.claim(*asked), KeptAnswer)
    answers.close()


async def test_a_change_names_the_version_that_it_changes(admin: Admin):
    made = await admin.client.post(f"{V1}/credentials", json=NEW)
    path = f"/credentials/{made.json()['credential']}"
    assert made.headers["etag"] == '"1"'
    assert made.headers["location"] == V1 + path
    assert (await admin.client.get(V1 + path)).headers["etag"] == '"1"'
    unchanged = await admin.client.get(V1 + path, headers={"if-none-match": 'W/"1"'})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert (await admin.ask(f"DELETE {path}", to=428))["type"].endswith("precondition_required")
    await admin.ask(f"DELETE {path}", to=428, if_match=" ")
    for stale in ('"2"', '"x"', "1", 'W/"1"'):
        assert (await admin.ask(f"DELETE {path}", to=412, if_match=stale))["type"].endswith("stale")
    await admin.ask(f"DELETE {path}", if_match='"7", "1"')
    await admin.ask(f"DELETE {path}", to=412, if_match='"1"')
    await admin.ask(f"DELETE {path}", if_match='"2"')
    await admin.ask(f"DELETE {path}", if_match="*")


async def test_a_crowd_of_administrators_finds_few_threads_and_a_503(database):
    """Nothing of it runs on the event loop that serves inference, and no more waits than may."""
    async with admin_of(database, requests=6) as admin:
        release, inside = threading.Event(), []

        def blocks(secret: bytes) -> None:
            inside.append(secret)
            release.wait(60)

        store = admin.parts.stores.credentials
        slow = SimpleNamespace(identify=blocks, close=store.close)
        admin.parts.stores = replace(admin.parts.stores, credentials=slow)
        headers = {"authorization": "Bearer ta-" + "x" * 43}
        waiting = [
            asyncio.create_task(admin.client.get(f"{V1}/self", headers=headers)) for _ in range(6)
        ]
        await asyncio.to_thread(until, lambda: len(inside) == 4)
        refused = await admin.client.get(f"{V1}/self", headers=OWNER)
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        assert len(inside) == 4
        release.set()
        assert {(await task).status_code for task in waiting} == {401}
        assert (await admin.client.get(f"{V1}/self", headers=OWNER)).status_code == 200


async def test_a_database_that_is_away_is_a_503_and_nothing_else(admin: Admin):
    with admin.parts.stores.database.writing() as connection:
        connection.execute(text("drop table admin_credentials"))
    problem = await admin.ask("GET /credentials", to=503)
    assert "database" in problem["detail"]
    headers = {"authorization": "Bearer ta-" + "x" * 43}
    assert (await admin.client.get(f"{V1}/self", headers=headers)).status_code == 503
    assert (await admin.ask("GET /self"))["role"] == "owner"


async def test_what_fails_inside_is_a_500_that_tells_nothing(admin: Admin, caplog):
    admin.reloads.reload = lambda: 1 / 0
    problem = await admin.ask("POST /reload", to=500)
    assert "division" not in json.dumps(problem)
    assert "a request to the admin API failed" in caplog.text
