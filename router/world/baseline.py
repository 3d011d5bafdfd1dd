"""What a request would have cost at one backend: the baseline that savings are reckoned from.

The very same counters, at that backend's rates: what was read from a cache, or written to one, is
priced as read and written there too, although its cache would have been warm at other moments;
nobody can know which. Of a cascade, the delivered answer alone would have been asked for. Where
that backend served the request itself, at its price, it would have cost what it did cost.
"""

from typing import Final

from router.backends.backend import CHAT, Backend
from router.prices.book import PriceBook
from router.usage.used import usage_of
from router.usage_row import UsageRow
from router.world.config_load import LoadedConfig

# What any server of conversations may be asked, by the names of operations (None: not known).
_CONVERSING: Final = frozenset({"chat", "message", "response", "content", "completion", None})


def baseline_of(loaded: LoadedConfig) -> str:
    """Return the backend that savings are reckoned from: the one that the configuration names, else
    the one whose output tokens are the dearest now; of several, the first.
    """
    named = loaded.config.savings.baseline
    return named or max(loaded.backends, key=lambda name: loaded.prices.price(name).output_pico)


class Baseline:
    """Prices requests as if one backend had served them."""

    def __init__(self, backend: Backend, prices: PriceBook, batch_prices: PriceBook) -> None:
        self.name = backend.name
        self._serves = backend.serves
        self._prices = prices
        self._batch_versions = {batch_prices.version} - {prices.version}

    @classmethod
    def named(cls, loaded: LoadedConfig, name: str) -> "Baseline":
        """The backend of this name. Raises KeyError where there is none."""
        return cls(loaded.backends[name], loaded.prices, loaded.batch_prices)

    def cost(self, row: UsageRow) -> int | None:
        """Return what a request would have cost in pico-USD, by the prices of when it ended.

        None where that cannot be said: nobody knows who served it; the backend does not have its
        operation, or no price for its units; it is a batch, whose row adds up many prompts.
        """
        price = self._prices.price(self.name, row.closed_at)
        if row.backend == self.name and _at_list_price(row) and not price.reported:
            return row.cost_pico
        if row.backend is None or self._is_batch(row) or not self._has(row.operation):
            return None
        usage = usage_of(row)
        if usage.units and not {name for name, _ in usage.units} <= dict(price.units).keys():
            return None
        return price.cost(usage)

    def _is_batch(self, row: UsageRow) -> bool:
        return row.requests > 1 or row.price_version in self._batch_versions

    def _has(self, operation: str | None) -> bool:
        if self._serves is None:
            return operation in _CONVERSING
        return operation in self._serves or (operation in _CONVERSING and CHAT in self._serves)


def _at_list_price(row: UsageRow) -> bool:
    """Whether a row cost what the price list says of its request alone."""
    return row.service_tier is None and (row.counts is None or '"answer"' not in row.counts)
