"""What `turnout check` doubts of prices that the operator wrote: the wrong unit, what rounds, what
nobody asks, what the list says otherwise.

All that is written is looked at as it is written, USD per million tokens, since what is compiled is
whole pico-USD per token.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final, NamedTuple

from policies.findings import Finding
from policies.language.source import Document, Path, parse
from policies.money import usd
from router.cli.common.check_lists import LEAST, MOST, list_findings, listed_as
from router.cli.common.check_units import unit_findings
from router.counters import TOKENS
from router.prices.price import PICO_PER_USD_PER_MILLION, Price
from router.prices.schedule import Schedule
from router.world.documents import Documents

_DEAR: Final = 100  # few models cost more: what would, is rather per thousand than per token
_FAR: Final = 5  # times the list's price, or a share of it
_WHOLE: Final = {"cached_audio": "audio_input", "cached_image": "image_input"} | {
    "cached_video": "video_input",
    "cached_input": "input",
}


class _Written(NamedTuple):
    """One rate of a backend as it is written, and where."""

    path: Path
    counter: str
    usd: Decimal  # per million tokens

    @property
    def pico(self) -> Decimal:
        """In pico-USD per token, before it is rounded."""
        return self.usd * PICO_PER_USD_PER_MILLION


def price_findings(documents: Documents, today: date) -> list[Finding]:
    """A warning for each price that is probably not meant, and for each that a list says of another
    model, or said too long ago.
    """
    source = parse(documents.config_path.read_text("utf-8"), str(documents.config_path))
    findings = list_findings(documents, source, today)
    for name, section in source.value["backends"].items():
        price = section.get("price")
        if isinstance(price, dict):
            findings += _of_rates(source, ("backends", name, "price"), price)
            findings += unit_findings(source, ("backends", name, "price"), price)
            findings += _beside_the_list(documents, source, name, price, today)
    return findings


def _of_rates(source: Document, path: Path, price: Mapping[str, Any]) -> Iterator[Finding]:
    """Doubts about rates by themselves and beside each other; those of tiers too."""
    rates = {each.counter: each for each in _written(path, price)}
    for each in rates.values():
        yield from _unit(source, each)
        if each.pico != each.pico.to_integral_value():
            rounded = usd(int(each.pico.to_integral_value()) * PICO_PER_USD_PER_MILLION)
            yield source.warning(
                each.path,
                f"`{each.counter}` is {_shown(each.usd)} USD per million tokens, finer than whole"
                f" pico-USD a token: {rounded} is charged",
                "write at most 6 decimals",
                rule="price-rounds",
            )
        whole = rates.get(_WHOLE.get(each.counter, ""))
        if whole is not None and each.usd > whole.usd:
            yield source.warning(
                each.path,
                f"`{each.counter}` costs {_shown(each.usd)}, more than the {_shown(whole.usd)} of"
                f" `{whole.counter}`: providers ask less for what they read from a cache",
                "are both swapped?",
                rule="price-order",
            )
    fresh, answer = rates.get("input"), rates.get("output")
    if fresh is not None and answer is not None and 0 < answer.usd < fresh.usd:
        yield source.warning(
            answer.path,
            f"`output` costs {_shown(answer.usd)}, less than the {_shown(fresh.usd)} of `input`",
            "are both swapped? Models that write text ask as much for it, or more",
            rule="price-order",
        )
    tiers = price.get("tiers")
    for name, each in (tiers if isinstance(tiers, dict) else {}).items():
        if isinstance(each, dict):
            yield from _of_rates(source, (*path, "tiers", name), each)


def _written(path: Path, price: Mapping[str, Any]) -> Iterator[_Written]:
    """The rates of tokens that a section holds; numbers, since it was found valid."""
    for counter in TOKENS:
        value = price.get(counter)
        if value is not None:
            yield _Written((*path, counter), counter, Decimal(str(value)))


def _unit(source: Document, each: _Written) -> Iterator[Finding]:
    """Whether a rate is in another unit than USD per million tokens. Zero is no doubt."""
    if each.usd == 0 or LEAST <= each.usd <= MOST:
        return
    if each.usd > MOST:
        unit, per_million = "more than any model costs: is this per billion?", each.usd / 1000
    elif each.usd * 10**6 <= _DEAR:
        unit, per_million = "less than any model costs: is this per token?", each.usd * 10**6
    else:
        unit, per_million = "less than any model costs: is this per thousand?", each.usd * 1000
    yield source.warning(
        each.path,
        f"`{each.counter}` is {_shown(each.usd)} USD per million tokens, {unit}",
        f"prices are USD per million tokens; that would be {each.counter}: {_shown(per_million)}",
        rule="price-unit",
    )


def _beside_the_list(
    documents: Documents, source: Document, name: str, price: Mapping[str, Any], today: date
) -> Iterator[Finding]:
    """Where a price is far from what the list says of the same model, or what that said before."""
    listed = listed_as(documents, name)
    if listed is None:
        return
    now, before = _in_force(listed.schedule, today), _former(listed.schedule, today)
    own = {each.counter: each for each in _written(("backends", name, "price"), price)}
    if not own.keys() >= {"input", "output"}:
        return
    pair = (own["input"].pico, own["output"].pico)
    if pair in before and pair not in {_pair(each) for each in now}:
        yield source.warning(
            ("backends", name, "price"),
            f"the price of `{name}` is what `{listed.model}` cost before {before[pair]}",
            f"the list says {_says(now)} now; leave `price` out to follow it",
            rule="price-stale",
        )
        return
    rates = {
        "input": [each.input_pico for each in now],
        "output": [each.output_pico for each in now],
    }
    for each in (own["input"], own["output"]):
        if LEAST <= each.usd <= MOST and _is_far(each.pico, rates[each.counter]):
            yield source.warning(
                each.path,
                f"`{each.counter}` costs {_shown(each.usd)}; the list says {_says(now)} of"
                f" `{listed.model}`",
                "see `turnout prices`; leave `price` out to follow the list",
                rule="price-far",
            )


def _is_far(rate: Decimal, listed: list[int]) -> bool:
    """Whether a rate is far from each that the list has of a day, if that has any."""
    return any(listed) and not min(listed) / _FAR <= rate <= max(listed) * _FAR


def _in_force(schedule: Schedule, today: date) -> list[Price]:
    """The prices of a day, each once: they may depend on the hour."""
    start = datetime.combine(today, time(), UTC)
    hours = (start + timedelta(minutes=30 * half) for half in range(48))
    return list(dict.fromkeys(schedule.at(int(hour.timestamp() * 1000)) for hour in hours))


def _former(schedule: Schedule, today: date) -> dict[tuple[Decimal, Decimal], date]:
    """Input and output prices that were in force once, and the day on which they ended."""
    lasting = [each for each in schedule.entries if each.start == each.end]
    ended: dict[tuple[Decimal, Decimal], date] = {}
    for each, following in pairwise(lasting):
        day = datetime.fromtimestamp(following.since / 1000, UTC).date()
        if day <= today:
            ended[_pair(each.price)] = day
    return ended


def _pair(price: Price) -> tuple[Decimal, Decimal]:
    return Decimal(price.input_pico), Decimal(price.output_pico)


def _says(prices: list[Price]) -> str:
    """What a list says, in USD per million tokens: input / output, at each hour that differs."""
    pairs = dict.fromkeys((each.input_pico, each.output_pico) for each in prices)
    return " or ".join(
        " / ".join(usd(pico * PICO_PER_USD_PER_MILLION) for pico in pair) for pair in pairs
    )


def _shown(amount: Decimal) -> str:
    """A decimal as people write it: no exponent, no zeros at its end."""
    return f"{amount.normalize():f}"
