"""Every role against every route; and nothing without a row in the table of rights."""

import re

import pytest
from adminkit import OWNER, V1, Admin, admin_of

from router.admin.application import RESOURCES, admin_application, api_routes
from router.admin.document import document_of
from router.admin.rights import RIGHTS, may
from router.admin.routing import AdminRoute, AdminRoutes
from router.auth.roles import Administrator, Role

# Who may, with a credential for all organizations, and with one for acme alone: o owner,
# p operator, b billing, v viewer.
MATRIX = """\
GET    /status                       opbv -
GET    /self                         opbv opbv
POST   /reload                       op   -
GET    /backends                     opbv -
GET    /backends/{name}              opbv -
GET    /policies/active              opbv -
GET    /policies/active/tiers/{name} opbv -
POST   /organizations                op   -
GET    /organizations                opbv opbv
GET    /organizations/{organization} opbv opbv
PATCH  /organizations/{organization} op   -
POST   /organizations/{organization}/suspend opb -
POST   /organizations/{organization}/resume  opb -
POST   /organizations/{organization}/raises  op  -
DELETE /organizations/{organization}/raises/{raise_id} op -
POST   /organizations/{organization}/teams        op   op
GET    /organizations/{organization}/teams        opbv opbv
GET    /organizations/{organization}/teams/{team} opbv opbv
PATCH  /organizations/{organization}/teams/{team} op   op
DELETE /organizations/{organization}/teams/{team} op   op
POST   /organizations/{organization}/keys                 op   op
GET    /organizations/{organization}/keys                 opbv opbv
GET    /organizations/{organization}/keys/{key_id}        opbv opbv
PATCH  /organizations/{organization}/keys/{key_id}        op   op
DELETE /organizations/{organization}/keys/{key_id}        op   op
POST   /organizations/{organization}/keys/{key_id}/rotate op   op
PUT    /organizations/{organization}/backends/{backend}/credential op   op
GET    /organizations/{organization}/backends/{backend}/credential opbv opbv
DELETE /organizations/{organization}/backends/{backend}/credential op   op
GET    /organizations/{organization}/credentials                   opbv opbv
POST   /organizations/{organization}/credits ob   -
GET    /organizations/{organization}/credits opbv opbv
GET    /organizations/{organization}/balance opbv opbv
GET    /usage                        opbv opbv
GET    /usage.csv                    opbv opbv
POST   /credentials                  o    o
GET    /credentials                  o    o
GET    /credentials/{credential}     o    o
DELETE /credentials/{credential}     o    o
GET    /sessions                     o    o
DELETE /sessions/{session}           o    o
GET    /decisions                    opbv opbv
GET    /decisions/{decision}         opbv opbv
GET    /alerts                       opbv -
GET    /alerts/page                  opbv -
GET    /audit                        op   op
GET    /audit/check                  op   -
GET    /openapi.json                 opbv opbv
"""
LETTERS = {"o": Role.OWNER, "p": Role.OPERATOR, "b": Role.BILLING, "v": Role.VIEWER}
ROWS = [line.split() for line in MATRIX.splitlines()]
EXAMPLES = {
    "organization": "acme",
    "decision": "0123456789abcdef",
    "credential": "adm_0123456789abcdef",
    "session": "ses_0123456789abcdef",
    "name": "moe",
    "team": "web",
    "backend": "moe",
    "key_id": "key_0123456789abcdef",
    "raise_id": "raise_0123456789abcdef",
}


@pytest.fixture
async def admin(database):
    async with admin_of(database) as running:
        yield running


def roles(letters: str) -> set[Role]:
    return {LETTERS[letter] for letter in letters if letter != "-"}


def test_the_matrix_has_every_route():
    paths = document_of(admin_application(None))["paths"]
    documented = {
        (method.upper(), path.removeprefix(V1)) for path, item in paths.items() for method in item
    }
    served = {
        (method, route.path)
        for prefix, route in api_routes()
        if prefix == V1
        for method in route.methods
    }
    assert served == documented == {(method, path) for method, path, _, _ in ROWS}


@pytest.mark.parametrize("organization", [None, "acme"])
@pytest.mark.parametrize("role", Role)
async def test_every_role_may_what_the_matrix_says_and_nothing_else(
    admin: Admin, role, organization
):
    headers = admin.credential(role, organization)
    for method, path, everywhere, within in ROWS:
        example = re.sub(r"{(\w+)}", lambda found: EXAMPLES[found[1]], path)
        answer = await admin.client.request(method, V1 + example, headers=headers)
        allowed = role in roles(everywhere if organization is None else within)
        assert (answer.status_code == 403) is not allowed, (method, path, answer.text)
        assert answer.status_code != 401
    if role not in RIGHTS["policies.reload"].everywhere or organization:
        assert (await admin.client.get("/admin/status", headers=headers)).status_code == (
            403 if organization else 200
        )
        assert (await admin.client.post("/admin/reload", headers=headers)).status_code == 403


def test_a_route_without_a_row_of_rights_cannot_be_made():
    routes = AdminRoutes("more")
    with pytest.raises(KeyError):
        routes.serve("GET", "/more", "more.read", dict)(lambda call: None)
    with pytest.raises(KeyError):
        routes.add_api_route("/more", lambda: None)


def test_every_route_of_the_api_is_one_that_checks():
    plain = [prefix + route.path for prefix, route in api_routes() if type(route) is not AdminRoute]
    assert plain == ["/admin/status", "/admin/reload"]  # which check by themselves: see above
    application = admin_application(None)
    assert len(application.routes) == len(RESOURCES) + 1  # nothing is served beside them


def test_every_right_is_of_some_route():
    named = {route.action for _, route in api_routes() if isinstance(route, AdminRoute)}
    assert named == set(RIGHTS)


def test_nobody_may_within_an_organization_what_its_role_may_not_everywhere():
    for action, right in RIGHTS.items():
        assert right.within <= right.everywhere, action


def test_what_is_no_action_is_nobodys():
    with pytest.raises(KeyError):
        may(Administrator("c", "n", Role.OWNER), "more.read")


async def test_rights_come_before_anything_of_the_request_is_looked_at(admin: Admin):
    viewer = admin.credential(Role.VIEWER)
    broken = await admin.client.post(f"{V1}/credentials", content=b"{", headers=viewer)
    assert broken.status_code == 403
    assert "owner" in broken.json()["detail"]


async def test_a_credential_for_one_organization_sees_no_other(admin: Admin):
    acme = admin.credential(Role.OWNER, "acme")
    globex = await admin.ask(
        "POST /credentials", {"name": "g", "role": "viewer", "organization": "globex"}, to=201
    )
    everybodys = await admin.ask("POST /credentials", {"name": "a", "role": "viewer"}, to=201)
    mine = await admin.client.get(f"{V1}/credentials", headers=acme)
    assert {row["organization"] for row in mine.json()["items"]} == {"acme"}
    for other in (globex, everybodys):
        path = f"{V1}/credentials/{other['credential']}"
        for method in ("GET", "DELETE"):
            answer = await admin.client.request(method, path, headers=acme | {"if-match": "*"})
            assert answer.status_code == 404
    for path in ("/credentials", "/usage", "/usage.csv", "/audit"):
        refused = await admin.client.get(f"{V1}{path}?organization=globex", headers=acme)
        assert refused.status_code == 404, path
    usage = await admin.client.get(f"{V1}/usage", headers=acme)
    assert usage.status_code == 200
    audit = (await admin.client.get(f"{V1}/audit", headers=acme)).json()
    assert {row["organization"] for row in audit["items"]} <= {"acme"}


@pytest.mark.parametrize("organization", [None, "globex"])
async def test_an_owner_of_one_organization_makes_no_credential_beyond_it(
    admin: Admin, organization
):
    acme = admin.credential(Role.OWNER, "acme")
    body = {"name": "more", "role": "viewer", "organization": organization}
    refused = await admin.client.post(f"{V1}/credentials", json=body, headers=acme)
    assert refused.status_code == 422
    within = await admin.client.post(
        f"{V1}/credentials", json=body | {"organization": "acme"}, headers=acme
    )
    assert within.status_code == 201


async def test_expired_and_revoked_credentials_open_nothing(admin: Admin):
    expired = admin.credential(Role.OWNER, expires_at=1)
    assert (await admin.client.get(f"{V1}/self", headers=expired)).status_code == 401
    made = await admin.ask("POST /credentials", {"name": "a", "role": "viewer"}, to=201)
    headers = {"authorization": f"Bearer {made['secret']}"}
    assert (await admin.client.get(f"{V1}/self", headers=headers)).json()["name"] == "a"
    await admin.ask(f"DELETE /credentials/{made['credential']}", if_match="*")
    assert (await admin.client.get(f"{V1}/self", headers=headers)).status_code == 401
    assert (await admin.client.get(f"{V1}/self", headers=OWNER)).status_code == 200


async def test_a_secret_is_shown_once_and_stands_nowhere(admin: Admin):
    made = await admin.ask("POST /credentials", {"name": "a", "role": "viewer"}, to=201)
    assert made["secret"].startswith("ta-")
    shown = await admin.ask(f"GET /credentials/{made['credential']}")
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    listed = await admin.client.get(f"{V1}/credentials")
    audit = await admin.client.get(f"{V1}/audit")
    assert made["secret"] not in listed.text + audit.text
    assert audit.json()["items"][0]["target"] == f"credentials/{made['credential']}"
