"""Which prices each backend has, and what a request cost there, in integer pico-USD."""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from router.counters import AUDIO_IN, AUDIO_OUT, IMAGE_OUT, TOKENS, VIDEO_OUT, WRITTEN_1H
from router.domain import Usage
from router.prices.price import Price
from router.prices.schedule import Schedule, always, scaled
from router.units import Units

# A backend's other prices, by the name that its answers give the class of service: prices of its
# own, or a share of the usual ones.
Tiers = Mapping[str, Price | Schedule | Decimal]
_LOG: Final = logging.getLogger(__name__)
_USUALLY_DEARER: Final = frozenset((AUDIO_IN, AUDIO_OUT, IMAGE_OUT, VIDEO_OUT, WRITTEN_1H))
_NO_OTHERS: Final[Tiers] = MappingProxyType({})
_NO_TIERS: Final[Mapping[str, Tiers]] = MappingProxyType({})
_AND: Final = "+"  # between the names of classes that count at once


def _now_ms() -> int:
    """This instant, in ms of Unix time."""
    return time.time_ns() // 1_000_000


class PriceBook:
    """The prices of each backend, by class of service where it has several; `version` changes
    whenever one of them does.

    `plain` are the backends that sell no token for more than a fresh one of its side, unless a
    request marks what is to be cached, and take nothing for a request: `dearest` is then a bound of
    what tokens cost. `simple` are those of them where marking costs nothing either, `bare` those
    of these that sell nothing but tokens, in one class of service: `dearest` bounds all that they
    charge.
    """

    def __init__(
        self,
        prices: Mapping[str, Price | Schedule],
        clock: Callable[[], int] = _now_ms,
        tiers: Mapping[str, Tiers] = _NO_TIERS,
        when_asked: Collection[str] = (),
    ) -> None:
        """`tiers` are the backends' other prices. Those `when_asked` fill their caches only with
        what a request marks. `unsaid` grows by each backend and counter of which an answer turned
        out to count what no price says.
        """
        schedules = {name: always(price) for name, price in prices.items()}
        self._schedules = MappingProxyType(schedules)
        self._tiers = {name: dict(others) for name, others in tiers.items() if others}
        self._fixed = {
            name: schedule.entries[0].price
            for name, schedule in schedules.items()
            if len(schedule.entries) == 1
        }
        self.unsaid: set[tuple[str, str]] = set()
        self._in_tiers: dict[tuple[str, tuple[str, ...]], Schedule] = {}
        self._unasked = schedules.keys() - frozenset(when_asked)
        self.plain = frozenset(
            name
            for name, schedule in schedules.items()
            if all(price.is_plain(writes=name in self._unasked) for price in schedule.prices)
        )
        self.simple = frozenset(
            name
            for name in self.plain
            if all(price.is_plain(writes=True) for price in schedules[name].prices)
        )
        self.bare = frozenset(
            name
            for name in self.simple - self._tiers.keys()
            if not any(price.units for price in schedules[name].prices)
        )
        self._clock = clock
        everything = [sorted(schedules.items()), sorted(self._tiers.items())]
        self.version = sha256(repr(everything).encode()).hexdigest()[:12]

    def price(self, backend: str, at: int | None = None) -> Price:
        """Return the price of `backend` at an instant (ms of Unix time), or now.

        The configuration guarantees that there is one.
        """
        fixed = self._fixed.get(backend)
        if fixed is not None:
            return fixed
        return self._schedules[backend].at(self._clock() if at is None else at)

    def cost(self, backend: str, usage: Usage, at: int | None = None) -> int:
        """Return what `usage` cost at a backend in pico-USD, in the class of service that its
        answer told; one that has no price of its own costs what the usual one does.
        """
        if usage.tier is None:
            price = self._fixed.get(backend) or self.price(backend, at)
        else:
            price = self.in_tier(backend, usage.tier, at)
        if usage.parts:
            self._tell_unsaid(backend, price, usage)
        return price.cost(usage)

    def _tell_unsaid(self, backend: str, price: Price, usage: Usage) -> None:
        """Say once in the log that an answer counts by what usually costs more, and no price says
        it: only now does anybody know that this model does so.
        """
        known = dict(price.parts)
        for name, _ in usage.parts:
            unsaid = name in _USUALLY_DEARER and name not in known and price.input_pico
            if unsaid and (backend, name) not in self.unsaid:
                self.unsaid.add((backend, name))
                facts = {"backend": backend, "key": name, "charged_as": TOKENS[name].part_of}
                _LOG.warning("an answer counts by a rate that no price says", extra=facts)

    def in_tier(self, backend: str, tier: str, at: int | None = None) -> Price:
        """Return the price of a class of service, or of several that count at once: the one that
        has prices of its own, times the shares of the others.
        """
        others = self._tiers.get(backend, _NO_OTHERS)
        names = tuple([name for name in tier.split(_AND) if name in others])
        if not names:
            return self.price(backend, at)
        schedule = self._in_tiers.get((backend, names))
        if schedule is None:
            schedule = always(_in_tiers(self._schedules[backend], [others[one] for one in names]))
            self._in_tiers[backend, names] = schedule
        return schedule.at(self._clock() if at is None else at)

    def dearest(
        self, backends: Collection[str], input_tokens: int, output_tokens: int
    ) -> tuple[int, int]:
        """Return what so many fresh tokens cost at most at any of the backends, in pico-USD: prompt
        and answer together, and the prompt alone.
        """
        together = alone = 0
        for name in backends:
            price = self._fixed.get(name) or self.price(name)
            if price.steps:
                cost, prompt = price.most(input_tokens, output_tokens)
            else:
                prompt = input_tokens * price.input_pico
                cost = prompt + output_tokens * price.output_pico
            together = max(together, cost)
            alone = max(alone, prompt)
        return together, alone

    def writes_unasked(self, backends: Iterable[str]) -> bool:
        """Whether any of the backends may fill its cache with what no request marks."""
        return not self._unasked.isdisjoint(backends)

    def most(
        self,
        backends: Iterable[str],
        input_tokens: int,
        output_tokens: int,
        *,
        kinds: Collection[str] = (),
        units: Units = (),
        tier: str | None = None,
    ) -> tuple[int, int]:
        """Return what so many tokens and units cost at most at any of the backends, in pico-USD:
        prompt and answer together, and the prompt alone; units count as the prompt's.

        `kinds` are counters that the prompt's tokens may fall under, beside fresh and cached;
        `tier` is the class of service that is asked for, which the usual one may stand in for.
        """
        costs = []
        for name in backends:
            prices = [self.price(name)]
            if tier is not None:
                prices.append(self.in_tier(name, tier))
            for price in prices:
                both, alone = price.most(input_tokens, output_tokens, kinds)
                fees = price.of_units(units) - price.per_request_pico if units else 0
                costs.append((both + fees, alone + fees))
        return max(both for both, _ in costs), max(alone for _, alone in costs)


def _in_tiers(usual: Schedule, others: Iterable[Price | Schedule | Decimal]) -> Price | Schedule:
    """The usual prices as several classes of service change them."""
    price: Price | Schedule = usual
    shares = []
    for other in others:
        if isinstance(other, Decimal):
            shares.append(other)
        else:
            price = other
    for share in shares:
        price = scaled(price, share)
    return price
