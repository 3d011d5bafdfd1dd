"""The section of turnout.yaml about identity providers, whose tokens are taken in place of keys."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field

from router.auth.tokens.issuer import ALGORITHMS, DEFAULT_ALGORITHMS, Issuer
from router.world.config_values import wrong
from router.world.section import Section

_LONGEST: Final = 2_048


def _address(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST or not _is_safe(value):
        raise wrong("is not the address of an identity provider", "write https://id.example.com")
    return value


def _is_safe(address: str) -> bool:
    local = ("http://127.0.0.1", "http://localhost", "http://[::1]")
    return address.startswith("https://") or any(
        address == one or address.startswith((one + ":", one + "/")) for one in local
    )


def _algorithms(value: Any) -> Any:
    if not isinstance(value, list) or not value or not set(map(str, value)) <= set(ALGORITHMS):
        raise wrong("names no algorithm of signatures", f"write some of {', '.join(ALGORITHMS)}")
    return tuple(value)


Claim = Annotated[str, Field(min_length=1, max_length=256)]
Url = Annotated[str, BeforeValidator(_address)]
Algorithms = Annotated[tuple[str, ...], BeforeValidator(_algorithms)]


class IssuerSection(Section):
    """An identity provider: who issues tokens, for whom, and which claims say who asks."""

    issuer: Url
    audience: str = Field(min_length=1, max_length=256)
    organization: Claim
    tier: Claim | None = None
    team: Claim | None = None
    tags: Claim | None = None
    keys: Url | None = None
    algorithms: Algorithms = DEFAULT_ALGORITHMS

    def spec(self) -> Issuer:
        """Return what reads its tokens goes by."""
        return Issuer(
            self.issuer,
            self.audience,
            self.organization,
            self.tier or "",
            self.team or "",
            self.tags or "",
            self.keys or "",
            self.algorithms,
        )


def _once(sections: tuple[IssuerSection, ...]) -> tuple[IssuerSection, ...]:
    if len({each.issuer for each in sections}) != len(sections):
        raise wrong("names an issuer twice", "write each issuer once")
    return sections


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


Issuers = Annotated[tuple[IssuerSection, ...], BeforeValidator(_as_tuple), AfterValidator(_once)]
