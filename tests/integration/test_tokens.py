"""Tokens of an identity provider: who is let in, who is not, and why."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from identity_provider import AUDIENCE, IdentityProvider, rsa_key
from modelservers import in_thread

from router.auth.tokens import key_sets
from router.auth.tokens.fetching import is_safe
from router.auth.tokens.issuer import Bearer, Issuer, looks_like_one
from router.auth.tokens.key_sets import AGAIN_SECONDS, KeySet
from router.auth.tokens.tokens import Tokens, bearer_of
from router.errors import Unauthenticated, Unavailable


@pytest.fixture
def provider():
    made = IdentityProvider()
    with in_thread(made) as url:
        place = urlsplit(url)
        made.url = f"{place.scheme}://{place.netloc}"
        yield made


def issuer_of(provider: IdentityProvider, **more) -> Issuer:
    claims = {"tier": "plan", "team": "groups.team", "tags": "tags"}
    return Issuer(provider.url, AUDIENCE, "org", **claims | more)


@pytest.fixture
async def tokens(provider) -> AsyncIterator[Tokens]:
    made = Tokens([issuer_of(provider)], bearer_of)
    await made.start()
    yield made
    await made.close()


def read(tokens: Tokens, token: str) -> Bearer:
    assert looks_like_one(token.encode())
    return tokens.read(token.encode())


async def test_a_token_names_its_organization_tier_team_and_tags(tokens, provider) -> None:
    claims = {"plan": "pro", "groups": {"team": "ml"}, "tags": ["gold", "eu"]}
    bearer = read(tokens, provider.token(**claims))
    assert (bearer.organization, bearer.tier, bearer.team) == ("acme", "pro", "ml")
    assert (bearer.subject, bearer.tags) == ("alice", ("gold", "eu"))


async def test_a_claim_whose_name_is_an_address_is_found_by_it(provider) -> None:
    name = "https://id.example.com/org"
    tokens = Tokens([Issuer(provider.url, AUDIENCE, name)], bearer_of)
    await tokens.start()
    assert read(tokens, provider.token(**{name: "acme"})).organization == "acme"
    await tokens.close()


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"exp": int(time.time()) - 3_600}, "it expired"),
        ({"exp": None}, "it has no exp"),
        ({"sub": None}, "it has no sub"),
        ({"nbf": int(time.time()) + 3_600}, "it is not valid yet"),
        ({"aud": "another"}, "for another audience"),
        ({"aud": None}, "it has no aud"),
        ({"iss": "https://elsewhere.example.com"}, "nobody here knows its issuer"),
        ({"org": None}, "its claim org names no organization"),
        ({"org": "a\nb"}, "its claim org names no organization"),
        ({"org": ["acme"]}, "its claim org names no organization"),
        ({"plan": None}, "its claim plan names no tier"),
    ],
)
async def test_a_token_that_is_not_for_us_is_refused_and_says_why(
    tokens, provider, claims, why
) -> None:
    with pytest.raises(Unauthenticated, match=why):
        read(tokens, provider.token(**{"plan": "pro"} | claims))


async def test_nobody_makes_a_token_without_the_providers_private_key(tokens, provider) -> None:
    good = provider.token(plan="pro")
    head, claims, signature = good.split(".")
    public = provider.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    forged = [
        provider.token(key=rsa_key("another"), plan="pro"),
        f"{head}.{claims}.{'A' * len(signature)}",
        f"{head}.{claims}.",
        jwt.encode({"iss": provider.url, "aud": AUDIENCE, "org": "acme"}, None, "none"),
        _signed_with_the_public_key(provider, public),
        provider.token("ES256", key=ec.generate_private_key(ec.SECP256R1()), plan="pro"),
    ]
    for token in forged:
        with pytest.raises(Unauthenticated):
            tokens.read(token.encode())


def _signed_with_the_public_key(provider: IdentityProvider, public: bytes) -> str:
    """A token by HS256 whose shared secret is what everybody knows."""

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    claims = {"iss": provider.url, "aud": AUDIENCE, "sub": "x", "exp": 2**33, "org": "acme"}
    head = part(json.dumps({"alg": "HS256", "kid": provider.key_id}).encode())
    begin = f"{head}.{part(json.dumps(claims).encode())}"
    return f"{begin}.{part(hmac.digest(public, begin.encode(), hashlib.sha256))}"


@pytest.mark.parametrize(
    "token",
    [b"eyJ.x.y", b"eyJhbGciOiJub25lIn0.e30.", b"eyJ..", b"eyJ" + b"a" * 9_000 + b".b.c",
     b"eyJhbGciOiJSUzI1NiJ9.bm90IGpzb24.AA", b"eyJ\xff\xfe.\x00.\x80"],
    ids=["short", "none", "empty", "long", "no claims", "bytes"],
)  # fmt: skip
async def test_what_is_no_token_is_refused(tokens, token) -> None:
    with pytest.raises(Unauthenticated):
        tokens.read(token)


async def test_a_token_of_another_type_is_no_access_token(tokens, provider) -> None:
    claims = {"iss": provider.url, "aud": AUDIENCE, "sub": "x", "exp": 2**33, "org": "acme"}
    headers = {"kid": provider.key_id, "typ": "logout+jwt"}
    token = jwt.encode(claims | {"plan": "pro"}, provider.key, "RS256", headers=headers)
    with pytest.raises(Unauthenticated, match="of another type"):
        tokens.read(token.encode())


async def test_a_new_key_of_the_provider_is_fetched_and_the_old_one_lets_nobody_in(
    provider,
) -> None:
    now = [0.0]
    tokens = Tokens([issuer_of(provider)], bearer_of)
    [keys] = tokens._sets.values()
    keys._now = lambda: now[0]
    await tokens.start()
    old = provider.token(plan="pro")
    assert read(tokens, old).organization == "acme"
    provider.rotate("two")
    now[0] = AGAIN_SECONDS
    new = provider.token(plan="pro")
    with pytest.raises(Unavailable) as told:
        read(tokens, new)
    assert dict(told.value.headers)["retry-after"] == "1"
    await keys._fetching
    await asyncio.sleep(0)
    assert read(tokens, new).organization == "acme"
    with pytest.raises(Unauthenticated, match="no such key"):
        read(tokens, old)
    await tokens.close()


async def test_tokens_with_unknown_keys_make_nobody_flood_the_provider(tokens, provider) -> None:
    asked, provider.key_id = provider.asked, "unknown"
    for _ in range(50):
        with pytest.raises(Unauthenticated, match="no such key"):
            read(tokens, provider.token(plan="pro"))
    assert provider.asked == asked


async def test_while_the_provider_is_away_known_keys_go_on_and_that_is_told_once(
    provider, caplog
) -> None:
    keys = KeySet(provider.url, "")
    await keys.refresh()
    provider.status = 503
    for _ in range(3):
        await keys.refresh()
    assert keys.get("one") is not None
    provider.status = 200
    await keys.refresh()
    assert [record.message for record in caplog.records] == [
        "the keys of an identity provider cannot be fetched",
        "the keys of an identity provider were fetched again",
    ]


async def test_a_discovery_document_of_another_issuer_is_not_believed(provider, caplog) -> None:
    keys = KeySet(provider.url + "/", "")
    await keys.refresh()
    assert not keys.fetched
    assert "names another issuer" in caplog.records[0].__dict__["reason"]


def test_keys_come_over_https_or_from_this_machine() -> None:
    assert is_safe("https://id.example.com/keys")
    assert is_safe("http://127.0.0.1:8000/keys")
    assert not is_safe("http://id.example.com/keys")
    assert not is_safe("http://127.0.0.1.example.com/keys")
    assert not is_safe("file:///etc/passwd")
    assert key_sets.REFRESH_SECONDS > AGAIN_SECONDS
