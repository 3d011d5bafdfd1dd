"""One immutable, compiled world: policy, backends, prices and quotas that fit each other.

A request takes the snapshot once and keeps it to its end; a reload swaps the reference. Every
check across documents happens here, so what compiles can serve.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from policies.crosscheck import BackendFacts
from policies.findings import DocumentError
from policies.policy import Needs, Policy
from policies.tiers import Tier
from router.backends.backend import Backend, Capacity, Timeouts
from router.ledger.dimensions import Quota, quotas
from router.ledger.estimate import Way
from router.pipeline.config import BackendSection, CapacitySection, Config, PriceSection
from router.prices.book import Price, PriceBook

_MILLION: Final = 1_000_000  # prices are written per million tokens
_OPEN: Final = Tier("")
NOTHING: Final = Needs(classifier=False, pii=False)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a request is decided by."""

    policy: Policy
    backends: Mapping[str, Backend]
    prices: PriceBook
    quotas: Mapping[str, tuple[Quota, ...]]
    expected_output: Mapping[str, int]
    estimate: Way

    def tier(self, name: str) -> Tier:
        """Return a tier of the policy; one without limits where the policy has no tiers at all."""
        return self.policy.tiers.get(name, _OPEN)

    def needs(self, model: str) -> Needs:
        """Return what has to be known before the policy can decide on `model`."""
        route = self.policy.resolve(model)
        return NOTHING if route is None else self.policy.needs(route)


def _backend(name: str, section: BackendSection, tiers: Mapping[str, Tier]) -> Backend:
    waits, keys = section.timeouts, section.api_keys
    return Backend(
        name=name,
        base_url=section.base_url,
        model=section.model,
        dialect=section.dialect,
        api_key=section.api_key.get_secret_value() if section.api_key else None,
        ability=section.ability,
        timeouts=Timeouts(waits.connect, waits.first_byte, waits.between_chunks),
        context_window=section.context_window,
        supports=frozenset(section.supports),
        simulated=section.simulated,
        capacity=_capacity(name, section.capacity, tiers),
        replicas=section.replicas,
        api_keys=tuple(key.get_secret_value() for key in keys),
        hedge_after=section.hedge_after,
    )


def _capacity(
    name: str, section: CapacitySection | None, tiers: Mapping[str, Tier]
) -> Capacity | None:
    if section is None:
        return None
    shares = {
        tier.name: tier.guaranteed_share[name]
        for tier in tiers.values()
        if name in tier.guaranteed_share
    }
    return Capacity(section.concurrency, section.queue, section.max_wait, MappingProxyType(shares))


def _price(section: PriceSection) -> Price:
    cached = section.input if section.cached_input is None else section.cached_input
    return Price(section.input // _MILLION, section.output // _MILLION, cached // _MILLION)


def price_book(config: Config) -> PriceBook:
    """Return the prices that the configuration gives."""
    return PriceBook({name: _price(section.price) for name, section in config.backends.items()})


def backend_facts(config: Config) -> dict[str, BackendFacts]:
    """Return what a policy may be checked against."""
    return {
        name: BackendFacts(simulated=section.simulated, bounded=section.capacity is not None)
        for name, section in config.backends.items()
    }


def compile_snapshot(config: Config, policy: Policy) -> Snapshot:
    """Return the world of these documents. Raises DocumentError with every finding."""
    sections = config.backends.items()
    findings = [f for f in policy.check(backend_facts(config)) if f.severity == "error"]
    if findings:
        raise DocumentError(findings)
    return Snapshot(
        policy=policy,
        backends=MappingProxyType(
            {name: _backend(name, section, policy.tiers) for name, section in sections}
        ),
        prices=price_book(config),
        quotas=MappingProxyType({name: quotas(tier.limits) for name, tier in policy.tiers.items()}),
        expected_output=MappingProxyType(
            {name: section.expected_output_tokens for name, section in sections}
        ),
        estimate=config.estimate,
    )
