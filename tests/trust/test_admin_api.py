"""The admin API under those who have a credential and want more than it opens."""

import pytest
from adminkit import TOKEN, V1, Admin, admin_of

from router.auth.roles import Role

LISTS = ["keys", "teams", "credits"]
FILTERED = ["usage", "usage.csv", "audit", "credentials"]
NESTED = 100_000
ASSIGNED = ["version", "created_at", "suspended", "raised", "key_hash", "organization_id"]


@pytest.fixture
async def admin(database):
    async with admin_of(database, body="1MB") as running:
        for name in ("acme", "globex"):
            await running.ask("POST /organizations", {"organization": name}, to=201)
            for number in range(2):
                path = f"/organizations/{name}"
                await running.ask(f"POST {path}/teams", {"team": f"{name}-{number}"}, to=201)
                await running.ask(f"POST {path}/keys", {"name": f"{name}-{number}"}, to=201)
        yield running


async def test_a_cursor_of_another_customer_shows_nothing_of_it(admin: Admin):
    scoped = admin.credential(Role.VIEWER, "globex")
    for what in ("keys", "teams"):
        page = await admin.ask(f"GET /organizations/acme/{what}?limit=1")
        path = f"{V1}/organizations/globex/{what}?cursor={page['next_cursor']}"
        answer = await admin.client.get(path, headers=scoped)
        assert answer.status_code == 200
        assert "acme" not in answer.text
        for forged in (page["next_cursor"][:-2], page["next_cursor"] + "AA", "e30", "x" * 3_000):
            path = f"{V1}/organizations/globex/{what}?cursor={forged}"
            answer = await admin.client.get(path, headers=scoped)
            assert answer.status_code in {200, 422}
            assert "acme" not in answer.text


async def test_filters_show_a_credential_of_one_customer_nothing_of_another(admin: Admin):
    scoped = admin.credential(Role.OWNER, "globex")
    for what in FILTERED:
        asked = f"{V1}/{what}?organization=acme"
        refused = await admin.client.get(asked, headers=scoped)
        assert refused.status_code == 404, what
        everything = await admin.client.get(f"{V1}/{what}", headers=scoped)
        assert everything.status_code == 200, (what, everything.text)
        assert "acme" not in everything.text, what
    for what in LISTS:
        await admin.ask(f"GET /organizations/acme/{what}", to=404, **scoped)


async def test_fields_that_are_not_offered_are_refused_and_never_set(admin: Admin):
    before = await admin.ask("GET /organizations/acme")
    for field in ASSIGNED:
        for asked in ("PATCH /organizations/acme", "POST /organizations/acme/keys"):
            problem = await admin.ask(asked, {field: 1}, to=422, if_match="*")
            assert problem["errors"][0]["field"] == field
    assert await admin.ask("GET /organizations/acme") == before


async def test_bodies_that_are_deep_or_large_are_refused_and_no_failure(admin: Admin):
    deep = (
        b"[" * NESTED,
        b"[" * NESTED + b"]" * NESTED,
        b'{"limits":' * (NESTED // 10) + b"1" + b"}" * (NESTED // 10),
        b'{"organization": "x", "limits": ' + b'{"per_key":' * 5_000 + b"1" + b"}" * 5_001,
    )
    headers = {"content-type": "application/json"}
    for content in deep:
        answer = await admin.client.post(f"{V1}/organizations", content=content, headers=headers)
        assert answer.status_code in {400, 422}, answer.text[:200]
        assert answer.headers["content-type"] == "application/problem+json"
        assert len(answer.content) < 10_000
    large = await admin.client.post(f"{V1}/organizations", content=b" " * 10_000_000)
    assert large.status_code == 413


async def test_a_problem_quotes_no_secret(admin: Admin):
    made = await admin.ask("POST /organizations/acme/keys", {}, to=201)
    secret = made["key"]
    for asked, body in (
        ("POST /organizations", {"organization": "b", "tier": 1, "secret": secret}),
        ("POST /organizations/acme/keys", {"expires_at": secret}),
        ("POST /organizations/acme/keys", {"limits": {"tokens_per_day": secret}}),
        ("PATCH /organizations/acme", {"billing_day": secret}),
    ):
        problem = await admin.ask(asked, body, to=422, if_match="*")
        assert secret not in str(problem)
        assert TOKEN not in str(problem)
    assert secret not in str(await admin.ask("GET /audit"))
    key = await admin.ask(f"GET /organizations/acme/keys/{made['key_id']}")
    assert secret not in str(key)
    assert "key" not in key
