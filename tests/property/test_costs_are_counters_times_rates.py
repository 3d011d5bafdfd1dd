"""What a usage costs is the sum over every counter of its tokens times its rate, and no more.

The oracle knows nothing of the product's arithmetic: it begins at the leaves. A request has so many
tokens that are fresh, so many that are sound read from a cache, and so on; the totals that a
`Usage` holds are made of these.
"""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from router.counters import (
    CACHED,
    INPUT,
    OUTPUT,
    PARTS,
    REASONING,
    TOKENS,
    WRITTEN,
    fitted,
    root_of,
)
from router.domain import Usage
from router.pipeline.meter import together
from router.prices.book import PriceBook
from router.prices.price import Price, Step
from router.units import FEES, REQUEST

LEAVES = {name: [each for each, row in TOKENS.items() if row.part_of == name] for name in TOKENS}
PRICED_APART = sorted(PARTS | {REASONING})
rates = st.integers(0, 100_000_000)
parts = st.dictionaries(st.sampled_from(PRICED_APART), rates).map(lambda d: tuple(d.items()))
fees = st.dictionaries(st.sampled_from(sorted(FEES)), st.integers(0, 10**11))
steps = st.lists(
    st.builds(Step, st.integers(0, 5_000), rates, rates, rates, rates, parts),
    max_size=3,
    unique_by=lambda step: step.above,
).map(lambda drawn: tuple(sorted(drawn, key=lambda step: step.above)))
leaves = st.fixed_dictionaries({name: st.integers(0, 2_000) for name in TOKENS})
a_request = st.integers(0, 10**9)
counted_fees = st.dictionaries(st.sampled_from(sorted(FEES)), st.integers(1, 20))


def prices(steps=steps, request=a_request):
    units = st.builds(lambda some, each: tuple((some | {REQUEST: each}).items()), fees, request)
    written = st.none() | rates
    return st.builds(Price, rates, rates, rates, written, steps, st.just(False), units, parts)


plain_prices = prices(st.just(()), st.just(0))


def total(own, counter):
    """All tokens of a counter, those of its parts included."""
    return own[counter] + sum(total(own, part) for part in LEAVES[counter])


def usage_of(own, told=(), tier=None):
    return Usage(
        input_tokens=total(own, INPUT),
        output_tokens=total(own, OUTPUT),
        cached_tokens=total(own, CACHED),
        reasoning_tokens=total(own, REASONING),
        cache_write_tokens=total(own, WRITTEN),
        units=tuple(dict(told).items()),
        parts=tuple((name, total(own, name)) for name in sorted(PARTS) if total(own, name)),
        tier=tier,
    )


def rate(price, counter):
    """What one token of a counter costs: what the list says, else what its whole costs."""
    said = {INPUT: price.input_pico, OUTPUT: price.output_pico, CACHED: price.cached_input_pico}
    if price.cache_write_pico is not None:
        said[WRITTEN] = price.cache_write_pico
    said |= dict(price.parts)
    return said[counter] if counter in said else rate(price, TOKENS[counter].part_of)


def naive(price, own, told=()):
    """The sum over the leaves, and over the fees."""
    reached = [step for step in price.steps if total(own, INPUT) > step.above]
    listed = reached[-1] if reached else price
    tokens = sum(count * rate(listed, counter) for counter, count in own.items())
    each = dict(price.units)
    return tokens + each[REQUEST] + sum(each.get(n, 0) * count for n, count in dict(told).items())


@given(prices(), leaves, counted_fees)
def test_a_cost_is_the_sum_of_every_counter_times_its_rate(price, own, told):
    assert PriceBook({"b": price}).cost("b", usage_of(own, told)) == naive(price, own, told)


shares = st.decimals(0, 4, places=3)


@given(prices(), st.none() | prices(), st.tuples(shares, shares), leaves, counted_fees)
def test_a_class_of_service_costs_its_own_rates_or_its_share_of_the_usual(
    usual, own_price, drawn, own, told
):
    share, other = drawn
    tiers = {"fast": other, "flex": share if own_price is None else own_price}
    book = PriceBook({"b": usual}, tiers={"b": tiers})
    for tier, price in (
        (None, usual),
        ("unheard", usual),
        ("flex", of_share(usual, share) if own_price is None else own_price),
        ("fast", of_share(usual, other)),
    ):
        assert book.cost("b", usage_of(own, told, tier)) == naive(price, own, told)


def of_share(price, share: Decimal):
    """Every rate of tokens times a share, to the even whole pico-USD."""

    def part(pico):
        return round(Fraction(pico) * Fraction(share))

    def of(listed):
        written = listed.cache_write_pico
        return (
            part(listed.input_pico),
            part(listed.output_pico),
            part(listed.cached_input_pico),
            None if written is None else part(written),
        )

    def of_parts(listed):
        return tuple((name, part(pico)) for name, pico in listed.parts)

    changed = tuple(Step(each.above, *of(each), of_parts(each)) for each in price.steps)
    return Price(*of(price), changed, units=price.units, parts=of_parts(price))


@given(plain_prices, leaves, st.sampled_from(sorted(TOKENS)), st.integers(1, 100))
def test_one_token_more_never_costs_less(price, own, counter, more):
    larger = own | {counter: own[counter] + more}
    assert price.cost(usage_of(larger)) - price.cost(usage_of(own)) == more * rate(price, counter)


@given(plain_prices, leaves, leaves, counted_fees, counted_fees)
def test_two_answers_cost_what_each_costs_where_prices_have_no_steps(price, one, two, first, last):
    answers = [usage_of(one, first), usage_of(two, last)]
    assert price.cost(together(answers)) == sum(map(price.cost, answers))


@given(prices(), st.lists(st.integers(0, 5_000), min_size=5, max_size=5), st.data())
def test_whatever_a_provider_tells_a_cost_is_never_negative(price, told, data):
    """What is told of parts is fitted into its whole before anything is priced."""
    read, said, cached, written, reasoning = told
    room = {INPUT: read, OUTPUT: said, CACHED: cached, WRITTEN: written}
    names = [name for name in TOKENS if name in PARTS]
    claimed = [(name, data.draw(st.none() | st.integers(0, 9_000), name)) for name in names]
    usage = Usage(
        read + cached + written,
        said + reasoning,
        cached,
        reasoning,
        cache_write_tokens=written,
        parts=fitted(claimed, room),
    )
    assert price.cost(usage) >= 0


def test_every_counter_has_one_total():
    assert {root_of(name) for name in TOKENS} == {INPUT, OUTPUT}
