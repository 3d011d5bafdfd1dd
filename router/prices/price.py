"""What tokens and units cost at a backend, in integer pico-USD.

1 USD per million tokens is 1,000,000 pico-USD per token, so list prices are whole numbers and
sums never round.

The size of the prompt counts: above a step, the whole request is priced at the step. So does the
kind of token (`router.counters`): fresh, read from a cache, written to it, sound, pictures.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from router.counters import (
    CACHED,
    INPUT,
    OUTPUT,
    REASONING,
    TOKENS,
    WRITTEN,
    WRITTEN_1H,
    Parts,
    root_of,
)
from router.domain import Usage
from router.units import REQUEST, Units

PICO_PER_USD_PER_MILLION: Final = 1_000_000


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
    `units` is what one of each unit costs (`router.units`); others cost nothing, and one of a
    request is paid by every request. `parts` is what a token of each part costs
    (`router.counters`); one that is not named costs what it is a part of costs.
    """

    input_pico: int
    output_pico: int
    cached_input_pico: int
    cache_write_pico: int | None = None
    steps: tuple[Step, ...] = ()
    reported: bool = False
    units: Units = ()
    parts: Parts = ()
    per_request_pico: int = field(init=False, repr=False, compare=False)
    flat: bool = field(init=False, repr=False, compare=False)  # tokens have two rates, or a cache's

    def __post_init__(self) -> None:
        per_request = dict(self.units).get(REQUEST, 0)
        object.__setattr__(self, "per_request_pico", per_request)
        flat = not (self.reported or self.steps or self.parts or per_request)
        object.__setattr__(self, "flat", flat)

    def cost(self, usage: Usage) -> int:
        """Return the cost of `usage` in pico-USD."""
        if self.flat and not (
            usage.cached_tokens or usage.cache_write_tokens or usage.units
        ):  # most
            return usage.input_tokens * self.input_pico + usage.output_tokens * self.output_pico
        if self.reported and usage.reported_pico is not None:
            return usage.reported_pico
        tokens = self._of_tokens(usage)
        if usage.units or self.per_request_pico:
            tokens += self.of_units(usage.units)
        return tokens

    def _of_tokens(self, usage: Usage) -> int:
        price = self if not self.steps else self.at(usage.input_tokens)
        more = 0
        if price.parts and (usage.parts or usage.reasoning_tokens):
            more = of_parts(price, usage)
        write = price.cache_write_pico
        written = usage.cache_write_tokens
        fresh = max(0, usage.input_tokens - usage.cached_tokens - written)
        return (
            fresh * price.input_pico
            + usage.cached_tokens * price.cached_input_pico
            + written * (price.input_pico if write is None else write)
            + usage.output_tokens * price.output_pico
            + more
        )

    def of_units(self, units: Units) -> int:
        """Return what so many of each unit, and the request itself, cost in pico-USD."""
        known = dict(self.units)
        told = sum(known.get(name, 0) * count for name, count in units)
        return told if REQUEST in dict(units) else told + self.per_request_pico

    def fresh(self, input_tokens: int, output_tokens: int, units: Units = ()) -> int:
        """Return what so many uncached tokens and units cost in pico-USD: `cost`, but quicker."""
        if self.flat and not units:
            return input_tokens * self.input_pico + output_tokens * self.output_pico
        price = self if not self.steps else self.at(input_tokens)
        tokens = input_tokens * price.input_pico + output_tokens * price.output_pico
        return tokens + self.of_units(units)

    def at(self, input_tokens: int) -> "Price | Step":
        """Return the rates that apply to a prompt of this size."""
        price: Price | Step = self
        for step in self.steps:
            if input_tokens > step.above:
                price = step
        return price

    def most(
        self, input_tokens: int, output_tokens: int, kinds: Collection[str] = ()
    ) -> tuple[int, int]:
        """Return what so many tokens cost at most in pico-USD, whatever they are: prompt and answer
        together, and the prompt alone.

        Of a prompt's tokens, these `kinds` may be among them beside fresh and cached ones; of an
        answer's, all.
        """
        steps = [step for step in self.steps if input_tokens > step.above]
        rates: tuple[Price | Step, ...] = (self, *steps)  # the prompt may turn out to be smaller
        answers = [name for name, _ in self.parts if root_of(name) == OUTPUT]
        prompt = input_tokens * _dearest(rates, (INPUT, CACHED, *kinds)) + self.per_request_pico
        return prompt + output_tokens * _dearest(rates, (OUTPUT, *answers)), prompt

    @property
    def dearest(self) -> int:
        """What a token costs at most in pico-USD, whatever counter counts it."""
        return _dearest((self, *self.steps), TOKENS)

    def is_plain(self, *, writes: bool) -> bool:
        """Whether no token costs more than a fresh one of its side, and no request anything;
        tokens written to a cache count among them where it `writes`.
        """
        kinds = (CACHED, WRITTEN) if writes else (CACHED,)
        rates: tuple[Price | Step, ...] = (self, *self.steps)
        return not self.per_request_pico and all(
            rate_of(each, name) <= rate_of(each, root_of(name))
            for each in rates
            for name in (*kinds, *dict(each.parts))
            if writes or name != WRITTEN_1H
        )


def _dearest(rates: Iterable[Price | Step], kinds: Collection[str]) -> int:
    return max(rate_of(each, name) for each in rates for name in kinds)


def of_parts(price: Price | Step, usage: Usage) -> int:
    """What the parts of a usage cost beyond what they are parts of, in pico-USD; it may be less."""
    rates = dict(price.parts)
    more = 0
    for name, tokens in (*usage.parts, (REASONING, usage.reasoning_tokens)):
        if name in rates:
            more += tokens * (rates[name] - rate_of(price, TOKENS[name].part_of))
    return more


def rate_of(price: Price | Step, counter: str) -> int:
    """What a token that this counter counts costs, in pico-USD."""
    if counter == INPUT:
        return price.input_pico
    if counter == OUTPUT:
        return price.output_pico
    if counter == CACHED:
        return price.cached_input_pico
    if counter == WRITTEN:
        written = price.cache_write_pico
        return price.input_pico if written is None else written
    own = dict(price.parts).get(counter)
    return rate_of(price, TOKENS[counter].part_of) if own is None else own
