"""Rows of customers as the rest of the house sees them. Instants are milliseconds of Unix time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

CalendarWords = tuple[str | None, int | None]  # a time zone, a billing day; None: the tier's
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Raise:
    """Limits that hold until an instant. `id` names it where it is ended before."""

    id: str
    limits: Mapping[str, Any]
    until: int


@dataclass(frozen=True, slots=True)
class StoredOrganization:
    """A customer. `timezone` and `billing_day` are None where the tier's hold; `limits` has the
    shape of a tier's: what it sets stands in the place of the tier's, null takes a limit away."""

    organization: str
    tier: str
    timezone: str | None = None
    billing_day: int | None = None
    tags: tuple[str, ...] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)
    raised: tuple[Raise, ...] = ()
    suspended_at: int | None = None
    suspended_why: str | None = None
    created_at: int = 0
    updated_at: int = 0
    version: int = 1

    @property
    def calendar(self) -> CalendarWords | None:
        """Its time zone and billing day, where it has any of its own."""
        if self.timezone is None and self.billing_day is None:
            return None
        return self.timezone, self.billing_day


@dataclass(frozen=True, slots=True)
class StoredTeam:
    """A team of an organization. What its parents set holds for it, too, where it says nothing."""

    organization: str
    team: str
    parent: str | None = None
    tags: tuple[str, ...] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)
    created_at: int = 0
    updated_at: int = 0
    version: int = 1


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key, without the key itself. `tier` is empty where it is the organization's, `routes` and
    `models` are None where the key may use all that the tier may."""

    key_id: str
    organization: str
    tier: str = ""
    team: str | None = None
    name: str | None = None
    tags: tuple[str, ...] = ()
    expires_at: int | None = None
    routes: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    replaced_by: str | None = None
    last_used_at: int | None = None
    created_at: int = 0
    created_by: str | None = None
    revoked_at: int | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class StoredCredit:
    """An amount, in nano-USD, that was added to a prepaid balance (or taken back)."""

    id: str
    organization: str
    amount_nano: int
    at: int
    by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """A credential of an organization's own for a backend, without the credential itself.

    `fingerprint` tells two of one organization apart and nothing of either. `fallback`: where it is
    refused or used up, the operator's is used. `refused_why` is how a provider refused it last.
    """

    organization: str
    backend: str
    fingerprint: str
    fallback: bool = False
    created_at: int = 0
    updated_at: int = 0
    updated_by: str = ""
    last_used_at: int | None = None
    refused_at: int | None = None
    refused_why: str | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class SealedCredential:
    """The same as gateways read it: `sealed` is what the vault opens."""

    backend: str
    sealed: bytes = field(repr=False)
    fallback: bool = False
    version: int = 1


def credential_of(row: Any) -> StoredCredential:
    """The credential of a row."""
    return StoredCredential(
        row.organization,
        row.backend,
        row.fingerprint,
        row.fallback,
        row.created_at,
        row.updated_at,
        row.updated_by,
        row.last_used_at,
        row.refused_at,
        row.refused_why,
        row.version,
    )


def organization_of(row: Any) -> StoredOrganization:
    """The customer of a row."""
    raised = tuple(Raise(each["id"], each["limits"], each["until"]) for each in row.raised or ())
    return StoredOrganization(
        row.organization,
        row.tier,
        row.timezone,
        row.billing_day,
        tuple(row.tags or ()),
        row.limits or {},
        raised,
        row.suspended_at,
        row.suspended_why,
        row.created_at,
        row.updated_at,
        row.version,
    )


def team_of(row: Any) -> StoredTeam:
    """The team of a row."""
    return StoredTeam(
        row.organization,
        row.team,
        row.parent,
        tuple(row.tags or ()),
        row.limits or {},
        row.created_at,
        row.updated_at,
        row.version,
    )


def key_of(row: Any) -> StoredKey:
    """The key of a row."""
    return StoredKey(
        row.key_id,
        row.organization,
        row.tier,
        row.team,
        row.name,
        tuple(row.tags or ()),
        row.expires_at,
        None if row.routes is None else tuple(row.routes),
        None if row.models is None else tuple(row.models),
        row.limits or {},
        row.replaced_by,
        row.last_used_at,
        _ms(row.created_at) or 0,
        row.created_by,
        _ms(row.revoked_at),
        row.version,
    )


def time_of(ms: int) -> datetime:
    """An instant as the oldest columns have it: a time in UTC that does not say so."""
    return (_EPOCH + ms * _MS).replace(tzinfo=None)


def _ms(time: datetime | None) -> int | None:
    return None if time is None else (time.replace(tzinfo=UTC) - _EPOCH) // _MS
