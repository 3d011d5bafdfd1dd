"""The rates that a backend's price does not say, though its answers may count by them.

Such tokens are charged as what they are a part of, and such fees not at all: a guess, so
`turnout check` calls it a mistake, and `serve` says it at its start.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from policies.money import to_usd
from router.backends.dialects.table import caches_when_asked
from router.counters import CACHED, INPUT, TOKENS, WRITTEN, WRITTEN_1H
from router.prices.list_prices import Listed
from router.prices.price import PICO_PER_USD_PER_MILLION, Price, rate_of
from router.prices.schedule import Schedule, always
from router.world.config import BackendSection

_LOG: Final = logging.getLogger(__name__)


class MissingRate(NamedTuple):
    """A key of `price` that is not written, and what it might be, as YAML has it: what the list
    says, or `USD`."""

    key: str
    perhaps: str


def missing_rates(
    section: BackendSection, dialect: str, listed: Listed | None, price: Price | Schedule
) -> list[MissingRate]:
    """What nobody says of a backend's price: what the list tells apart of its model and its own
    price does not, and what servers of its dialect count and no price says.
    """
    missing: list[MissingRate] = []
    if listed is not None and section.price is not None and section.price.whole:
        missing += _not_said(section, listed)
    standing = always(price).prices[-1]
    if caches_when_asked(dialect) and standing.input_pico:
        known = {name for name, _ in standing.parts}
        if section.price is not None:
            known |= section.price.rates.keys()
        known |= {each.key for each in missing}
        if listed is not None:
            known.add(WRITTEN)  # at the price of the prompt, where the list has no other
        missing += [MissingRate(one, "USD") for one in (WRITTEN, WRITTEN_1H) if one not in known]
    return missing


def _not_said(section: BackendSection, listed: Listed) -> Iterator[MissingRate]:
    """What the list tells apart of a model, and its operator does not."""
    own, price = section.price, listed.schedule.prices[-1]
    if own is None or not (own.input or own.output):
        return
    names = (CACHED, WRITTEN, *(name for name, _ in price.parts))
    for name in names:
        apart = rate_of(price, name) != rate_of(price, TOKENS[name].part_of or INPUT)
        if apart and name not in own.rates:
            yield MissingRate(name, _number(rate_of(price, name) / PICO_PER_USD_PER_MILLION))
    for unit, pico in price.units:
        if unit not in dict(own.units):
            yield MissingRate(unit, _number(to_usd(pico)))
    tiers = sorted(listed.tiers.keys() - own.tiers.keys())
    if tiers:
        times = [f"{name}: {_times(listed.tiers[name], price)}" for name in tiers]
        yield MissingRate("tiers", f"{{{', '.join(times)}}}")


def _times(tier: Schedule, usual: Price) -> str:
    return _number(tier.prices[-1].input_pico / usual.input_pico) if usual.input_pico else "1"


def _number(value: float) -> str:
    return f"{value:.12f}".rstrip("0").rstrip(".")


def warn_of_missing(missing: Mapping[str, Iterable[MissingRate]]) -> None:
    """Say in the log what each backend's price leaves out."""
    for name, rates in missing.items():
        facts = {"backend": name, "keys": ", ".join(each.key for each in rates)}
        _LOG.warning("a price leaves rates out; run `turnout check`", extra=facts)
