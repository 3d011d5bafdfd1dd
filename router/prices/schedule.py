"""The prices of a backend over time.

A price may depend on the day and the hour: a `Schedule` holds prices with the instants and the
daily hours (UTC) from which they apply. The last that applies wins, so a price change is a new
entry and never alters what the past cost.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from router.counters import Parts
from router.prices.price import Price, Step
from router.units import Units

_DAY: Final = 24 * 60  # minutes


@dataclass(frozen=True, slots=True)
class Entry:
    """One price of a schedule: from `since` (ms of Unix time) on, and only within the daily hours
    from `start` to `end` (minutes of the UTC day; equal: all day; they may cross midnight)."""

    price: Price
    since: int = 0
    start: int = 0
    end: int = 0

    def counts(self, at: int) -> bool:
        """Whether this price is in force at this instant."""
        if at < self.since:
            return False
        if self.start == self.end:
            return True
        minute = at // 60_000 % _DAY
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


@dataclass(frozen=True, slots=True)
class Schedule:
    """The prices of a backend over time; the last entry that applies is in force."""

    entries: tuple[Entry, ...]

    def at(self, instant: int) -> Price:
        """The price at this instant; before the first entry, the first one's."""
        price = self.entries[0].price
        for entry in self.entries:
            if entry.counts(instant):
                price = entry.price
        return price

    @property
    def prices(self) -> tuple[Price, ...]:
        """Every price that it has, in order."""
        return tuple(entry.price for entry in self.entries)


def always(price: Price | Schedule) -> Schedule:
    """A price that does not change."""
    return price if isinstance(price, Schedule) else Schedule((Entry(price),))


def changed(price: Price | Schedule, change: Callable[[Price], Price]) -> Price | Schedule:
    """The same prices, each one changed."""
    if isinstance(price, Price):
        return change(price)
    return Schedule(tuple(replace(each, price=change(each.price)) for each in price.entries))


def as_reported(price: Price | Schedule) -> Price | Schedule:
    """The same prices for a backend whose word on the cost is taken."""
    return changed(price, lambda each: replace(each, reported=True))


def dearest_reported(price: Price | Schedule | None) -> int | None:
    """What the dearest token costs in pico-USD, where a backend's word on the cost is taken."""
    prices = [] if price is None else [one for one in always(price).prices if one.reported]
    return max((one.dearest for one in prices), default=None)


def scaled(price: Price | Schedule, share: Decimal) -> Price | Schedule:
    """The same prices, all but those of units times `share`, each rounded to whole pico-USD."""
    return changed(price, lambda each: _scaled(each, share))


def _scaled(price: Price, share: Decimal) -> Price:
    def rounded(pico: int) -> int:
        return int((pico * share).to_integral_value(ROUND_HALF_EVEN))

    def parts(each: Price | Step) -> Parts:
        return tuple((name, rounded(rate)) for name, rate in each.parts)

    steps = tuple(
        Step(
            step.above,
            rounded(step.input_pico),
            rounded(step.output_pico),
            rounded(step.cached_input_pico),
            rounded(step.cache_write_pico),
            parts(step),
        )
        for step in price.steps
    )
    written = price.cache_write_pico
    return replace(
        price,
        input_pico=rounded(price.input_pico),
        output_pico=rounded(price.output_pico),
        cached_input_pico=rounded(price.cached_input_pico),
        cache_write_pico=None if written is None else rounded(written),
        steps=steps,
        parts=parts(price),
    )


def with_units(price: Price | Schedule, units: Units) -> Price | Schedule:
    """The same prices, and those of units beside them; the list's own where nothing is said."""
    return changed(
        price, lambda each: replace(each, units=tuple((dict(each.units) | dict(units)).items()))
    )
