"""What is in force, and reading the documents again, by the admin API; over a real database."""

import pytest
from adminkit import OWNER, V1, Admin, admin_of
from fakes.world import new_world

from router.world.reload import Reloaded


@pytest.fixture
async def admin(database):
    async with admin_of(database) as running:
        yield running


STRANGERS = [
    {"authorization": ""},
    {"authorization": "Bearer tk-known"},
    {"authorization": OWNER["authorization"].removeprefix("Bearer ")},
    {"authorization": "Bearer ta-" + "x" * 43},
    {"authorization": "Bearer "},
]


async def test_only_credentials_open_the_admins_listener(admin: Admin):
    for headers in STRANGERS:
        for path in ("/admin/status", f"{V1}/status", f"{V1}/self", "/nowhere", "/"):
            answer = await admin.client.get(path, headers=headers)
            assert answer.status_code == 401, (headers, path)
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.headers["content-type"] == "application/problem+json"


async def test_the_status_says_what_is_in_force(admin: Admin):
    old = (await admin.client.get("/admin/status")).json()
    assert old["policy"] == new_world().policy.version
    assert old["backends"]["moe"] == {"healthy": True, "in_flight": 0}
    status = await admin.ask("GET /status")
    assert status["ready"] is True
    assert status["policy"] == old["policy"]
    assert status["backends"]["moe"] == {"healthy": True, "in_flight": 0, "queued": 0}


async def test_backends_are_listed_with_their_breakers(admin: Admin):
    listed = (await admin.ask("GET /backends"))["items"]
    one = await admin.ask("GET /backends/moe")
    assert one in listed
    assert one["deployments"][0]["breaker"] == "closed"
    await admin.ask("GET /backends/none", to=404)


async def test_the_policy_is_told_with_its_text_and_tiers(admin: Admin):
    policy = await admin.ask("GET /policies/active")
    assert policy["version"] == new_world().policy.version
    assert policy["text"].startswith("version: 1")
    for tier in policy["tiers"]:
        assert await admin.ask(f"GET /policies/active/tiers/{tier['name']}") == tier


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (Reloaded(True, "v2"), 200),
        (Reloaded(True, "v2", "The policy has no tier `free`: 1 organizations and 2 keys"), 200),
        (Reloaded(False, "v1", "policy.yaml:2:3: error: x"), 422),
    ],
)
async def test_a_reload_says_what_came_of_it(admin: Admin, result, status):
    admin.reloads.result = result
    old = await admin.client.post("/admin/reload")
    assert old.status_code == status
    assert old.json() == {
        "reloaded": result.done,
        "policy": result.policy,
        "report": result.report,
    }
    told = await admin.ask("POST /reload", to=status)
    assert told["policy"] == result.policy
    assert told["report"] == result.report
    rows = (await admin.ask("GET /audit"))["items"]
    assert [row["action"] for row in rows] == ["policies.reload"] * (2 if result.done else 0)
    assert all(row["after"].get("report", "") == result.report for row in rows)


async def test_the_token_is_shown_by_nobody(admin: Admin):
    assert "an-admin-token" not in repr(admin.parts)


async def test_each_sees_whose_credential_it_is(admin: Admin):
    assert (await admin.ask("GET /self"))["role"] == "owner"


async def test_usage_is_added_up_and_comes_as_an_invoice(admin: Admin):
    told = await admin.ask("GET /usage?by=organization&by=month&markup=1.2")
    assert told["by"] == ["organization", "month"]
    assert told["total"]["amount"] == "0.00"
    csv = await admin.client.get(f"{V1}/usage.csv?month=2027-01")
    assert csv.headers["content-type"].startswith("text/csv")
    assert csv.text.startswith("organization,month,model,requests,")
    problem = await admin.ask("GET /usage?by=color&month=2027-13&nonsense=1", to=422)
    assert {error["field"] for error in problem["errors"]} == {
        "query.by.0",
        "query.month",
        "query.nonsense",
    }
