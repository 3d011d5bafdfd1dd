"""What a tier, or a customer's own terms in its place, comes to: quotas, priority, what is kept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from policies.language.limits import RUN, lowered
from policies.language.tiers import USUAL_RUNS, Exhausted, Runs, Tier, whole_purse
from router.backends.health.slots import Priority
from router.domain import RUN_AT_MOST, Terms
from router.ledger.quotas.dimensions import DIMENSIONS, EXHAUSTED, Options, Quota, quotas

_RANKS: Final[Mapping[str, int]] = MappingProxyType({"high": 0, "normal": 1, "low": 2})
_BEYOND: Final = f" ({EXHAUSTED})"


@dataclass(frozen=True, slots=True)
class Standing:
    """A tier's quotas at the ledger, and its priority in a backend's queue.

    `lasting` are those of a batch: by the day, the month, or a balance. How many requests run at
    once, or in a minute, is the provider's affair in a batch. `require`: what each request must
    say.
    """

    quotas: tuple[Quota, ...]
    lasting: tuple[Quota, ...]
    outage_share: float
    prepaid: bool
    priority: Priority
    require: frozenset[str] = frozenset()
    exhausted: Exhausted | None = None  # what becomes of what the quotas refuse
    runs: Runs | None = None  # how runs of agents are known, where they are counted


def exhausted_name(tier: str) -> str:
    """What a tier is called in usage and ledger for what it is served beyond its budgets: no tier
    of a policy can be called so."""
    return tier + _BEYOND


def tier_named(name: str) -> str:
    """Return the tier of the policy that usage and ledger mean by a name."""
    return name.removesuffix(_BEYOND)


def standing_of_tier(tier: Tier, limits: tuple[Quota, ...]) -> Standing:
    """The standing of a tier with these quotas."""
    return Standing(
        limits,
        tuple([each for each in limits if _lasts(each)]),
        tier.outage_share or 0.0,
        any(level.get("prepaid_usd") for level in tier.limits.values()),
        Priority(_RANKS[tier.priority], tier.name),
        tier.require,
        tier.exhausted,
        tier.runs,
    )


def standings_of(
    tiers: Mapping[str, Tier], limits: Mapping[str, tuple[Quota, ...]]
) -> dict[str, Standing]:
    """The standing of every tier, and of each that is served beyond its budgets."""
    standings = {name: standing_of_tier(tier, limits.get(name, ())) for name, tier in tiers.items()}
    for name, standing in list(standings.items()):
        beyond = exhausted_name(name)
        if beyond in limits:
            standings[beyond] = _beyond_budgets(standing, limits[beyond])
    return standings


def _beyond_budgets(standing: Standing, limits: tuple[Quota, ...]) -> Standing:
    kept = tuple([each for each in limits if _lasts(each)])
    return replace(standing, quotas=limits, lasting=kept, prepaid=False, exhausted=None)


def _lasts(quota: Quota) -> bool:
    row = DIMENSIONS[quota.dimension]
    return row.period is not None or row.algorithm == "P"


def quotas_of_tier(tier: Tier, timezone: str) -> dict[str, tuple[Quota, ...]]:
    """The quotas of a tier by its name, and beyond its budgets by `exhausted_name`; `timezone` is
    the policy's. Raises QuotaError."""
    limits = {tier.name: tier.limits}
    if tier.exhausted is not None and tier.exhausted.downgrade is not None:
        limits[exhausted_name(tier.name)] = _limits_beyond(tier, tier.exhausted)
    calendar = Options(
        timezone=tier.timezone or timezone,
        billing_day=tier.billing_day,
        billing_month=tier.billing_month,
    )
    return {name: quotas(of, calendar) for name, of in limits.items()}


def _limits_beyond(tier: Tier, exhausted: Exhausted) -> dict[str, Mapping[str, Any]]:
    """The limits of what a tier is served beyond its budgets: those that are none, and its own."""
    rates = {
        level: {name: of for name, of in limits.items() if DIMENSIONS[name].period is None}
        for level, limits in tier.limits.items()
    }
    return rates | {EXHAUSTED: exhausted.limits}


def with_terms(tier: Tier, terms: Terms) -> Tier:
    """The tier with a customer's terms in the place of its own; what they take away is gone."""
    limits: dict[str, dict[str, Any]] = {}
    for level in dict.fromkeys((*tier.limits, *terms.limits)):
        of = {**tier.limits.get(level, {}), **terms.limits.get(level, {})}
        limits[level] = {k: v for k, v in of.items() if v is not None and v is not False}
    at_most, runs = limits.pop(RUN_AT_MOST, {}), tier.runs
    if at_most or RUN in limits:
        limits[RUN] = whole_purse(lowered(limits.get(RUN, {}), at_most))
        runs = runs or USUAL_RUNS
    return replace(
        tier,
        runs=runs,
        limits={level: of for level, of in limits.items() if of},
        timezone=terms.timezone or tier.timezone,
        billing_day=terms.billing_day or tier.billing_day,
    )


def standing_by_terms(name: str, tier: Tier, terms: Terms, timezone: str) -> Standing:
    """The standing of a customer by its own terms; `name` is what the tier is called, beyond its
    budgets perhaps. Raises QuotaError."""
    own = with_terms(tier, terms)
    by_name = quotas_of_tier(own, timezone)
    standing = standing_of_tier(own, by_name[own.name])
    return standing if name == own.name else _beyond_budgets(standing, by_name[name])
