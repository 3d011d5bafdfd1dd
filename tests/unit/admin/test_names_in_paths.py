"""Names of customers in the admin API's paths: whatever prints can be asked for."""

from urllib.parse import quote

import pytest
from adminkit import V1, Admin, admin_of

from router.auth.roles import Role

NAMES = ["emea/sales", "a/", "/", "日本", "a b?c#d&e", "100 %", "%2F", "a/../b", "שלום", "a\\b"]
HOSTILE = ["", " a", "a\nb", "a\0b", "a\u202eb", "\ue000", ".", "..", "x" * 10_000]


@pytest.fixture
async def admin(database):
    async with admin_of(database) as running:
        yield running


async def test_what_has_any_name_that_prints_is_made_and_found_by_it(admin: Admin):
    for name in NAMES:
        made = await admin.client.post(f"{V1}/organizations", json={"organization": name})
        assert made.status_code == 201, name
        found = await admin.client.get(made.headers["location"])
        assert found.json()["organization"] == name
        path = f"/organizations/{quote(name, safe='')}"
        team = await admin.client.post(f"{V1}{path}/teams", json={"team": name})
        assert (await admin.client.get(team.headers["location"])).json()["team"] == name
        key = await admin.client.post(f"{V1}{path}/keys", json={"team": name})
        assert (await admin.client.get(key.headers["location"])).json()["organization"] == name
        await admin.ask(f"POST {path}/suspend", {"why": "unpaid"})
        await admin.ask(f"DELETE {path}/teams/{quote(name, safe='')}", to=422, if_match="*")


async def test_a_slash_of_a_name_is_none_between_segments(admin: Admin):
    await admin.ask("POST /organizations", {"organization": "acme"}, to=201)
    await admin.ask("GET /organizations/acme/keys")
    problem = await admin.ask("GET /organizations/acme%2Fkeys", to=404)
    assert "acme/keys" in problem["detail"]
    assert "/x%2Fy" not in (await admin.ask("GET /no%2Fwhere", to=404))["detail"]


async def test_names_that_nobody_could_read_or_ask_for_are_refused(admin: Admin):
    for name in HOSTILE:
        problem = await admin.ask("POST /organizations", {"organization": name}, to=422)
        assert problem["errors"][0]["field"] == "organization"
        assert len(str(problem)) < 1_000
    assert (await admin.ask("GET /organizations"))["items"] == []


async def test_a_name_with_half_a_character_is_refused(admin: Admin):
    body = b'{"organization": "a\\ud800"}'
    headers = {"content-type": "application/json"}
    answer = await admin.client.post(f"{V1}/organizations", content=body, headers=headers)
    assert answer.status_code == 422


async def test_a_name_with_a_slash_opens_nobody_elses_customer(admin: Admin):
    for name in ("acme", "acme/emea"):
        await admin.ask("POST /organizations", {"organization": name}, to=201)
    scoped = admin.credential(Role.OPERATOR, "acme/emea")
    await admin.ask("GET /organizations/acme%2Femea/keys", **scoped)
    await admin.ask("GET /organizations/acme", to=404, **scoped)
    await admin.ask("GET /organizations/acme%2fother", to=404, **scoped)
