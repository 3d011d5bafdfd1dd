"""What a backend costs: by its own section, else by the list; and what is missing of it.

Nothing is taken to be free: tokens need a price where anything that is counted in tokens may be
asked, and an operation that is counted in a unit needs the price of that unit.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from router.operations.declared import DeclaredOperation, needs_no_tokens, units_of
from router.prices.book import Price, Schedule, scaled, with_units
from router.units import UNITS
from router.world.config import BackendSection, PriceSection
from router.world.problem import Problem

_MILLION: Final = 1_000_000  # prices are written per million tokens
_NO_TOKENS: Final = Price(0, 0, 0)


def priced(
    own: PriceSection | None,
    listed: Schedule | None,
    serves: tuple[str, ...] | None,
    declared: Mapping[str, DeclaredOperation],
) -> Price | Schedule | None:
    """The prices of a backend that `serves` these operations; None where tokens have none."""
    if own is None:
        return listed
    if own.input is not None and own.output is not None:
        return _own_price(own, own.input, own.output)
    if listed is not None:
        return with_units(listed, own.units)
    by_units = serves is not None and all(needs_no_tokens(name, declared) for name in serves)
    return replace(_NO_TOKENS, units=own.units) if by_units else None


def batch_priced(
    own: PriceSection | None, price: Price | Schedule, listed: Schedule | None
) -> Price | Schedule:
    """What the same costs in a batch: by the backend's own word, else as the list says of batches
    (`listed`), else all of it.
    """
    if own is not None and own.batch is not None:
        return scaled(price, own.batch)
    if listed is None or (own is not None and own.input is not None):
        return price
    return listed if own is None else with_units(listed, own.units)


def _own_price(own: PriceSection, fresh: int, output: int) -> Price:
    cached = fresh if own.cached_input is None else own.cached_input
    return Price(
        input_pico=fresh // _MILLION,
        output_pico=output // _MILLION,
        cached_input_pico=cached // _MILLION,
        cache_write_pico=None if own.cache_write is None else own.cache_write // _MILLION,
        units=own.units,
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
