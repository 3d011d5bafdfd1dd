"""Whoever brings a token of an identity provider in the place of a key."""

from typing import Protocol

from router.auth.tokens.issuer import Bearer, ReadsTokens, looks_like_one, subject_id
from router.customers.records import StoredKey
from router.domain import Principal


class Keys(Protocol):
    """Credentials that are keys, and the customers behind them."""

    def __len__(self) -> int:
        """Return how many keys are known."""

    def authenticate(self, authorization: bytes | None) -> Principal:
        """Return who holds a key. Raises Unauthenticated."""

    def member(self, key: StoredKey) -> Principal:
        """Return who asks by what is as good as a key.

        Raises PermissionDenied where its organization is not known, or is suspended.
        """


class Bearers:
    """Takes keys and tokens. A token's subject counts as a key of its own, at every gateway the
    same one: limits of each key hold for it.
    """

    def __init__(self, keys: Keys, tokens: ReadsTokens[Bearer]) -> None:
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
        name, tier = key_name(bearer), bearer.tier or ""
        return self._keys.member(
            StoredKey(name, bearer.organization, tier, bearer.team, tags=bearer.tags)
        )


def key_name(bearer: Bearer) -> str:
    """Return what a subject is called where keys have ids."""
    return subject_id(bearer.issuer, bearer.subject)
