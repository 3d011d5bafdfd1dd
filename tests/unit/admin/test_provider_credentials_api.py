"""Credentials of customers' own by the admin API: set, shown without themselves, taken away."""

import json

import pytest
from adminkit import OWNER, V1, Admin, admin_of
from sqlalchemy import MetaData, select

from router.auth.roles import Role

KEY = b"k" * 32
SECRET = "sk-acmes-own-secret-0123456789"
PATH = "/organizations/acme/backends/moe/credential"
BODY = {"secret": SECRET}


@pytest.fixture
async def admin(database):
    async with admin_of(database, keys=[KEY]) as running:
        for name in ("acme", "globex"):
            await running.ask("POST /organizations", {"organization": name}, to=201)
        yield running


def everything(admin: Admin) -> str:
    """Each value of each row of each table, as text."""
    tables = MetaData()
    with admin.parts.stores.database.reading() as connection:
        tables.reflect(connection)
        rows = [row for each in tables.sorted_tables for row in connection.execute(select(each))]
    return repr(rows)


async def test_it_is_set_shown_without_itself_changed_and_taken_away(admin: Admin):
    made = await admin.ask(f"PUT {PATH}", BODY)
    assert made["fallback"] is False
    assert made["used"] is True
    assert made["updated_by"]
    assert (await admin.ask(f"GET {PATH}")) == made
    again = await admin.ask(f"PUT {PATH}", {"secret": "sk-the-next-secret", "fallback": True})
    assert again["fingerprint"] != made["fingerprint"]
    assert (await admin.ask("GET /organizations/acme/credentials"))["items"] == [again]
    assert (await admin.ask("GET /organizations/globex/credentials"))["items"] == []
    await admin.ask(f"PUT {PATH}", BODY, to=412, if_match='"1"')
    await admin.ask(f"DELETE {PATH}", to=428)
    assert (await admin.ask(f"DELETE {PATH}", if_match='"2"')) == again
    await admin.ask(f"GET {PATH}", to=404)


async def test_nothing_but_the_row_itself_holds_it_and_that_is_encrypted(admin: Admin, caplog):
    headers = {"idempotency_key": "once"}
    shown = [
        await admin.ask(f"PUT {PATH}", BODY, **headers),
        await admin.ask(f"PUT {PATH}", BODY, **headers),
        await admin.ask(f"GET {PATH}"),
        await admin.ask("GET /organizations/acme/credentials"),
        await admin.ask("GET /audit"),
        await admin.ask(f"PUT {PATH}", BODY | {"secret": SECRET + "\n"}, to=422),
        await admin.ask(f"PUT {PATH}", BODY | {"extra": SECRET}, to=422),
        await admin.ask(f"PUT {PATH}", {"secret": [SECRET]}, to=422),
        await admin.ask(f"PUT {PATH}", SECRET, to=422),
    ]
    for part in (SECRET, SECRET[-8:]):
        assert part not in json.dumps(shown)
        assert part not in everything(admin)
        assert part not in caplog.text
    actions = [row["action"] for row in shown[4]["items"]]
    assert actions.count("provider_credentials.set") == 2


@pytest.mark.parametrize(
    ("asked", "body", "status"),
    [
        ("PUT /organizations/none/backends/moe/credential", BODY, 404),
        ("PUT /organizations/acme/backends/none/credential", BODY, 404),
        (f"PUT {PATH}", {}, 422),
        (f"PUT {PATH}", {"secret": "short"}, 422),
        (f"PUT {PATH}", {"secret": "sk-with a space"}, 422),
        (f"PUT {PATH}", {"secret": "sk-two\r\nlines: 1"}, 422),
        (f"PUT {PATH}", BODY | {"fallback": "yes"}, 422),
        (f"DELETE {PATH}", None, 404),
    ],
)
async def test_what_cannot_be_is_refused(admin: Admin, asked, body, status):
    await admin.ask(asked, body, to=status, if_match="*")
    assert (await admin.ask("GET /organizations/acme/credentials"))["items"] == []


async def test_without_a_key_it_is_said_what_to_set(database):
    async with admin_of(database) as bare:
        await bare.ask("POST /organizations", {"organization": "acme"}, to=201)
        problem = await bare.ask(f"PUT {PATH}", BODY, to=409)
    assert problem["type"].endswith("no_secrets_key")
    assert "secrets" in problem["detail"]
    assert SECRET not in json.dumps(problem)


async def test_a_customers_own_operator_sets_its_own_and_sees_no_others(admin: Admin):
    own = admin.credential(Role.OPERATOR, "acme")
    answer = await admin.client.put(V1 + PATH, json=BODY, headers=own)
    assert answer.status_code == 200, answer.text
    theirs = PATH.replace("acme", "globex")
    for method in ("PUT", "GET", "DELETE"):
        answer = await admin.client.request(
            method, V1 + theirs, json=BODY, headers=own | {"if-match": "*"}
        )
        assert answer.status_code == 404
    viewer = admin.credential(Role.VIEWER, "acme")
    assert (await admin.client.put(V1 + PATH, json=BODY, headers=viewer)).status_code == 403
    assert own != OWNER
