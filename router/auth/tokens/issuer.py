"""Who may issue tokens, and what is read of them; and how the library that checks them is found.

PyJWT is an extra: nothing of it is imported where no issuer is configured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, Protocol

INSTALL: Final = "pip install 'turnout[identity]'"
# Asymmetric ones alone (RFC 8725): with a shared secret, who can check a token can make one.
ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
_NEEDED: Final = ("jwt", "cryptography")


@dataclass(frozen=True, slots=True)
class Issuer:
    """An identity provider, and the claims of its tokens that say who asks.

    `keys`: where its keys are (a JWK set); empty: where its discovery document says. A claim is
    named by its path, with dots. `tier` and the others are empty where no claim says it.
    """

    issuer: str
    audience: str
    organization: str
    tier: str = ""
    team: str = ""
    tags: str = ""
    keys: str = ""
    algorithms: tuple[str, ...] = ("RS256", "ES256")


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who a token says that asks, until when (Unix seconds). `tier` is None where it says none."""

    issuer: str
    subject: str
    organization: str
    tier: str | None
    team: str | None
    tags: tuple[str, ...]
    expires: float
    claims: Mapping[str, Any]


class ReadsTokens(Protocol):
    """Tokens of all issuers."""

    def read(self, token: bytes) -> Bearer:
        """Return whom a token names. Raises Unauthenticated, Unavailable."""

    async def start(self) -> None:
        """Fetch the keys of all issuers, and keep them fresh until `close`."""

    async def close(self) -> None:
        """Stop that."""


def is_installed() -> bool:
    """Return whether tokens can be checked."""
    return all(find_spec(name) is not None for name in _NEEDED)


def open_tokens(issuers: Sequence[Issuer]) -> ReadsTokens:
    """Return what reads the tokens of these issuers. Raises ModuleNotFoundError where the extra is
    not installed.
    """
    tokens: Any = import_module("router.auth.tokens.tokens")
    reader: ReadsTokens = tokens.Tokens(issuers)
    return reader


def looks_like_one(credential: bytes) -> bool:
    """Whether a credential may be a token: three parts, the first of which begins as JSON does."""
    return credential.startswith(b"eyJ") and credential.count(b".") == 2
