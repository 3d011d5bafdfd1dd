"""What a backend costs: by its own section, else by the list; and what is missing of it.

Nothing is taken to be free: tokens need a price where anything that is counted in tokens may be
asked, and an operation that is counted in a unit needs the price of that unit.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

from router.backends.catalog import Provider
from router.counters import CACHED, INPUT, OUTPUT, WRITTEN
from router.operations.declared import DeclaredOperation, needs_no_tokens, units_of
from router.operations.table import WRITE_NOTHING
from router.prices.book import Tiers
from router.prices.list_prices import Listed
from router.prices.price import Price, Step
from router.prices.schedule import Schedule, always, changed, scaled, with_units
from router.units import UNITS
from router.world.config import BackendSection
from router.world.price_section import PriceSection, Rates
from router.world.problem import Problem

_NO_TOKENS: Final = Price(0, 0, 0)


def priced(
    own: PriceSection | None,
    listed: Listed | None,
    serves: tuple[str, ...] | None,
    declared: Mapping[str, DeclaredOperation],
) -> Price | Schedule | None:
    """The prices of a backend that `serves` these operations; None where tokens have none."""
    if own is not None and own.whole:
        return replace(of_rates(own), units=own.units)
    if listed is not None and not (listed.missing - _unneeded(serves, declared)):
        return listed.schedule if own is None else over(listed.schedule, own)
    if own is not None and INPUT in _unneeded(serves, declared):
        return replace(_NO_TOKENS, units=own.units)
    return None


def _unneeded(
    serves: tuple[str, ...] | None, declared: Mapping[str, DeclaredOperation]
) -> frozenset[str]:
    """The totals that nothing counts of what a backend serves."""
    if serves is None:
        return frozenset()
    if all(needs_no_tokens(name, declared) for name in serves):
        return frozenset((INPUT, OUTPUT))
    return frozenset((OUTPUT,)) if WRITE_NOTHING.issuperset(serves) else frozenset()


def times_listed(listed: Listed, times: Decimal) -> Listed:
    """What the list says, its rates of tokens times a number; fees stay as they are."""
    tiers = {name: always(scaled(prices, times)) for name, prices in listed.tiers.items()}
    return replace(listed, schedule=always(scaled(listed.schedule, times)), tiers=tiers)


def over(prices: Price | Schedule, own: PriceSection) -> Price | Schedule:
    """The list's prices, and what the section says in place of them."""
    rates = own.rates

    def parts(each: Price | Step) -> tuple[tuple[str, int], ...]:
        return tuple((dict(each.parts) | dict(own.parts)).items())

    def step(each: Step) -> Step:
        return replace(
            each,
            cached_input_pico=rates.get(CACHED, each.cached_input_pico),
            cache_write_pico=rates.get(WRITTEN, each.cache_write_pico),
            parts=parts(each),
        )

    def price(each: Price) -> Price:
        return replace(
            each,
            cached_input_pico=rates.get(CACHED, each.cached_input_pico),
            cache_write_pico=rates.get(WRITTEN, each.cache_write_pico),
            steps=tuple(map(step, each.steps)),
            parts=parts(each),
        )

    return with_units(changed(prices, price), own.units)


def batch_priced(
    own: PriceSection | None, price: Price | Schedule, listed: Schedule | None
) -> Price | Schedule:
    """What the same costs in a batch: by the backend's own word, else as the list says of batches
    (`listed`), else all of it.
    """
    if own is not None and own.batch is not None:
        return scaled(price, own.batch)
    if listed is None or (own is not None and own.whole):
        return price
    return listed if own is None else with_units(listed, own.units)


def tiers_of(own: PriceSection | None, listed: Listed | None, preset: Provider) -> Tiers:
    """A backend's prices in other classes of service: the provider's usual shares, the list's
    prices unless tokens have a price of the operator's own, and what he says himself.
    """
    found: dict[str, Price | Schedule | Decimal] = dict(preset.tiers)
    if listed is not None and not (own is not None and own.whole):
        for name, schedule in listed.tiers.items():
            found[name] = schedule if own is None else over(schedule, own)
    for name, said in ({} if own is None else own.tiers).items():
        if isinstance(said, Decimal):
            found[name] = said
        elif own is not None:
            found[name] = replace(of_rates(said), units=own.units)
    return found


def of_rates(own: Rates) -> Price:
    """A price of the operator's own. What it does not say costs what it is a part of."""
    rates = own.rates
    fresh = rates[INPUT]
    return Price(
        input_pico=fresh,
        output_pico=rates[OUTPUT],
        cached_input_pico=rates.get(CACHED, fresh),
        cache_write_pico=rates.get(WRITTEN),
        parts=own.parts,
    )


def unpriced(
    name: str,
    section: BackendSection,
    price: Price | Schedule | None,
    declared: Mapping[str, DeclaredOperation],
    similar: str = "",
) -> list[Problem]:
    """What nobody priced of the backend `name`; `similar` begins the hint of a model's."""
    if price is None:
        message = f"no list price is known for `{section.priced_as or section.model}`"
        hint = (
            f"{similar}write price: {{input: USD, output: USD}} per million tokens;"
            " nothing is taken to be free"
        )
        return [Problem("model" if section.provider else "", f"`{name}`: {message}", hint)]
    known = dict((price if isinstance(price, Price) else price.entries[0].price).units)
    problems = []
    units = units_of(declared)
    for operation in section.serves or ():
        for unit in units.get(operation, ()):
            if unit not in known:
                message = f"`{name}` serves `{operation}`, and `price` does not say what it costs"
                hint = (
                    f"write price: {{{unit}: USD}} for {UNITS[unit]}; 0 where its tokens are billed"
                )
                problems.append(Problem("serves", message, hint))
    return problems
