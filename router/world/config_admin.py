"""The section of turnout.yaml about the administrators' listener, and who administers."""

from collections.abc import Iterator
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PositiveInt

from policies.language.fields import Duration
from router.auth.grants import LONGEST, Grant
from router.auth.roles import Role
from router.auth.tokens.issuer import DEFAULT_ALGORITHMS, AdminIssuer
from router.world.config_identity import Algorithms, Claim, IssuerSection, Url
from router.world.config_values import (
    Address,
    AdminToken,
    Secret,
    Size,
    host_and_port,
    wrong,
)
from router.world.section import Section

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_MOST_ROWS: Final = 500
_Where = tuple[str | int, ...]


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _role(value: Any) -> Role:
    if isinstance(value, str) and value in set(Role):
        return Role(value)
    raise wrong("is not a role", f"roles: {', '.join(Role)}")


def _origin(value: Any) -> str:
    """An origin as browsers write it: in small letters, without a slash at its end."""
    parts = urlsplit(value) if isinstance(value, str) else urlsplit("")
    plain = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
    local = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not (plain and parts.hostname and (parts.scheme == "https" or local)):
        raise wrong(
            "is not where browsers can reach this safely",
            "write https://turnout-admin.example.com, without a path; http is for this machine",
        )
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _scopes(value: Any) -> Any:
    words = isinstance(value, list) and all(
        isinstance(word, str) and word.isascii() and word.isprintable() and word.split() == [word]
        for word in value
    )
    if not words or "openid" not in value:
        raise wrong("is no list of scopes with openid in it", "write scopes: [openid, profile]")
    return tuple(value)


class GrantSection(Section):
    """A group of the provider, and the role that it gives: everywhere, or in one organization."""

    group: str = Field(min_length=1, max_length=LONGEST)
    role: Annotated[Role, BeforeValidator(_role)]
    organization: str | None = Field(default=None, min_length=1, max_length=128)

    def spec(self) -> Grant:
        """Return the row that it is."""
        return Grant(self.group, self.role, self.organization)


Grants = Annotated[
    tuple[GrantSection, ...],
    BeforeValidator(_as_tuple),
    Field(min_length=1, max_length=_MOST_ROWS),
]


class AdminIssuerSection(Section):
    """An identity provider whose access tokens administer."""

    issuer: Url
    audience: str = Field(min_length=1, max_length=256)
    groups: Claim = "groups"
    roles: Grants
    keys: Url | None = None
    algorithms: Algorithms = DEFAULT_ALGORITHMS

    def spec(self) -> AdminIssuer:
        """Return what reads its tokens goes by."""
        grants = tuple(row.spec() for row in self.roles)
        return AdminIssuer(
            self.issuer, self.audience, self.groups, grants, self.keys or "", self.algorithms
        )


class SignInSection(Section):
    """Where people sign in, by OpenID Connect, and what their groups let them do."""

    issuer: Url
    client_id: str = Field(min_length=1, max_length=256)
    client_secret: Secret | None = None
    scopes: Annotated[tuple[str, ...], BeforeValidator(_scopes)] = ("openid", "profile")
    session: Annotated[Duration, Field(ge=60, le=30 * 86_400)] = 8 * 3600.0
    groups: Claim = "groups"
    roles: Grants
    algorithms: Algorithms = DEFAULT_ALGORITHMS

    def grants(self) -> tuple[Grant, ...]:
        """Return the rows of its roles."""
        return tuple(row.spec() for row in self.roles)


def _once(sections: tuple[AdminIssuerSection, ...]) -> tuple[AdminIssuerSection, ...]:
    if len({each.issuer for each in sections}) != len(sections):
        raise wrong("names an issuer twice", "write each issuer once")
    return sections


class AdminSection(Section):
    """The administrators' own listener."""

    listen: Address = "127.0.0.1:8079"
    token: AdminToken
    body: Size = 100_000
    requests: PositiveInt = 64  # at once
    public_url: Annotated[str, BeforeValidator(_origin)] | None = None
    sign_in: SignInSection | None = None
    tokens: Annotated[
        tuple[AdminIssuerSection, ...], BeforeValidator(_as_tuple), AfterValidator(_once)
    ] = ()

    @property
    def origin(self) -> str:
        """Where browsers reach the listener; empty where nothing says it."""
        if self.public_url is not None:
            return self.public_url
        host, port = host_and_port(self.listen)
        bracketed = f"[{host}]" if ":" in host else host
        return f"http://{bracketed}:{port}" if host in LOOPBACK else ""


def unfit(
    section: AdminSection, others: tuple[IssuerSection, ...]
) -> Iterator[tuple[_Where, str, str]]:
    """Where the section has what cannot be, what that is, and what to write; `others` are issuers
    whose tokens are taken for inference."""
    if section.sign_in is not None and not section.origin:
        told = "people sign in, and nothing says where their browsers reach this"
        yield ("sign_in",), told, "write public_url: https://turnout-admin.example.com"
    clients = set()
    if section.sign_in is not None:
        clients.add((section.sign_in.issuer, section.sign_in.client_id))
    inference = {(each.issuer, each.audience) for each in others}
    for at, each in enumerate(section.tokens):
        pair = (each.issuer, each.audience)
        if pair in inference:
            told = "tokens for inference would administer: `identity` has the same audience"
            yield ("tokens", at, "audience"), told, "write an audience of its own"
        if pair in clients:
            told = "the audience is the client of sign_in, whose ID tokens would administer"
            yield ("tokens", at, "audience"), told, "write an audience of its own"
