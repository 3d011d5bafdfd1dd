"""One immutable, compiled world: policy, backends, prices and quotas that fit each other.

A request takes the snapshot once and keeps it to its end; a reload swaps the reference. Every
check across documents happens here, so what compiles can serve.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from policies.findings import DocumentError, Finding
from policies.language.crosscheck import BackendFacts
from policies.language.tiers import Exhausted, Runs, Tier
from policies.policy import Needs, Policy
from router.backends.backend import Backend
from router.backends.health.slots import Priority
from router.ledger.estimate import Way
from router.ledger.quotas.dimensions import (
    DIMENSIONS,
    EXHAUSTED,
    Options,
    Quota,
    QuotaError,
    quotas,
)
from router.operations.declared import NO_PATHS, DeclaredPaths
from router.prices.book import PriceBook
from router.world.baseline import Baseline, baseline_of
from router.world.config import Config
from router.world.config_load import LoadedConfig
from router.world.declared import unrouted

_RANKS: Final[Mapping[str, int]] = MappingProxyType({"high": 0, "normal": 1, "low": 2})
_BEYOND: Final = f" ({EXHAUSTED})"
NOTHING: Final = Needs(classifier=False, pii=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """A tier's quotas at the ledger, and its priority in a backend's queue.

    `lasting` are those of a batch: by the day, the month, or a balance. How many requests run at
    once, or in a minute, is the provider's affair in a batch. `names_users`: each request must say
    which end user it is for.
    """

    quotas: tuple[Quota, ...]
    lasting: tuple[Quota, ...]
    outage_share: float
    prepaid: bool
    priority: Priority
    names_users: bool = False
    exhausted: Exhausted | None = None  # what becomes of what the quotas refuse
    runs: Runs | None = None  # how runs of agents are known, where they are counted


def exhausted_name(tier: str) -> str:
    """What a tier is called in usage and ledger for what it is served beyond its budgets: no tier
    of a policy can be called so."""
    return tier + _BEYOND


def tier_named(name: str) -> str:
    """Return the tier of the policy that usage and ledger mean by a name."""
    return name.removesuffix(_BEYOND)


def _standing(tier: Tier, limits: tuple[Quota, ...]) -> Standing:
    return Standing(
        limits,
        tuple([each for each in limits if _lasts(each)]),
        tier.outage_share or 0.0,
        any(level.get("prepaid_usd") for level in tier.limits.values()),
        Priority(_RANKS[tier.priority], tier.name),
        "user" in tier.require,
        tier.exhausted,
        tier.runs,
    )


def _standings(
    tiers: Mapping[str, Tier], limits: Mapping[str, tuple[Quota, ...]]
) -> dict[str, Standing]:
    """The standing of every tier, and of each that is served beyond its budgets."""
    standings = {name: _standing(tier, limits.get(name, ())) for name, tier in tiers.items()}
    for name, standing in list(standings.items()):
        beyond = exhausted_name(name)
        if beyond in limits:
            kept = tuple([each for each in limits[beyond] if _lasts(each)])
            standings[beyond] = replace(
                standing, quotas=limits[beyond], lasting=kept, prepaid=False, exhausted=None
            )
    return standings


def _lasts(quota: Quota) -> bool:
    return DIMENSIONS[quota.dimension].period is not None


_OPEN: Final = _standing(Tier(""), ())


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a request is decided by."""

    policy: Policy
    backends: Mapping[str, Backend]
    prices: PriceBook
    batch_prices: PriceBook
    quotas: Mapping[str, tuple[Quota, ...]]
    standings: Mapping[str, Standing]
    expected_output: Mapping[str, int]
    estimate: Way
    needs_of: Mapping[str, Needs]  # by what a client may put in `model`
    baseline: Baseline
    declared: DeclaredPaths = NO_PATHS
    thinks: bool = False  # whether the operator said of some backend what it thinks unseen

    def standing(self, tier: str) -> Standing:
        """Return a tier's standing; that of no tier where the policy has none at all."""
        return self.standings.get(tier, _OPEN)

    def needs(self, model: str) -> Needs:
        """Return what must be known before the policy can decide on `model`."""
        return self.needs_of.get(model, NOTHING)


def _with_shares(backend: Backend, tiers: Mapping[str, Tier]) -> Backend:
    """Return the backend with the shares of its slots that tiers are guaranteed."""
    if backend.capacity is None:
        return backend
    shares = {
        tier.name: tier.guaranteed_share[backend.name]
        for tier in tiers.values()
        if backend.name in tier.guaranteed_share
    }
    capacity = replace(backend.capacity, guaranteed=MappingProxyType(shares))
    return replace(backend, capacity=capacity)


def backend_facts(config: Config) -> dict[str, BackendFacts]:
    """Return what a policy may be checked against."""
    return {
        name: BackendFacts(
            scored=section.ability is not None,
            bounded=section.capacity is not None,
            simulated=section.simulated,
        )
        for name, section in config.backends.items()
    }


def compile_snapshot(loaded: LoadedConfig, policy: Policy) -> Snapshot:
    """Return the world of these documents. Raises DocumentError with every finding."""
    config = loaded.config
    findings = [f for f in policy.check(backend_facts(config)) if f.severity == "error"]
    limits, quota_findings = tier_quotas(policy)
    unrouted_findings = [
        loaded.source.finding(("operations", *where), message, hint, rule="operation")
        for where, message, hint in unrouted(loaded.declared, loaded.backends, policy)
    ]
    if findings or quota_findings or unrouted_findings:
        raise DocumentError(loaded.values.hide([*findings, *quota_findings, *unrouted_findings]))
    return Snapshot(
        policy=policy,
        backends=MappingProxyType(
            {name: _with_shares(each, policy.tiers) for name, each in loaded.backends.items()}
        ),
        prices=loaded.prices,
        batch_prices=loaded.batch_prices,
        quotas=limits,
        standings=MappingProxyType(_standings(policy.tiers, limits)),
        expected_output=MappingProxyType(
            {name: section.expected_output_tokens for name, section in config.backends.items()}
        ),
        estimate=config.estimate,
        needs_of=MappingProxyType(_needs(policy)),
        baseline=Baseline.named(loaded, baseline_of(loaded)),
        declared=loaded.declared,
        thinks=any(each.expected_reasoning_tokens for each in loaded.backends.values()),
    )


def _needs(policy: Policy) -> dict[str, Needs]:
    """Return the needs of every name: first a route's, then an alias's, then a backend's."""
    of = {route: policy.needs(route) for route in (*policy.backends, *policy.routes)}
    return of | {
        name: of[a.route] for name, a in policy.aliases.items() if name not in policy.routes
    }


def tier_quotas(policy: Policy) -> tuple[Mapping[str, tuple[Quota, ...]], list[Finding]]:
    """Return the quotas of each tier, and of each beyond its budgets (`exhausted_name`), and a
    finding for each limit that the ledger cannot keep."""
    tiers: dict[str, tuple[Quota, ...]] = {}
    findings = []
    for name, tier in policy.tiers.items():
        limits = {name: tier.limits}
        if tier.exhausted is not None and tier.exhausted.downgrade is not None:
            limits[exhausted_name(name)] = _beyond(tier, tier.exhausted)
        try:
            for each, of in limits.items():
                tiers[each] = quotas(of, _calendar(tier, policy))
        except QuotaError as error:
            findings.append(policy.source.finding(("tiers", name), str(error), rule="quota"))
    return MappingProxyType(tiers), findings


def _calendar(tier: Tier, policy: Policy) -> Options:
    """Where and when the windows of a tier begin."""
    return Options(
        timezone=tier.timezone or policy.timezone,
        billing_day=tier.billing_day,
        billing_month=tier.billing_month,
    )


def _beyond(tier: Tier, exhausted: Exhausted) -> dict[str, Mapping[str, Any]]:
    """The limits of what a tier is served beyond its budgets: those that are none, and its own."""
    rates = {
        level: {name: of for name, of in limits.items() if DIMENSIONS[name].period is None}
        for level, limits in tier.limits.items()
    }
    return rates | {EXHAUSTED: exhausted.limits}
