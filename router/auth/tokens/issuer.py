"""Who may issue tokens, and what is read of them; and how the library that checks them is found.

PyJWT is an extra: nothing of it is imported where no issuer is configured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, Protocol, TypeVar

from router.auth.grants import Grant

INSTALL: Final = "pip install 'turnout[identity]'"
# Asymmetric ones alone (RFC 8725): with a shared secret, who can check a token can make one.
ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
DEFAULT_ALGORITHMS: Final = ("RS256", "ES256")
_NEEDED: Final = ("jwt", "cryptography")
_NEEDED_TO_SIGN_IN: Final = (*_NEEDED, "authlib")
Read_co = TypeVar("Read_co", covariant=True)


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
    algorithms: tuple[str, ...] = DEFAULT_ALGORITHMS


@dataclass(frozen=True, slots=True)
class AdminIssuer:
    """An identity provider whose tokens administer: `groups` is the claim that `grants` go by."""

    issuer: str
    audience: str
    groups: str
    grants: tuple[Grant, ...]
    keys: str = ""
    algorithms: tuple[str, ...] = DEFAULT_ALGORITHMS


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


@dataclass(frozen=True, slots=True)
class AdminBearer:
    """Who a token says that administers, until when (Unix seconds). `grant` is None where no group
    of theirs has a role."""

    issuer: str
    subject: str
    name: str
    grant: Grant | None
    expires: float


class ReadsTokens(Protocol[Read_co]):
    """Tokens of all issuers."""

    def read(self, token: bytes) -> Read_co:
        """Return whom a token names. Raises Unauthenticated, Unavailable."""

    async def start(self) -> None:
        """Fetch the keys of all issuers, and keep them fresh until `close`."""

    async def close(self) -> None:
        """Stop that."""


def is_installed(*, sign_in: bool = False) -> bool:
    """Return whether tokens can be checked; with `sign_in`, whether people can sign in."""
    needed = _NEEDED_TO_SIGN_IN if sign_in else _NEEDED
    return all(find_spec(name) is not None for name in needed)


def subject_id(issuer: str, subject: str) -> str:
    """Return what a subject is called where credentials have ids."""
    return "sub_" + sha256(f"{issuer}\n{subject}".encode()).hexdigest()[:16]


def open_tokens(issuers: Sequence[Issuer]) -> ReadsTokens[Bearer]:
    """Return what reads the tokens of these issuers. Raises ModuleNotFoundError where the extra is
    not installed.
    """
    tokens: Any = import_module("router.auth.tokens.tokens")
    reader: ReadsTokens[Bearer] = tokens.Tokens(issuers, tokens.bearer_of)
    return reader


def open_admin_tokens(issuers: Sequence[AdminIssuer]) -> ReadsTokens[AdminBearer]:
    """Return what reads the tokens by which these issuers let machines administer. Raises as
    `open_tokens` does."""
    tokens: Any = import_module("router.auth.tokens.tokens")
    reader: ReadsTokens[AdminBearer] = tokens.Tokens(issuers, tokens.admin_bearer_of)
    return reader


def looks_like_one(credential: bytes) -> bool:
    """Whether a credential may be a token: three parts, the first of which begins as JSON does."""
    return credential.startswith(b"eyJ") and credential.count(b".") == 2
