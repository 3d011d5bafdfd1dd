"""One immutable, compiled world: policy, backends, prices and quotas that fit each other.

A request takes the snapshot once and keeps it to its end; a reload swaps the reference. Every
check across documents happens here, so what compiles can serve.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from policies.findings import DocumentError, Finding
from policies.language.crosscheck import BackendFacts
from policies.language.tiers import Tier
from policies.policy import Needs, Policy
from router.backends.backend import Backend
from router.domain import Principal, Terms
from router.ledger.estimate import Way
from router.ledger.quotas.dimensions import Quota, QuotaError
from router.operations.declared import NO_PATHS, DeclaredPaths
from router.prices.book import PriceBook
from router.world.baseline import Baseline, baseline_of
from router.world.config import Config
from router.world.config_load import LoadedConfig
from router.world.declared import unrouted
from router.world.standing import (
    Standing,
    quotas_of_tier,
    standing_by_terms,
    standing_of_tier,
    standings_of,
    tier_named,
)

_LOG: Final = logging.getLogger("turnout")
_MOST_TERMED: Final = 20_000
NOTHING: Final = Needs(classifier=False, pii=False)


_OPEN_TIER: Final = Tier("")
_OPEN: Final = standing_of_tier(_OPEN_TIER, ())


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
    owned: bool = False  # it is as one customer sees it: see `router.world.own`
    termed: dict[tuple[str, Terms], Standing] = field(
        default_factory=dict, repr=False, compare=False
    )

    def standing(self, tier: str) -> Standing:
        """Return a tier's standing; that of no tier where the policy has none at all."""
        return self.standings.get(tier, _OPEN)

    def standing_of(self, principal: Principal) -> Standing:
        """Return the standing of a customer: its tier's, or that of its own terms, which is made
        once and kept."""
        if principal.terms is None:
            return self.standings.get(principal.tier, _OPEN)
        which = principal.tier, principal.terms
        found = self.termed.get(which)
        if found is None:
            if len(self.termed) >= _MOST_TERMED:
                self.termed.clear()
            found = self.termed[which] = self._by_terms(*which)
        return found

    def _by_terms(self, name: str, terms: Terms) -> Standing:
        tier = self.policy.tiers.get(tier_named(name))
        if tier is None:
            if self.policy.tiers:
                return _OPEN  # no request of it is let in
            tier = _OPEN_TIER
        if not terms.limits and terms.timezone is None and terms.billing_day is None:
            return self.standing(name)
        try:
            return standing_by_terms(name or tier.name, tier, terms, self.policy.timezone)
        except (QuotaError, KeyError) as error:
            _LOG.error("limits of customers of tier %r do not hold: %s", name, error)
            return self.standing(name)

    def visible(self, principal: Principal) -> tuple[str, ...]:
        """Names that a client may put in `model`, each once."""
        terms = principal.terms
        if terms is None:
            names = self.policy.visible(principal.tier)
        else:
            names = self.policy.visible(principal.tier, terms.routes)
            if terms.models is not None:
                names = tuple(name for name in names if name in terms.models)
        return tuple(dict.fromkeys(names))

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
        standings=MappingProxyType(standings_of(policy.tiers, limits)),
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
        try:
            tiers |= quotas_of_tier(tier, policy.timezone)
        except QuotaError as error:
            findings.append(policy.source.finding(("tiers", name), str(error), rule="quota"))
    return MappingProxyType(tiers), findings
