"""Limits of customers: read as those of a tier are, and checked against the policy in force."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

from pydantic import ValidationError

from policies.language.limits import LEVELS, LIMITS, LimitsDoc, RateDoc, plain_limits
from policies.money import PICO_PER_NANO
from router.customers.errors import Invalid
from router.customers.rules import TierRules

# What the ledger counts exactly (its scripts count in doubles); a bucket counts in milliseconds.
_MOST: Final = 9 * 10**15
_MOST_OF_A_BUCKET: Final = _MOST // 60_000
# By what a document is called in which of its parts, for whom.
Levels = Mapping[str, str]  # the level of each part; "" is the document itself
_ABOVE: Final[Levels] = MappingProxyType(
    {"": "organization"} | {key: level for level, key in LEVELS.items()}
)
PARTS: Final[Mapping[str, Levels]] = MappingProxyType(
    {"organization": _ABOVE, "team": {"": "team", "per_key": "key"}, "key": {"": "key"}}
)
Plain = dict[str, dict[str, Any]]


class Limited(Protocol):
    """A tier of the policy in force. All else that a policy says is not imported here: commands
    that are given a limit must start in a moment (ADR 168)."""

    @property
    def limits(self) -> Mapping[str, Mapping[str, Any]]:
        """Level -> dimension -> value."""


class OfOrganization(LimitsDoc):
    """Limits of an organization, and of each key, user, team and model of it."""

    per_key: LimitsDoc | None = None
    per_user: LimitsDoc | None = None
    per_team: LimitsDoc | None = None
    per_model: LimitsDoc | None = None


class OfTeam(LimitsDoc):
    """Limits of a team, and of each of its keys."""

    per_key: LimitsDoc | None = None


_DOCUMENTS: Final[Mapping[str, type[LimitsDoc]]] = MappingProxyType(
    {"organization": OfOrganization, "team": OfTeam, "key": LimitsDoc}
)


class PolicyRules(TierRules):
    """The policy in force: `tiers` returns its tiers whenever it is asked."""

    def __init__(self, tiers: Callable[[], Mapping[str, Limited]]) -> None:
        super().__init__(tiers)
        self._in_force = tiers

    def limits(self, level: str, value: Any, field: str = "limits") -> dict[str, Any]:
        """Return limits of an organization, team or key as they are stored: as they were given."""
        document = _read(level, value, field)
        for part, of in _parts(level, document):
            place = field if not part else f"{field}.{part}"
            _check(level, of, place)
        return dict(value)

    def prepaid(self, tier: str, limits: Mapping[str, Any]) -> bool | None:
        """Return whether a customer pays beforehand; None where its tier is not known."""
        if "prepaid_usd" in limits:
            return bool(limits["prepaid_usd"])
        of = self._in_force().get(tier)
        if of is None:
            return None if tier else False
        return bool(of.limits.get("organization", {}).get("prepaid_usd"))


def read_limits(level: str, value: Mapping[str, Any]) -> Plain:
    """What stored limits set, as a policy's tier has it: level -> dimension -> value; None where a
    limit is taken away. Raises Invalid where this version cannot read them."""
    document, levels = _read(level, value, "limits"), PARTS[level]
    limits = {
        levels[part]: {name: None for name in of.model_fields_set if name in LIMITS}
        | plain_limits(of)
        for part, of in _parts(level, document)
    }
    return {level: of for level, of in limits.items() if of}


def _read(level: str, value: Any, field: str) -> LimitsDoc:
    if not isinstance(value, Mapping):
        raise Invalid(field, "must be limits, as a tier of the policy has them")
    try:
        return _DOCUMENTS[level].model_validate(dict(value))
    except ValidationError as error:
        raise _invalid(error, value, field) from None


def _invalid(error: ValidationError, value: Any, field: str) -> Invalid:
    """What is wrong first, at its place in what was given."""
    detail = error.errors(include_url=False, include_context=False)[0]
    path, at = [field], value
    for part in detail["loc"]:
        if detail["type"] != "extra_forbidden" and not (isinstance(at, Mapping) and part in at):
            continue  # pydantic's name of a member of a union
        path.append(str(part))
        at = at.get(part) if isinstance(at, Mapping) else None
    if detail["type"] == "extra_forbidden":
        return Invalid(".".join(path), f"is no limit; these are: {', '.join(LIMITS)}")
    return Invalid(".".join(path), detail["msg"].replace("Input should be", "must be"))


def _parts(level: str, document: LimitsDoc) -> Iterator[tuple[str, LimitsDoc]]:
    """A document and its parts, by the names of the parts."""
    for part in PARTS[level]:
        of = document if not part else getattr(document, part)
        if of is not None:
            yield part, of


def _check(level: str, of: LimitsDoc, field: str) -> None:
    """Raise Invalid for what the ledger cannot keep."""
    if of.prepaid_usd and (level != "organization" or field != "limits"):
        raise Invalid(f"{field}.prepaid_usd", "is of an organization as a whole; leave it out")
    for name, row in LIMITS.items():
        value = getattr(of, name)
        if isinstance(value, RateDoc) and max(value.limit, value.burst) > _MOST_OF_A_BUCKET:
            raise Invalid(f"{field}.{name}", f"is above {_MOST_OF_A_BUCKET}: nobody counts so far")
        if row.measure == "usd" and type(value) is int and value // PICO_PER_NANO > _MOST:
            raise Invalid(f"{field}.{name}", "is above 9000000 USD: nobody counts so far")
