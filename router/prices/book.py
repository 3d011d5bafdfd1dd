"""What each backend costs, in integer pico-USD per token.

1 USD per million tokens is 1,000,000 pico-USD per token, so list prices are whole numbers and
sums never round.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType

from router.domain import Usage

@dataclass(frozen=True, slots=True)
class Price:
    """What one token costs at a backend, in pico-USD."""

    input_pico: int
    output_pico: int
    cached_input_pico: int

    def cost(self, usage: Usage) -> int:
        """Return the cost of `usage` in pico-USD."""
        fresh = max(0, usage.input_tokens - usage.cached_tokens)
        return (
            fresh * self.input_pico
            + usage.cached_tokens * self.cached_input_pico
            + usage.output_tokens * self.output_pico
        )


class PriceBook:
    """One price for each backend; `version` changes whenever a price does."""

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._prices = MappingProxyType(dict(prices))
        self.version = sha256(repr(sorted(prices.items())).encode()).hexdigest()[:12]

    def price(self, backend: str) -> Price:
        """Return the price of `backend`; the configuration guarantees that there is one."""
        return self._prices[backend]
