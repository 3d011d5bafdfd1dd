"""Customers, teams, keys, limits and credits by the admin API; over a real database."""

import pytest
from adminkit import OWNER, V1, Admin, admin_of
from fakes.corridor import FakeCorridor
from fakes.world import FIXED, new_world

from router.auth.roles import Role

TIERED = FIXED + (
    "tiers:\n  free: {requests_per_minute: 5}\n  pro: {tokens_per_day: 1000}\n"
    "  prepaid: {prepaid_usd: true}\n"
)
ACME = {"organization": "acme", "tier": "pro"}
PATH = "/organizations/acme"
SECOND = "2036-01-02T03:04:05Z"


@pytest.fixture
async def admin(database):
    async with admin_of(database, FakeCorridor.answering(world=new_world(TIERED))) as running:
        await running.ask("POST /organizations", ACME, to=201)
        yield running


async def test_a_customer_is_made_looked_at_and_changed(admin: Admin):
    acme = await admin.ask(f"GET {PATH}")
    assert acme | {"created_at": "", "updated_at": ""} == {
        **{"organization": "acme", "tier": "pro", "timezone": None, "billing_day": None},
        **{"tags": [], "limits": {}, "raised": [], "suspended": None},
        **{"created_at": "", "updated_at": ""},
    }
    change = {"tier": "free", "limits": {"tokens_per_day": 5, "per_key": {"usd_per_day": 0.5}}}
    changed = await admin.ask(f"PATCH {PATH}", change, if_match='"1"')
    assert {name: changed[name] for name in change} == change
    kept = await admin.ask(f"PATCH {PATH}", {"timezone": "Europe/Berlin"}, if_match='"2"')
    assert {name: kept[name] for name in change} == change
    assert kept["timezone"] == "Europe/Berlin"
    (row,) = (await admin.ask("GET /audit?action=organizations.change&limit=1"))["items"]
    assert (row["before"]["timezone"], row["after"]["timezone"]) == (None, "Europe/Berlin")


@pytest.mark.parametrize(
    ("asked", "body", "status", "field"),
    [
        ("POST /organizations", ACME, 409, "organization"),
        ("POST /organizations", ACME | {"organization": "a\x1bb"}, 422, "organization"),
        ("POST /organizations", ACME | {"organization": " a"}, 422, "organization"),
        ("POST /organizations", {"organization": "b", "tier": "gold"}, 422, "tier"),
        ("POST /organizations", {"organization": "b"}, 422, "tier"),
        ("POST /organizations", ACME | {"timezone": "Mars"}, 422, "timezone"),
        ("PATCH /organizations/none", {"tier": "free"}, 404, None),
        (f"PATCH {PATH}", {"limits": {"tokens_per_day": -1}}, 422, "limits.tokens_per_day"),
        (f"PATCH {PATH}", {"limits": {"per_key": {"usd_per_day": -1}}}, 422, "limits.per_key"),
        (f"PATCH {PATH}", {"limits": {"tokens_per_dya": 1}}, 422, "limits.tokens_per_dya"),
        (f"PATCH {PATH}", {"billing_day": 31}, 422, "billing_day"),
        (f"PATCH {PATH}", {"organization": "b"}, 422, "organization"),
        (f"POST {PATH}/raises", {"limits": {}, "until": SECOND}, 422, "limits"),
        (
            f"POST {PATH}/raises",
            {"limits": {"tokens_per_day": 9}, "until": "2020-01-01T00:00:00Z"},
            422,
            "until",
        ),
        ("POST /organizations/none/keys", {}, 404, None),
        (f"POST {PATH}/keys", {"team": "none"}, 422, "team"),
        (f"POST {PATH}/keys", {"tier": "gold"}, 422, "tier"),
        (f"POST {PATH}/keys", {"expires_at": "2020-01-01T00:00:00Z"}, 422, "expires_at"),
        (f"POST {PATH}/keys/key_0/rotate", {}, 404, None),
        (f"POST {PATH}/teams", {"team": "a", "parent": "a"}, 422, "parent"),
        (f"POST {PATH}/credits", {"id": "c", "amount": "5"}, 422, "organization"),
        (f"POST {PATH}/credits", {"id": "c", "amount": 5}, 422, "amount"),
        (f"POST {PATH}/credits", {"id": "c", "amount": "0.0000000001"}, 422, "amount"),
    ],
)
async def test_what_cannot_be_is_refused_with_its_field_and_nothing_is_half_written(
    admin: Admin, asked, body, status, field
):
    before = await admin.ask(f"GET {PATH}"), await admin.ask("GET /audit")
    problem = await admin.ask(asked, body, to=status, if_match="*")
    if field is not None:
        assert any(error["field"].startswith(field) for error in problem["errors"]), problem
    after = await admin.ask(f"GET {PATH}"), await admin.ask("GET /audit")
    assert after == before
    assert not admin.ledger.added


async def test_two_who_change_the_same_do_not_overwrite_each_other(admin: Admin):
    await admin.ask(f"PATCH {PATH}", {"tags": ["a"]}, to=428)
    await admin.ask(f"PATCH {PATH}", {"tags": ["a"]}, if_match='"1"')
    await admin.ask(f"PATCH {PATH}", {"tags": ["b"]}, to=412, if_match='"1"')
    assert (await admin.ask(f"GET {PATH}"))["tags"] == ["a"]


async def test_limits_are_raised_until_a_moment_and_may_end_before(admin: Admin):
    body = {"limits": {"tokens_per_day": 9}, "until": SECOND}
    (raised,) = (await admin.ask(f"POST {PATH}/raises", body, to=201))["raised"]
    assert raised == body | {"id": raised["id"]}
    ended = await admin.ask(f"DELETE {PATH}/raises/{raised['id']}", if_match="*")
    assert ended["raised"] == []
    await admin.ask(f"DELETE {PATH}/raises/{raised['id']}", to=404, if_match="*")


async def test_a_customer_is_suspended_and_served_again(admin: Admin):
    suspended = (await admin.ask(f"POST {PATH}/suspend", {"why": "unpaid"}))["suspended"]
    assert suspended["why"] == "unpaid"
    listed = (await admin.ask("GET /organizations?suspended=true"))["items"]
    assert [row["organization"] for row in listed] == ["acme"]
    assert (await admin.ask(f"POST {PATH}/resume"))["suspended"] is None


async def test_a_key_may_be_replaced_at_once(admin: Admin):
    made = await admin.ask(f"POST {PATH}/keys", {"name": "leaked"}, to=201)
    path = f"{PATH}/keys/{made['key_id']}"
    new = await admin.ask(f"POST {path}/rotate", {"overlap": "0s"}, to=201)
    old = await admin.ask(f"GET {path}")
    assert old["replaced_by"] == new["key_id"]
    working = await admin.ask(f"GET {PATH}/keys?working=true")
    assert [row["key_id"] for row in working["items"]] == [new["key_id"]]
    for span in ("999999d", "1w", "-1s", ""):
        await admin.ask(f"POST {path}/rotate", {"overlap": span}, to=422)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", [{"field": "body", "message": "is no JSON: wrong at character 1"}]),
        (
            b'{"name": "a", "expires_at": "soon"}',
            [{
                "field": "expires_at",
                "message": "is not an instant: write it as 2027-01-31T00:00:00Z",
            }],
        ),
        (
            b'{"name": "a", "limits": {"tokens_per_day": -1}}',
            [{"field": "limits.tokens_per_day", "message": "Input should be greater than 0"}],
        ),
        (
            b'{"name": "a", "routes": ["auto", "autp"]}',
            [
                {
                    "field": "routes",
                    "message": "the policy has no route 'autp'; did you mean 'auto'?",
                }
            ],
        ),
    ],
    ids=["no JSON", "no instant", "below nothing", "no route"],
)  # fmt: skip
async def test_what_is_wrong_is_told_by_its_field_in_words_for_people(
    admin: Admin, body: bytes, told: list[dict[str, str]]
):
    sent = {**OWNER, "content-type": "application/json"}
    answer = await admin.client.post(f"{V1}{PATH}/keys", content=body, headers=sent)
    assert (answer.status_code, answer.json()["errors"]) == (422, told)


async def test_a_key_is_shown_once_changed_rotated_and_revoked(admin: Admin):
    body = {"name": "web", "tags": ["eu"], "routes": ["auto"], "limits": {"tokens_per_day": 5}}
    made = await admin.ask(f"POST {PATH}/keys", body, to=201)
    key, path = made.pop("key"), f"{PATH}/keys/{made['key_id']}"
    assert key.startswith("tk-")
    assert made | body == made
    assert await admin.ask(f"GET {path}") == made
    changed = await admin.ask(f"PATCH {path}", {"name": "app", "routes": None}, if_match='"1"')
    assert changed == made | {"name": "app", "routes": None}
    new = await admin.ask(f"POST {path}/rotate", {"overlap": "1h"}, to=201)
    old = await admin.ask(f"GET {path}")
    assert old["replaced_by"] == new["key_id"]
    assert old["expires_at"] is not None
    assert new["tags"] == ["eu"]
    revoked = await admin.ask(f"DELETE {path}", if_match="*")
    assert revoked["revoked_at"] is not None
    assert await admin.ask(f"DELETE {path}", if_match="*") == revoked
    working = await admin.ask(f"GET {PATH}/keys?working=true")
    assert [row["key_id"] for row in working["items"]] == [new["key_id"]]
    shown = (await admin.client.get(f"{V1}/audit")).text
    assert key not in shown
    assert new["key"] not in shown


async def test_a_key_made_twice_with_one_idempotency_key_is_one_key(admin: Admin):
    first = await admin.ask(f"POST {PATH}/keys", {}, to=201, idempotency_key="sign-up-7")
    again = await admin.ask(f"POST {PATH}/keys", {}, to=201, idempotency_key="sign-up-7")
    assert first == again
    assert len((await admin.ask(f"GET {PATH}/keys"))["items"]) == 1


async def test_teams_nest_and_never_in_a_circle(admin: Admin):
    await admin.ask(f"POST {PATH}/teams", {"team": "a"}, to=201)
    await admin.ask(f"POST {PATH}/teams", {"team": "b", "parent": "a"}, to=201)
    problem = await admin.ask(f"PATCH {PATH}/teams/a", {"parent": "b"}, to=422, if_match="*")
    assert "a part of itself" in problem["detail"]
    listed = (await admin.ask(f"GET {PATH}/teams"))["items"]
    assert [(row["team"], row["parent"]) for row in listed] == [("a", None), ("b", "a")]
    await admin.ask(f"DELETE {PATH}/teams/a", to=422, if_match="*")
    await admin.ask(f"DELETE {PATH}/teams/b", if_match="*")
    await admin.ask(f"GET {PATH}/teams/b", to=404)


async def test_a_credit_is_added_once_and_never_without_the_ledger(admin: Admin):
    await admin.ask(f"PATCH {PATH}", {"tier": "prepaid"}, if_match="*")
    body = {"id": "invoice-7", "amount": "12.50", "note": "by card"}
    admin.ledger.away = True
    await admin.ask(f"POST {PATH}/credits", body, to=503)
    assert (await admin.ask(f"GET {PATH}/credits"))["items"] == []
    admin.ledger.away = False
    first = await admin.ask(f"POST {PATH}/credits", body, to=201)
    again = await admin.ask(f"POST {PATH}/credits", body, to=201)
    assert (first["new"], again["new"]) == (True, False)
    assert first["balance"] == again["balance"]
    assert first["balance"]["granted"] == "12.50"
    await admin.ask(f"POST {PATH}/credits", body | {"amount": "13"}, to=409)
    await admin.ask(f"POST {PATH}/credits", {"id": "back", "amount": "-2.5"}, to=201)
    history = (await admin.ask(f"GET {PATH}/credits"))["items"]
    assert [row["amount"] for row in history] == ["-2.50", "12.50"]
    assert (await admin.ask(f"GET {PATH}/balance"))["left"] == "10.00"
    rows = (await admin.ask("GET /audit?action=credits.add"))["items"]
    assert len(rows) == 2


async def test_lists_of_customers_and_keys_come_page_by_page(admin: Admin):
    for name in ("b", "c", "d"):
        await admin.ask("POST /organizations", ACME | {"organization": name}, to=201)
        await admin.ask(f"POST {PATH}/keys", {"name": name}, to=201)
    for path, column in (("/organizations", "organization"), (f"{PATH}/keys", "name")):
        first = await admin.ask(f"GET {path}?limit=2")
        rest = await admin.ask(f"GET {path}?cursor={first['next_cursor']}")
        names = [row[column] for row in first["items"] + rest["items"]]
        assert names in (["acme", "b", "c", "d"], ["b", "c", "d"])


async def test_a_customers_own_administrator_keeps_its_keys_and_not_what_was_agreed(admin: Admin):
    own = admin.credential(Role.OPERATOR, "acme")
    await admin.ask("POST /organizations", ACME | {"organization": "globex"}, to=201)

    async def may(what: str, body: object = None) -> int:
        method, _, path = what.partition(" ")
        headers = own | {"if-match": "*"}
        answer = await admin.client.request(method, V1 + path, json=body, headers=headers)
        return answer.status_code

    assert await may(f"POST {PATH}/teams", {"team": "a"}) == 201
    assert await may(f"POST {PATH}/keys", {"team": "a"}) == 201
    for agreed in ({"tier": "prepaid"}, {"tags": ["vip"]}, {"limits": {"tokens_per_day": 9}}):
        assert await may(f"POST {PATH}/keys", agreed) == 403
    assert await may(f"PATCH {PATH}", {"tier": "prepaid"}) == 403
    assert await may(f"POST {PATH}/resume") == 403
    assert await may(f"POST {PATH}/credits", {"id": "c", "amount": "5"}) == 403
    for what in ("GET", "PATCH", "POST"):
        for path in ("", "/keys", "/teams", "/keys/key_1", "/suspend", "/credits", "/balance"):
            status = await may(f"{what} /organizations/globex{path}", {})
            assert status in {404, 405}, (what, path)
    listed = await admin.client.get(f"{V1}/organizations", headers=own)
    assert [row["organization"] for row in listed.json()["items"]] == ["acme"]
