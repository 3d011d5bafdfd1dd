"""Public list prices (`router.prices.price_list`), compiled to our own integers.

Compiled when a configuration is loaded, never while a request waits. A model that the list does not
know has no price here: the operator must say it, since nothing is ever taken to cost nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any, Final

from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from router.prices.book import Entry, Price, Schedule, Step, pico_per_token
from router.prices.price_list import SHIPPED, PriceList

_KINDS: Final = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")
STANDARD: Final = "standard"


@dataclass(frozen=True, slots=True)
class Listed:
    """A model of the list. `context_window` is in tokens, None where the list does not say."""

    provider: str
    model: str
    context_window: int | None
    schedule: Schedule


def list_price(
    provider: str, model: str, service_tier: str = STANDARD, listing: PriceList = SHIPPED
) -> Listed | None:
    """What the list says of a provider's model, or None where it says nothing that can be used.

    `provider` is the list's own id; `service_tier` is standard, flex, priority or batch.
    """
    info = listing.find(provider, model)
    if info is None:
        return None
    entries = tuple(_entries(info, service_tier))
    if not entries:
        return None
    return Listed(provider, info.id, info.context_window, Schedule(entries))


def listed_models(provider: str, listing: PriceList = SHIPPED) -> tuple[str, ...]:
    """The names of a provider's models that have a usable price, in alphabetical order."""
    names = listing.names(provider)
    return tuple(name for name in names if list_price(provider, name, listing=listing))


def _entries(info: ModelInfo, service_tier: str) -> Iterator[Entry]:
    """The standard prices, then those of the service tier; nothing where it has none."""
    listed = (
        info.prices if isinstance(info.prices, list) else [ConditionalPrice(prices=info.prices)]
    )
    variants = [v for v in info.price_variants or () if service_tier in v.when.values()]
    if service_tier != STANDARD and not variants:
        return
    for conditional in listed:
        yield from _entry(conditional.prices, None, conditional.constraint)
    if service_tier != STANDARD:
        for variant in variants:
            yield from _entry(variant.prices, listed[-1].prices, variant.constraint)


def _entry(prices: ModelPrice, base: ModelPrice | None, constraint: Any) -> Iterator[Entry]:
    """Yield the entry of one listed price; nothing where it is not per token."""
    price = _price(prices, base)
    if price is None:
        return
    since, start, end = 0, 0, 0
    if isinstance(constraint, StartDateConstraint):
        day = datetime.combine(constraint.start_date, time(), UTC)
        since = int(day.timestamp() * 1000)
    elif isinstance(constraint, TimeOfDateConstraint):
        start, end = _minute(constraint.start_time), _minute(constraint.end_time)
    yield Entry(price, since, start, end)


def _minute(moment: time) -> int:
    """The minute of the UTC day."""
    offset = moment.utcoffset()
    minutes = moment.hour * 60 + moment.minute
    return (minutes - (int(offset.total_seconds()) // 60 if offset else 0)) % (24 * 60)


def _price(prices: ModelPrice, base: ModelPrice | None) -> Price | None:
    """A listed price in our integers; rates that a variant leaves out come from its base."""
    rates = [_listed_rate(prices, base, kind) for kind in _KINDS]
    if rates[0] is None or rates[1] is None:
        return None
    starts = sorted(
        {tier.start for each in rates if isinstance(each, TieredPrices) for tier in each.tiers}
    )
    steps = tuple(Step(start, *_rates(rates, start + 1)) for start in starts)
    return Price(*_rates(rates, 0), steps)


def _listed_rate(
    prices: ModelPrice, base: ModelPrice | None, kind: str
) -> Decimal | TieredPrices | None:
    rate: Decimal | TieredPrices | None = getattr(prices, kind, None)
    if rate is None and base is not None:
        rate = getattr(base, kind, None)
    return rate


def _rates(rates: list[Decimal | TieredPrices | None], tokens: int) -> tuple[int, int, int, int]:
    """Input, output, cache read, cache write for a prompt of so many tokens."""
    fresh, output, read, write = (None if each is None else _at(each, tokens) for each in rates)
    fresh = Decimal(0) if fresh is None else fresh
    output = Decimal(0) if output is None else output
    return (
        pico_per_token(fresh),
        pico_per_token(output),
        pico_per_token(fresh if read is None else read),
        pico_per_token(fresh if write is None else write),
    )


def _at(rates: Decimal | TieredPrices, tokens: int) -> Decimal:
    if isinstance(rates, Decimal):
        return rates
    rate = rates.base
    for tier in rates.tiers:
        if tokens > tier.start:
            rate = tier.price
    return rate
