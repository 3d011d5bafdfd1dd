"""People who sign in at an identity provider: what the gateway asks it, and what it answers.

What speaks with the provider is `openid`, whose library (Authlib) is an extra: nothing of it is
imported where nobody can sign in.
"""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Client:
    """What this gateway is to an identity provider. `groups` is the claim that names groups;
    `redirect` is where browsers come back to."""

    issuer: str
    client_id: str
    secret: str = field(repr=False)
    scopes: tuple[str, ...]
    groups: str
    algorithms: tuple[str, ...]
    redirect: str


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in that a browser began: random values that its end must match (RFC 7636 and OpenID
    Connect), where it leads (a local path, or empty), and when it began (Unix seconds)."""

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    then: str
    at: float


@dataclass(frozen=True, slots=True)
class Person:
    """Who signed in, as their provider names them."""

    issuer: str
    subject: str
    name: str
    groups: frozenset[str]


class Away(Exception):
    """The provider does not answer as one; the message says why, fit for a log."""


class Refused(Exception):
    """The provider did not say who it is, or not so that it can be believed; the message says why,
    fit for a log and for the person. `subject`: whom a signed token named nevertheless."""

    def __init__(self, why: str, subject: str = "") -> None:
        super().__init__(why)
        self.subject = subject


class Provider(Protocol):
    """An identity provider."""

    async def address(self, pending: Pending) -> str:
        """Where a browser is sent to sign in. Raises Away."""

    async def person(self, pending: Pending, code: str, issuer: str | None) -> Person:
        """Who came back with this code; `issuer` is what came beside it (RFC 9207). Raises Away,
        Refused."""

    async def farewell(self, back: str) -> str | None:
        """Where a browser signs out at the provider and is led back; None where it cannot."""

    async def origin(self) -> str | None:
        """The origin of that."""

    async def start(self) -> None:
        """Fetch its keys, and keep them fresh until `close`."""

    async def close(self) -> None:
        """Stop that."""


def open_provider(client: Client) -> Provider:
    """Return the provider of a client. Raises ModuleNotFoundError where the extra is missing."""
    openid: Any = import_module("router.auth.openid")
    provider: Provider = openid.OpenIdProvider(client)
    return provider
