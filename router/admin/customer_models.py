"""Documents of customers: what is sent, and what is answered."""

import re
from typing import Annotated, Any, Final, Self

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    model_validator,
)

from policies.language.limits import LimitsDoc, PurseDoc
from router.admin.models import Given, Instant, Money, Name, Told

_SPAN: Final = r"^([0-9]{1,6})(ms|s|m|h|d)$"
_UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
Tags = Annotated[list[Name], Field(max_length=50)]
Names = Annotated[list[Name], Field(max_length=200)]
# A tier of the policy, "" where the policy has none, or (of a key) for the organization's.
TierName = Annotated[str, Field(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")]
BillingDay = Annotated[int, Field(ge=1, le=28)]
Why = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]


class KeyLimits(LimitsDoc):
    """Limits of a key, as a tier of a policy has them; what is left out stays the tier's, and null
    takes a limit away. `per_run` lowers what each run of an agent may use."""

    per_run: PurseDoc | None = None
    _given: dict[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _keep(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        made = handler(value)
        if isinstance(value, dict):
            made._given.update(value)  # noqa: SLF001 # our own
        return made

    @property
    def given(self) -> dict[str, Any]:
        """The limits as they were written: what is stored."""
        return self._given


class TeamLimits(KeyLimits):
    """Limits of a team, and of each of its keys."""

    per_key: LimitsDoc | None = None


class Limits(TeamLimits):
    """Limits of an organization, and of each key, user, team, model and run of it. Its `per_run`
    stands in the place of the tier's."""

    per_user: LimitsDoc | None = None
    per_team: LimitsDoc | None = None
    per_model: LimitsDoc | None = None


class NewOrganization(Given):
    """A customer to make. `timezone` and `billing_day` are the tier's where they are left out."""

    organization: Name
    tier: TierName = ""
    timezone: Name | None = None
    billing_day: BillingDay | None = None
    tags: Tags = Field(default_factory=list)
    limits: Limits | None = None


class OrganizationChange(Given):
    """What of a customer to change: what is left out stays. `limits` take the place of all
    overrides; null takes them away."""

    tier: TierName | None = None
    timezone: Name | None = None
    billing_day: BillingDay | None = None
    tags: Tags | None = None
    limits: Limits | None = None


class Raise(Told):
    """Limits that hold until a moment; then what held before comes back by itself."""

    id: str
    limits: dict[str, Any]
    until: str


class Suspended(Told):
    """Since when a customer is not served, and why."""

    at: str
    why: str


class Organization(Told):
    """A customer."""

    organization: str
    tier: str
    timezone: str | None
    billing_day: int | None
    tags: list[str]
    limits: dict[str, Any]
    raised: list[Raise]
    suspended: Suspended | None
    created_at: str
    updated_at: str


class Suspension(Given):
    """Why a customer is suspended: shown to whoever asks with its keys."""

    why: Why = ""


class NewRaise(Given):
    """Limits to raise for a while. Until then they stand in the place of the tier's and of the
    customer's own."""

    limits: Limits
    until: Instant


class NewTeam(Given):
    """A team to make, perhaps within another one of the same customer."""

    team: Name
    parent: Name | None = None
    tags: Tags = Field(default_factory=list)
    limits: TeamLimits | None = None


class TeamChange(Given):
    """What of a team to change: what is left out stays; a `parent` of null makes it a top one."""

    parent: Name | None = None
    tags: Tags | None = None
    limits: TeamLimits | None = None


class Team(Told):
    """A team of a customer."""

    organization: str
    team: str
    parent: str | None
    tags: list[str]
    limits: dict[str, Any]
    created_at: str
    updated_at: str


class NewKey(Given):
    """A key to make. `tier` is the customer's where it is left out; `routes` and `models` are all
    that the tier may use where they are null."""

    name: Name | None = None
    team: Name | None = None
    tier: TierName = ""
    tags: Tags = Field(default_factory=list)
    expires_at: Instant | None = None
    routes: Names | None = None
    models: Names | None = None
    limits: KeyLimits | None = None


class KeyChange(Given):
    """What of a key to change: what is left out stays."""

    name: Name | None = None
    team: Name | None = None
    tier: TierName | None = None
    tags: Tags | None = None
    expires_at: Instant | None = None
    routes: Names | None = None
    models: Names | None = None
    limits: KeyLimits | None = None


class Key(Told):
    """A key, without the key itself."""

    key_id: str
    organization: str
    name: str | None
    team: str | None
    tier: str
    tags: list[str]
    expires_at: str | None
    routes: list[str] | None
    models: list[str] | None
    limits: dict[str, Any]
    replaced_by: str | None
    last_used_at: str | None
    created_at: str
    created_by: str | None
    revoked_at: str | None


class CreatedKey(Key):
    """A fresh key. `key` is shown here and never again."""

    key: str


class Rotation(Given):
    """How long the old key works beside the new one: `90s`, `24h`, `7d`; `0s`: not at all."""

    overlap: Annotated[str, Field(pattern=_SPAN, examples=["24h"])] = "1h"

    @property
    def overlap_ms(self) -> int:
        """The same in milliseconds."""
        (found,) = re.findall(_SPAN, self.overlap)
        return int(found[0]) * _UNITS[found[1]]


class NewCredit(Given):
    """USD to add to a prepaid balance; negative takes back. The same `id` adds once."""

    id: Name
    amount: Money
    note: Why = ""


class Credit(Told):
    """An amount that was added to a balance."""

    id: str
    organization: str
    amount: str
    at: str
    by: str
    note: str


class Balance(Told):
    """A prepaid balance, in USD: what was granted, what was used, what running requests hold."""

    organization: str
    granted: str
    used: str
    held: str
    left: str


class CreditAdded(Told):
    """A credit and the balance with it. `new` is false where this id was added before."""

    credit: Credit
    balance: Balance
    new: bool
