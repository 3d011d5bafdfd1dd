"""What each backend costs, in integer pico-USD per token.

1 USD per million tokens is 1,000,000 pico-USD per token, so list prices are whole numbers and
sums never round.

A price may depend on four things. The day and the hour: a `Schedule` holds prices with the
instants and the daily hours (UTC) from which they apply. The last that applies wins, so a price
change is a new entry and never alters what the past cost. The size of the prompt: above a step, the
whole request is priced at the step. The kind of token (`router.counters`): fresh, read from a
cache, written to it, sound. The provider's class of service, as its answer tells it.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from router.counters import CACHED, INPUT, OUTPUT, REASONING, TOKENS, WRITTEN, Parts
from router.domain import Usage
from router.units import Units

PICO_PER_USD_PER_MILLION: Final = 1_000_000
_DAY: Final = 24 * 60  # minutes


def pico_per_token(usd_per_million: Decimal) -> int:
    """A list price (USD per million tokens) in pico-USD per token, rounded where it must be."""
    exact = usd_per_million * PICO_PER_USD_PER_MILLION
    return int(exact.to_integral_value(ROUND_HALF_EVEN))


@dataclass(frozen=True, slots=True)
class Step:
    """What tokens cost where the prompt is larger than `above` tokens, in pico-USD."""

    above: int
    input_pico: int
    output_pico: int
    cached_input_pico: int
    cache_write_pico: int
    parts: Parts = ()


@dataclass(frozen=True, slots=True)
class Price:
    """What one token costs at a backend, in pico-USD. `steps` are in order of prompt size.

    `cache_write_pico` None: writing to the cache costs what fresh input costs. `reported`: if the
    backend reports what a request cost, that is its cost; these rates estimate it beforehand.
    `units` is what one of each unit costs (`router.units`); others cost nothing. `parts` is what a
    token of each part costs (`router.counters`); one that is not named costs what it is a part of
    costs.
    """

    input_pico: int
    output_pico: int
    cached_input_pico: int
    cache_write_pico: int | None = None
    steps: tuple[Step, ...] = ()
    reported: bool = False
    units: Units = ()
    parts: Parts = ()

    def cost(self, usage: Usage) -> int:
        """Return the cost of `usage` in pico-USD."""
        if self.reported and usage.reported_pico is not None:
            return usage.reported_pico
        if usage.units:
            return self.of_units(usage.units) + self.cost(usage._replace(units=()))
        price = self if not self.steps else self.at(usage.input_tokens)
        if price.parts and (usage.parts or usage.reasoning_tokens):
            return price_of_parts(price, usage) + self.cost(
                usage._replace(parts=(), reasoning_tokens=0)
            )
        if not usage.cached_tokens and not usage.cache_write_tokens:
            return usage.input_tokens * price.input_pico + usage.output_tokens * price.output_pico
        write = price.cache_write_pico
        written = usage.cache_write_tokens
        fresh = max(0, usage.input_tokens - usage.cached_tokens - written)
        return (
            fresh * price.input_pico
            + usage.cached_tokens * price.cached_input_pico
            + written * (price.input_pico if write is None else write)
            + usage.output_tokens * price.output_pico
        )

    def of_units(self, units: Units) -> int:
        """Return what so many of each unit cost in pico-USD."""
        known = dict(self.units)
        return sum(known.get(name, 0) * count for name, count in units)

    def fresh(self, input_tokens: int, output_tokens: int) -> int:
        """Return what so many uncached tokens cost in pico-USD: `cost`, but quicker."""
        price = self if not self.steps else self.at(input_tokens)
        return input_tokens * price.input_pico + output_tokens * price.output_pico

    def at(self, input_tokens: int) -> "Price | Step":
        """Return the rates that apply to a prompt of this size."""
        price: Price | Step = self
        for step in self.steps:
            if input_tokens > step.above:
                price = step
        return price


def price_of_parts(price: Price | Step, usage: Usage) -> int:
    """What the parts of a usage cost beyond what they are parts of, in pico-USD; it may be less."""
    rates = dict(price.parts)
    more = 0
    for name, tokens in (*usage.parts, (REASONING, usage.reasoning_tokens)):
        if name in rates:
            more += tokens * (rates[name] - rate_of(price, TOKENS[name].part_of))
    return more


def rate_of(price: Price | Step, counter: str) -> int:
    """What a token that this counter counts costs, in pico-USD."""
    for name, rate in price.parts:
        if name == counter:
            return rate
    if counter == INPUT:
        return price.input_pico
    if counter == OUTPUT:
        return price.output_pico
    if counter == CACHED:
        return price.cached_input_pico
    if counter == WRITTEN:
        written = price.cache_write_pico
        return price.input_pico if written is None else written
    return rate_of(price, TOKENS[counter].part_of)


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


def as_reported(price: Price | Schedule) -> Price | Schedule:
    """The same prices for a backend whose word on the cost is taken."""
    if isinstance(price, Price):
        return replace(price, reported=True)
    entries = [replace(entry, price=replace(entry.price, reported=True)) for entry in price.entries]
    return Schedule(tuple(entries))


def scaled(price: Price | Schedule, share: Decimal) -> Price | Schedule:
    """The same prices, all but those of units times `share`, each rounded to whole pico-USD."""
    if isinstance(price, Schedule):
        entries = [replace(each, price=_scaled(each.price, share)) for each in price.entries]
        return Schedule(tuple(entries))
    return _scaled(price, share)


def _scaled(price: Price, share: Decimal) -> Price:
    def rounded(pico: int) -> int:
        return int((pico * share).to_integral_value(ROUND_HALF_EVEN))

    steps = tuple(
        Step(
            step.above,
            rounded(step.input_pico),
            rounded(step.output_pico),
            rounded(step.cached_input_pico),
            rounded(step.cache_write_pico),
            tuple((name, rounded(rate)) for name, rate in step.parts),
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
        parts=tuple((name, rounded(rate)) for name, rate in price.parts),
    )


def always(price: Price) -> Schedule:
    """A price that does not change."""
    return Schedule((Entry(price),))


def with_units(schedule: Schedule, units: Units) -> Schedule:
    """The same prices, and those of units beside them."""
    entries = [replace(each, price=replace(each.price, units=units)) for each in schedule.entries]
    return Schedule(tuple(entries))


_NO_TIERS: Final[Mapping[str, Mapping[str, Price | Schedule]]] = MappingProxyType({})


def _now_ms() -> int:
    """This instant, in ms of Unix time."""
    return time.time_ns() // 1_000_000


class PriceBook:
    """The prices of each backend, by class of service where it has several; `version` changes
    whenever one of them does.
    """

    def __init__(
        self,
        prices: Mapping[str, Price | Schedule],
        clock: Callable[[], int] = _now_ms,
        tiers: Mapping[str, Mapping[str, Price | Schedule]] = _NO_TIERS,
    ) -> None:
        """`tiers` are a backend's other prices, by the names that its answers give them."""
        schedules = {
            name: price if isinstance(price, Schedule) else always(price)
            for name, price in prices.items()
        }
        self._tiers = {
            (backend, tier): price if isinstance(price, Schedule) else always(price)
            for backend, others in tiers.items()
            for tier, price in others.items()
        }
        self._schedules = MappingProxyType(schedules)
        self._fixed = {
            name: schedule.entries[0].price
            for name, schedule in schedules.items()
            if len(schedule.entries) == 1
        }
        self._clock = clock
        everything = (sorted(schedules.items()), *([sorted(self._tiers.items())] if tiers else ()))
        self.version = sha256(repr(everything).encode()).hexdigest()[:12]

    def cost(self, backend: str, usage: Usage, at: int | None = None) -> int:
        """Return what `usage` cost at a backend in pico-USD, in the class of service that its
        answer told; one that has no price of its own costs what the usual one does.
        """
        if usage.tier is not None and (other := self._tiers.get((backend, usage.tier))):
            return other.at(self._clock() if at is None else at).cost(usage)
        return self.price(backend, at).cost(usage)

    def price(self, backend: str, at: int | None = None) -> Price:
        """Return the price of `backend` at an instant (ms of Unix time), or now.

        The configuration guarantees that there is one.
        """
        fixed = self._fixed.get(backend)
        if fixed is not None:
            return fixed
        return self._schedules[backend].at(self._clock() if at is None else at)

    def dearest(
        self, backends: Iterable[str], input_tokens: int, output_tokens: int, units: Units = ()
    ) -> tuple[int, int]:
        """Return what so many fresh tokens and units cost at most at any of the backends, in
        pico-USD: prompt and answer together, and the prompt alone; units count as the prompt's.
        """
        if units:
            return self._dearest_with_units(list(backends), input_tokens, output_tokens, units)
        together = alone = 0
        for name in backends:
            price = self._fixed.get(name) or self.price(name)
            rate = price.at(input_tokens) if price.steps else price
            prompt = input_tokens * rate.input_pico
            cost = prompt + output_tokens * rate.output_pico
            together = max(together, cost)
            alone = max(alone, prompt)
        return together, alone

    def _dearest_with_units(
        self, backends: Sequence[str], input_tokens: int, output_tokens: int, units: Units
    ) -> tuple[int, int]:
        costs = []
        for name in backends:
            of_units = self.price(name).of_units(units)
            together, alone = self.dearest((name,), input_tokens, output_tokens)
            costs.append((together + of_units, alone + of_units))
        return max(both for both, _ in costs), max(alone for _, alone in costs)
