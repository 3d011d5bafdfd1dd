"""One immutable, compiled world: policy, backends, prices and quotas that fit each other.

A request takes the snapshot once and keeps it to its end; a reload swaps the reference. Every
check across documents happens here, so what compiles can serve.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from policies.facts import BackendFacts
from policies.policy import Policy
from policies.source import DocumentError, Finding

from router.backends.backend import Backend, Timeouts
from router.ledger.dimensions import Quota, quotas
from router.pipeline.config import BackendSection, Config, PriceSection
from router.prices.book import Price, PriceBook, pico_per_token


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a request is decided by."""

    policy: Policy
    backends: Mapping[str, Backend]
    prices: PriceBook
    quotas: Mapping[str, tuple[Quota, ...]]
    expected_output: Mapping[str, int]


def _backend(name: str, section: BackendSection) -> Backend:
    waits = section.timeouts
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
    )


def _price(section: PriceSection) -> Price:
    cached = section.input if section.cached_input is None else section.cached_input
    return Price(
        pico_per_token(section.input), pico_per_token(section.output), pico_per_token(cached)
    )


def compile_snapshot(config: Config, policy: Policy, abilities: Sequence[str]) -> Snapshot:
    """Return the world of these documents. Raises DocumentError with every finding."""
    facts = {
        name: BackendFacts(ability=section.ability) for name, section in config.backends.items()
    }
    findings: list[Finding] = policy.check(facts)
    if findings:
        raise DocumentError(findings)
    sections = config.backends.items()
    return Snapshot(
        policy=policy,
        backends=MappingProxyType({name: _backend(name, section) for name, section in sections}),
        prices=PriceBook({name: _price(section.price) for name, section in sections}),
        quotas=MappingProxyType(
            {name: quotas(tier.limits) for name, tier in policy.tiers.items()}
        ),
        expected_output=MappingProxyType(
            {name: section.expected_output_tokens for name, section in sections}
        ),
    )
