"""Who brings a token in the place of a key, and as whom that counts."""

import time

import pytest
from fakes.parts import ACME, FakeAuthenticator

from router.auth.bearers import Bearers, key_name
from router.auth.tokens.issuer import Bearer
from router.customers.records import StoredKey
from router.domain import Principal
from router.errors import PermissionDenied, Unauthenticated

TOKEN = b"Bearer eyJh.eyJi.c2ln"


def bearer(**more) -> Bearer:
    said = {"issuer": "https://id.example.com", "subject": "alice", "organization": "acme"}
    rest = {"tier": None, "team": None, "tags": (), "expires": time.time() + 60, "claims": {}}
    return Bearer(**said | rest | more)


class _Keys(FakeAuthenticator):
    def member(self, key: StoredKey) -> Principal:
        tier = key.tier or {"acme": "pro"}.get(key.organization)
        if tier is None:
            raise PermissionDenied(
                f"no organization {key.organization}", code="unknown_organization"
            )
        return Principal(key.key_id, key.organization, tier, key.team, key.tags)


class _Tokens:
    def __init__(self, bearer: Bearer) -> None:
        self.bearer = bearer
        self.asked: list[bytes] = []

    def read(self, token: bytes) -> Bearer:
        self.asked.append(token)
        return self.bearer

    async def start(self) -> None: ...

    async def close(self) -> None: ...


def test_a_token_counts_as_a_key_of_its_subject_in_the_tier_of_its_organization() -> None:
    principal = Bearers(_Keys(), _Tokens(bearer(team="ml", tags=("gold",)))).authenticate(TOKEN)
    assert (principal.organization, principal.tier, principal.team) == ("acme", "pro", "ml")
    assert (principal.tags, principal.key_id) == (("gold",), key_name(bearer()))
    assert key_name(bearer()) != key_name(bearer(issuer="https://other.example.com"))


def test_a_tier_that_the_token_names_goes_before_the_organizations() -> None:
    bearers = Bearers(_Keys(), _Tokens(bearer(organization="new", tier="free")))
    assert bearers.authenticate(TOKEN).tier == "free"


def test_an_organization_that_nobody_knows_is_told_apart_from_a_wrong_token() -> None:
    bearers = Bearers(_Keys(), _Tokens(bearer(organization="new")))
    with pytest.raises(PermissionDenied, match="organization new") as refused:
        bearers.authenticate(TOKEN)
    assert refused.value.code == "unknown_organization"


def test_keys_are_taken_as_before_and_never_read_as_tokens() -> None:
    tokens = _Tokens(bearer())
    bearers = Bearers(_Keys(), tokens)
    assert bearers.authenticate(b"Bearer tk-known") is ACME
    for wrong in (None, b"", b"Bearer tk-unknown", b"Basic eyJh.eyJi.c2ln", b"Bearer eyJh.eyJi"):
        with pytest.raises(Unauthenticated):
            bearers.authenticate(wrong)
    assert tokens.asked == []
    assert len(bearers) == len(_Keys())
