"""Machines that administer by tokens of an identity provider: who may what, and who is refused."""

import time
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
from adminkit import V1, Admin, admin_of
from fakes.corridor import FakeCorridor
from fakes.parts import FakeAuthenticator
from fakes.world import FIXED, new_world
from identity_provider import AUDIENCE, IdentityProvider, rsa_key
from modelservers import in_thread

from router.auth.bearers import Bearers
from router.auth.tokens.issuer import Issuer, open_tokens, subject_id
from router.errors import Unauthenticated

ADMINS = "turnout-admin"
TIERED = FIXED + "tiers: {pro: {}}\n"
ROWS = [
    {"group": "ops", "role": "operator"},
    {"group": "acme-admins", "role": "owner", "organization": "acme"},
]


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    made = IdentityProvider()
    with in_thread(made) as url:
        place = urlsplit(url)
        made.url = f"{place.scheme}://{place.netloc}"
        yield made


@pytest.fixture
async def admin(database, provider) -> AsyncIterator[Admin]:
    tokens = {"issuer": provider.url, "audience": ADMINS, "groups": "realm.roles", "roles": ROWS}
    corridor = FakeCorridor.answering(world=new_world(TIERED))
    async with admin_of(database, corridor, tokens=[tokens]) as running:
        yield running


def sent(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def token_of(provider: IdentityProvider, *groups: str, **claims) -> str:
    return provider.token(**{"aud": ADMINS, "realm": {"roles": list(groups)}} | claims)


async def test_a_token_administers_in_the_role_of_its_group(admin: Admin, provider):
    token = token_of(provider, "staff", "ops", preferred_username="deployer")
    told = (await admin.client.get(f"{V1}/self", headers=sent(token))).json()
    assert (told["role"], told["organization"]) == ("operator", None)
    assert told["credential"] == subject_id(provider.url, "alice")
    assert told["name"] == f"deployer (alice) at {provider.url}"
    assert told["expires_at"] is not None
    body = {"organization": "acme", "tier": "pro"}
    made = await admin.client.post(f"{V1}/organizations", json=body, headers=sent(token))
    assert made.status_code == 201, made.text
    refused = await admin.client.get(f"{V1}/credentials", headers=sent(token))
    assert refused.status_code == 403
    audit = await admin.client.get(f"{V1}/audit")
    (row,) = audit.json()["items"]
    assert (row["actor"], row["credential"]) == (told["name"], told["credential"])
    assert token not in audit.text


async def test_a_token_for_one_organization_sees_no_other(admin: Admin, provider):
    for name in ("acme", "globex"):
        await admin.ask("POST /organizations", {"organization": name, "tier": "pro"}, to=201)
    headers = sent(token_of(provider, "acme-admins"))
    listed = (await admin.client.get(f"{V1}/organizations", headers=headers)).json()["items"]
    assert [each["organization"] for each in listed] == ["acme"]
    other = await admin.client.get(f"{V1}/organizations/globex", headers=headers)
    assert other.status_code == 404


async def test_whose_groups_have_no_role_is_told_so(admin: Admin, provider):
    for groups in ((), ("staff",), ("Ops",)):
        answer = await admin.client.get(f"{V1}/self", headers=sent(token_of(provider, *groups)))
        assert answer.status_code == 403
        assert "No group of this token has a role" in answer.json()["detail"]


async def test_a_token_that_is_not_for_administrators_is_a_401_that_says_why(
    admin: Admin, provider
):
    now = int(time.time())
    wrong = {
        "for another audience": {"aud": AUDIENCE},
        "it expired": {"exp": now - 600},
        "it has no exp": {"exp": None},
        "it has no sub": {"sub": None},
        "its sub is no name": {"sub": "a\nb"},
        "it is not valid yet": {"nbf": now + 600},
        "nobody here knows its issuer": {"iss": "https://elsewhere.example.com"},
        "its signature is wrong": {"key": rsa_key("another")},
    }
    for why, claims in wrong.items():
        token = token_of(provider, "ops", **claims)
        answer = await admin.client.get(f"{V1}/self", headers=sent(token))
        assert (answer.status_code, why in answer.json()["detail"]) == (401, True), answer.text
        assert answer.headers["www-authenticate"] == "Bearer"
        assert token.split(".")[1] not in answer.text
    claims = {"iss": provider.url, "aud": ADMINS, "sub": "x", "exp": now + 600}
    forged = (jwt.encode(claims, None, "none"), jwt.encode(claims, "s" * 64, "HS256"))
    for token in forged:
        assert (await admin.client.get(f"{V1}/self", headers=sent(token))).status_code == 401


async def test_a_token_that_administers_asks_no_model(provider):
    issuer = Issuer(provider.url, AUDIENCE, "org")
    tokens = open_tokens([issuer])
    await tokens.start()
    bearers = Bearers(FakeAuthenticator(), tokens)  # type: ignore[arg-type]
    with pytest.raises(Unauthenticated, match="another audience"):
        bearers.authenticate(f"Bearer {token_of(provider, 'ops')}".encode())
    await tokens.close()


async def test_wrong_tokens_count_as_wrong_credentials_of_their_address(admin: Admin, provider):
    most = admin.parts.gateway.door.limits.wrong_keys
    wrong = sent(token_of(provider, "ops", aud="another"))
    far = httpx.ASGITransport(admin.application, client=("203.0.113.7", 1))
    async with httpx.AsyncClient(transport=far, base_url="http://admin") as client:
        answers = [await client.get(f"{V1}/self", headers=wrong) for _ in range(most + 1)]
        assert {answer.status_code for answer in answers[:most]} == {401}
        assert answers[most].status_code == 429
        right = await client.get(f"{V1}/self", headers=sent(token_of(provider, "ops")))
        assert right.status_code == 200


async def test_what_a_subject_sent_twice_is_done_once_though_its_token_is_a_new_one(
    admin: Admin, provider
):
    body = {"organization": "acme", "tier": "pro"}
    answers = [
        await admin.client.post(
            f"{V1}/organizations",
            json=body,
            headers=sent(token_of(provider, "ops", jti=name)) | {"idempotency-key": "k"},
        )
        for name in ("one", "two")
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[1].headers["idempotent-replayed"] == "true"


async def test_without_issuers_a_token_is_no_credential(database, provider):
    async with admin_of(database) as plain:
        answer = await plain.client.get(f"{V1}/self", headers=sent(token_of(provider, "ops")))
        assert answer.status_code == 401
