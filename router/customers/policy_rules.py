"""Limits of customers: read as those of a tier are, and checked against the policy in force."""

from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

from pydantic import ValidationError

from policies.language.fields import Strict
from policies.language.limits import (
    LEVELS,
    LIMITS,
    RUN,
    RUN_LIMITS,
    LimitsDoc,
    PurseDoc,
    RateDoc,
    plain_limits,
    plain_purse,
)
from policies.money import PICO_PER_NANO
from router.customers.errors import Invalid
from router.customers.rules import TierRules
from router.domain import RUN_AT_MOST

# What the ledger counts exactly (its scripts count in doubles); a bucket counts in milliseconds.
_MOST: Final = 9 * 10**15
_MOST_OF_A_BUCKET: Final = _MOST // 60_000
# By what a document is called in which of its parts, for whom.
Levels = Mapping[str, str]  # the level of each part; "" is the document itself
_ABOVE: Final[Levels] = MappingProxyType(
    {"": "organization", "per_run": RUN} | {key: level for level, key in LEVELS.items()}
)
PARTS: Final[Mapping[str, Levels]] = MappingProxyType(
    {
        "organization": _ABOVE,
        "team": {"": "team", "per_key": "key", "per_run": RUN_AT_MOST},
        "key": {"": "key", "per_run": RUN_AT_MOST},
    }
)
Plain = dict[str, dict[str, Any]]


class Limited(Protocol):
    """A tier of the policy in force. All else that a policy says is not imported here: commands
    that are given a limit must start in a moment (ADR 168)."""

    @property
    def limits(self) -> Mapping[str, Mapping[str, Any]]:
        """Level -> dimension -> value."""


class OfKey(LimitsDoc):
    """Limits of a key, and of each run of an agent that asks with it."""

    per_run: PurseDoc | None = None


class OfOrganization(OfKey):
    """Limits of an organization, and of each key, user, team, model and run of it."""

    per_key: LimitsDoc | None = None
    per_user: LimitsDoc | None = None
    per_team: LimitsDoc | None = None
    per_model: LimitsDoc | None = None


class OfTeam(OfKey):
    """Limits of a team, and of each of its keys and runs."""

    per_key: LimitsDoc | None = None


_DOCUMENTS: Final[Mapping[str, type[LimitsDoc]]] = MappingProxyType(
    {"organization": OfOrganization, "team": OfTeam, "key": OfKey}
)


class PolicyRules(TierRules):
    """The policy in force: `tiers` returns its tiers whenever it is asked, `routes` the names of
    its routes, or None where nobody knows them."""

    def __init__(
        self,
        tiers: Callable[[], Mapping[str, Limited]],
        routes: Callable[[], Collection[str] | None] = lambda: None,
    ) -> None:
        super().__init__(tiers, routes)
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
    limits = {levels[part]: _plain(of) for part, of in _parts(level, document)}
    return {level: of for level, of in limits.items() if of}


def _plain(of: Strict) -> dict[str, Any]:
    if isinstance(of, PurseDoc):
        return dict.fromkeys(of.model_fields_set) | plain_purse(of)
    assert isinstance(of, LimitsDoc)  # noqa: S101  # there is nothing else
    return {name: None for name in of.model_fields_set if name in LIMITS} | plain_limits(of)


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
        known = PurseDoc.model_fields if path[-2:-1] == ["per_run"] else LIMITS
        return Invalid(".".join(path), f"is no limit; these are: {', '.join(known)}")
    return Invalid(".".join(path), detail["msg"].replace("Input should be", "must be"))


def _parts(level: str, document: LimitsDoc) -> Iterator[tuple[str, Strict]]:
    """A document and its parts, by the names of the parts."""
    for part in PARTS[level]:
        of = document if not part else getattr(document, part)
        if of is not None:
            yield part, of


def _check(level: str, of: Strict, field: str) -> None:
    """Raise Invalid for what the ledger cannot keep, or what would not hold."""
    if isinstance(of, PurseDoc):
        _check_purse(level, of, field)
    elif isinstance(of, LimitsDoc):
        _check_limits(level, of, field)


def _check_purse(level: str, of: PurseDoc, field: str) -> None:
    for name in of.model_fields_set:
        value = getattr(of, name)
        if value is None and level != "organization":
            raise Invalid(
                f"{field}.{name}", "what a run may use is only lowered here; leave it out"
            )
        if value is not None and name in RUN_LIMITS and RUN_LIMITS[name].measure == "usd":
            _check_money(value, f"{field}.{name}")


def _check_money(value: int, field: str) -> None:
    if value // PICO_PER_NANO > _MOST:
        raise Invalid(field, "is above 9000000 USD: nobody counts so far")


def _check_limits(level: str, of: LimitsDoc, field: str) -> None:
    if of.prepaid_usd and (level != "organization" or field != "limits"):
        raise Invalid(f"{field}.prepaid_usd", "is of an organization as a whole; leave it out")
    for name, row in LIMITS.items():
        value = getattr(of, name)
        if isinstance(value, RateDoc) and max(value.limit, value.burst) > _MOST_OF_A_BUCKET:
            raise Invalid(f"{field}.{name}", f"is above {_MOST_OF_A_BUCKET}: nobody counts so far")
        if row.measure == "usd" and type(value) is int:
            _check_money(value, f"{field}.{name}")
