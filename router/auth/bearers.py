"""Whoever brings a token of an identity provider in the place of a key."""

from hashlib import sha256
from typing import Protocol

from router.auth.tokens.issuer import Bearer, ReadsTokens, looks_like_one
from router.domain import Principal
from router.errors import PermissionDenied


class Keys(Protocol):
    """Credentials that are keys, and the customers behind them."""

    def __len__(self) -> int:
        """Return how many keys are known."""

    def authenticate(self, authorization: bytes | None) -> Principal:
        """Return who holds a key. Raises Unauthenticated."""

    def tier_of(self, organization: str) -> str | None:
        """Return the tier of an organization; None for one that is not known."""


class Bearers:
    """Takes keys and tokens. A token's subject counts as a key of its own, at every gateway the
    same one: limits of each key hold for it.
    """

    def __init__(self, keys: Keys, tokens: ReadsTokens) -> None:
        self._keys = keys
        self._tokens = tokens

    def __len__(self) -> int:
        return len(self._keys)

    def authenticate(self, authorization: bytes | None) -> Principal:
        """Return who asks. Raises Unauthenticated, PermissionDenied, Unavailable."""
        scheme, _, credential = (authorization or b"").partition(b" ")
        token = credential.strip()
        if scheme.lower() != b"bearer" or not looks_like_one(token):
            return self._keys.authenticate(authorization)
        return self._principal(self._tokens.read(token))

    def _principal(self, bearer: Bearer) -> Principal:
        tier = bearer.tier
        if tier is None:
            tier = self._keys.tier_of(bearer.organization)
        if tier is None:
            raise PermissionDenied(
                f"The organization {bearer.organization} of this token is not known here. Ask "
                "whoever runs this gateway to create it.",
                code="unknown_organization",
            )
        return Principal(key_name(bearer), bearer.organization, tier, bearer.team, bearer.tags)


def key_name(bearer: Bearer) -> str:
    """Return what a subject is called where keys have ids."""
    return "sub_" + sha256(f"{bearer.issuer}\n{bearer.subject}".encode()).hexdigest()[:16]
