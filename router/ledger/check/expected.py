"""Which scopes a ledger should have, and the calendar limits of each: from the books outwards.

Every customer of the stored usage counts at the levels of its rows, by the limits of their tiers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from router.ledger.check.history import LimitHistory, limit_name
from router.ledger.keys import ScopeName, Shard, scope, scope_name, shard_of
from router.ledger.quotas.compiled_quotas import LEVEL_NAMES, place_of, window_of
from router.ledger.quotas.dimensions import DIMENSIONS, LEVELS, Quota, QuotaDimension

Tiers = Mapping[str, Iterable[Quota]]
# The time zone and billing day that an organization has of its own; None: the tier's.
Calendars = Mapping[str, tuple[str | None, int | None]]
TIERS_ALONE: Final[Calendars] = MappingProxyType({})
_LEVELS: Final = {level[0]: level for level in LEVELS}


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose use is counted: `name` is None for an organization as a whole."""

    level: str
    organization: str
    name: str | None = None

    @property
    def column(self) -> str | None:
        """The column of stored usage that keeps its name."""
        return LEVEL_NAMES.get(self.level)


@dataclass(frozen=True, slots=True)
class ExpectedLimit:
    """A calendar limit by which a scope counts; `quota` is None where no tier has it today."""

    row: QuotaDimension
    quota: Quota | None = None

    def window(self, now_ms: int) -> tuple[int, int]:
        """The window that holds an instant."""
        if self.quota is None or self.row.period is None:
            return 0, 0
        window = window_of(self.quota.options, self.row.period, now_ms)
        return window.start, window.end


@dataclass(slots=True)
class ExpectedScope:
    """A scope that the books know, and its limits by their places."""

    scope: Scope
    limits: dict[str, ExpectedLimit] = field(default_factory=dict)


def expected_scopes(
    customers: Iterable[Mapping[str, Any]],
    tiers: Tiers,
    history: LimitHistory,
    shards: list[Shard],
    calendars: Calendars = TIERS_ALONE,
) -> dict[int, dict[str, ExpectedScope]]:
    """The scopes of customers by virtual shard and key; `calendars` are those that organizations
    have in the place of their tier's."""
    found: dict[int, dict[str, ExpectedScope]] = {shard.number: {} for shard in shards}
    limits: dict[tuple[Any, Any], dict[str, dict[str, ExpectedLimit]]] = {}
    for customer in customers:
        organization = str(customer["organization"])
        home = shards[shard_of(organization, len(shards))]
        which = customer["tier"], calendars.get(organization)
        if which not in limits:
            limits[which] = _limits(which[0], tiers, history, which[1])
        for level, by_place in limits[which].items():
            name = customer[LEVEL_NAMES[level]] if level in LEVEL_NAMES else None
            if level in LEVEL_NAMES and name is None:
                continue
            key = home.scopes + scope(level, organization, name)
            known = found[home.number].setdefault(
                key, ExpectedScope(Scope(level, organization, name))
            )
            for place, limit in by_place.items():
                if known.limits.get(place, limit).quota is None or place not in known.limits:
                    known.limits[place] = limit
    return found


def _limits(
    tier: str | None,
    tiers: Tiers,
    history: LimitHistory,
    own: tuple[str | None, int | None] | None,
) -> dict[str, dict[str, ExpectedLimit]]:
    """The calendar limits of a tier by level and place: today's, then those of some gateway."""
    today = {limit_name(quota): _dated(quota, own) for quota in tiers.get(tier or "", ())}
    found: dict[str, dict[str, ExpectedLimit]] = {}
    for name in sorted(history.names(tier)):
        level, _, dimension = name.partition(".")
        row = DIMENSIONS.get(dimension)
        if row is None or row.period is None or level not in LEVELS:
            continue
        quota = today.get(name)
        place = f"C{row.field}" if quota is None else place_of(quota)
        found.setdefault(level, {})[place] = ExpectedLimit(row, quota)
    return found


def _dated(quota: Quota, own: tuple[str | None, int | None] | None) -> Quota:
    """The quota by an organization's own calendar."""
    if own is None:
        return quota
    options = quota.options
    zone, day = own[0] or options.timezone, own[1] or options.billing_day
    return replace(quota, options=replace(options, timezone=zone, billing_day=day))


def scope_of(key: str) -> Scope | None:
    """The scope that a key names; None where it names it by a hash."""
    name: ScopeName = scope_name(key)
    if name.is_hashed or name.level not in _LEVELS:
        return None
    return Scope(_LEVELS[name.level], name.organization, name.name)
