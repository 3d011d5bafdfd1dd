"""Public list prices (`router.prices.price_list`), compiled to our own integers.

Compiled when a configuration is loaded, never while a request waits. A model that the list does not
know has no price here: the operator must say it, since nothing is ever taken to cost nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from router.counters import CACHED, INPUT, OUTPUT, WRITTEN, Parts
from router.prices.kinds import TOKEN_KINDS, UNIT_KINDS
from router.prices.price import Price, Step, pico_per_token
from router.prices.price_list import SHIPPED, PriceList
from router.prices.schedule import Entry, Schedule
from router.units import Units

_Rates = Mapping[str, Decimal | TieredPrices]
_TOTALS: Final = frozenset((INPUT, OUTPUT, CACHED, WRITTEN))  # fields of a price
_MILLION: Final = 1_000_000
STANDARD: Final = "standard"
_USUAL: Final = "default"  # a variant of the list that is the same once more
_OF_ANSWERS: Final = ("service_tier", "speed")  # variants that an answer names
_NO_TIERS: Final[Mapping[str, Schedule]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Listed:
    """A model of the list. `context_window` is in tokens, None where the list does not say.

    `missing` are the totals (input, output) that have no rate: such a model is sold by another
    measure, or gives no text. `tiers` are its other prices, by the name that answers give the class
    of service.
    """

    provider: str
    model: str
    context_window: int | None
    schedule: Schedule
    missing: frozenset[str] = frozenset()
    tiers: Mapping[str, Schedule] = field(default_factory=lambda: _NO_TIERS)


def list_price(
    provider: str, model: str, service_tier: str = STANDARD, listing: PriceList = SHIPPED
) -> Listed | None:
    """What the list says of a provider's model, or None where it says nothing that can be used.

    `provider` is the list's own id; `service_tier` is standard, flex, priority, fast or batch.
    """
    info = listing.find(provider, model)
    if info is None:
        return None
    entries = tuple(_entries(info, service_tier))
    if not entries:
        return None
    return Listed(
        provider,
        info.id,
        info.context_window,
        Schedule(entries),
        frozenset((INPUT, OUTPUT)).difference(*map(_kinds, _conditionals(info))),
        MappingProxyType(dict(_tiers(info))),
    )


def listed_models(provider: str, listing: PriceList = SHIPPED) -> tuple[str, ...]:
    """The names of a provider's models that have a usable price, in alphabetical order."""
    names = listing.names(provider)
    return tuple(name for name in names if list_price(provider, name, listing=listing))


def _conditionals(info: ModelInfo) -> Sequence[ConditionalPrice]:
    prices = info.prices
    return prices if isinstance(prices, list) else [ConditionalPrice(prices=prices)]


def _kinds(conditional: ConditionalPrice) -> set[str]:
    """The counters of tokens that a listed price knows."""
    return set(_rates_of(conditional.prices, None))


def _tiers(info: ModelInfo) -> Iterator[tuple[str, Schedule]]:
    """The classes of service that answers name, with their prices."""
    for variant in info.price_variants or ():
        for kind in _OF_ANSWERS:
            name = variant.when.get(kind)
            if name is not None and name != _USUAL:
                yield name, Schedule(tuple(_entries(info, name)))


def _entries(info: ModelInfo, service_tier: str) -> Iterator[Entry]:
    """The standard prices, then those of the service tier; nothing where it has none."""
    variants = [v for v in info.price_variants or () if service_tier in v.when.values()]
    if service_tier != STANDARD and not variants:
        return
    listed = _conditionals(info)
    for conditional in listed:
        yield from _entry(conditional.prices, None, conditional.constraint)
    if service_tier != STANDARD:
        for variant in variants:
            yield from _of_variant(variant, listed)


def _of_variant(variant: PriceVariant, listed: Sequence[ConditionalPrice]) -> Iterator[Entry]:
    """The entries of a variant: it comes into force once, upon whichever price is in force."""
    yield from _entry(variant.prices, listed[-1].prices, variant.constraint)


def _entry(prices: ModelPrice, base: ModelPrice | None, constraint: Any) -> Iterator[Entry]:
    """Yield the entry of one listed price; nothing where it knows nothing that is counted here."""
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
    rates, units = _rates_of(prices, base), _units_of(prices, base)
    if INPUT not in rates and not units:
        return None
    starts = sorted(
        {
            tier.start
            for each in rates.values()
            if isinstance(each, TieredPrices)
            for tier in each.tiers
        }
    )
    steps = tuple(
        Step(start, *_totals(rates, start + 1), _parts(rates, start + 1)) for start in starts
    )
    return Price(*_totals(rates, 0), steps, units=units, parts=_parts(rates, 0))


def _rates_of(prices: ModelPrice, base: ModelPrice | None) -> dict[str, Decimal | TieredPrices]:
    """What each counter of tokens costs, those that are priced."""
    found = {name: _said(prices, base, words) for name, words in TOKEN_KINDS.items()}
    return {name: rate for name, rate in found.items() if rate is not None}


def _units_of(prices: ModelPrice, base: ModelPrice | None) -> Units:
    """What one of each unit costs in pico-USD, those that are priced."""
    units = []
    for name, (words, per) in UNIT_KINDS.items():
        rate = _said(prices, base, words)
        if rate is not None:
            units.append((name, pico_per_token(_at(rate, 0) * _MILLION / per)))
    return tuple(units)


def _said(
    prices: ModelPrice, base: ModelPrice | None, words: Sequence[str]
) -> Decimal | TieredPrices | None:
    """The price under the first of the list's words that is known: a variant's own, else the
    base's."""
    for source in (prices, base):
        for word in words:
            rate: Decimal | TieredPrices | None = getattr(source, word, None)
            if rate is not None:
                return rate
    return None


def _totals(rates: _Rates, tokens: int) -> tuple[int, int, int, int]:
    """Input, output, cache read, cache write for a prompt of so many tokens."""
    fresh, output = (_at(rates.get(name, Decimal(0)), tokens) for name in (INPUT, OUTPUT))
    read, write = (_at(rates.get(name, fresh), tokens) for name in (CACHED, WRITTEN))
    return (
        pico_per_token(fresh),
        pico_per_token(output),
        pico_per_token(read),
        pico_per_token(write),
    )


def _parts(rates: _Rates, tokens: int) -> Parts:
    """The rates of the parts for a prompt of so many tokens."""
    return tuple(
        (name, pico_per_token(_at(rate, tokens)))
        for name, rate in rates.items()
        if name not in _TOTALS
    )


def _at(rates: Decimal | TieredPrices, tokens: int) -> Decimal:
    if isinstance(rates, Decimal):
        return rates
    rate = rates.base
    for tier in rates.tiers:
        if tokens > tier.start:
            rate = tier.price
    return rate
