"""What one admitted request has used so far, and how it ended: the source of its charge.

The ledger asks `charge` at each heartbeat and once more at the end. Until a backend says what it
used, tokens are counted from what passed through, and the usage is marked as estimated.
"""

from types import TracebackType
from typing import Protocol

from router.backends.backend import Backend
from router.domain import Charge, Outcome, Usage
from router.errors import TurnoutError
from router.prices.book import PriceBook


class Served(Protocol):
    """What the meter reads of an upstream."""

    @property
    def backend(self) -> Backend:
        """The backend that answers."""

    @property
    def usage(self) -> Usage | None:
        """What the backend says it used, once it said so."""

    @property
    def output_tokens_seen(self) -> int:
        """Output tokens that passed through so far."""

    @property
    def model(self) -> str | None:
        """The model as the reply names it."""


class Meter:
    """Counts one request. As a block, it turns the way it was left into the outcome."""

    __slots__ = ("_input_tokens", "_outcome", "_prices", "_route", "_served", "dispatched_to")

    def __init__(self, route: str, input_tokens: int, prices: PriceBook) -> None:
        self._route = route
        self._input_tokens = input_tokens
        self._prices = prices
        self._served: Served | None = None
        self._outcome = Outcome.DISCONNECTED
        self.dispatched_to: Backend | None = None

    def __enter__(self) -> "Meter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._outcome = Outcome.COMPLETED
        elif isinstance(error, TurnoutError) and self._served is None:
            self._outcome = Outcome.FAILED
        elif isinstance(error, Exception):
            self._outcome = Outcome.CUT

    def serve(self, upstream: Served) -> None:
        """Count what `upstream` delivers from now on."""
        self._served = upstream

    def charge(self) -> Charge:
        """Return what was used so far.

        A client that leaves before the first byte is charged for the prompt that the backend was
        already working on; one that meets an error before the first byte is charged nothing.
        """
        served = self._served
        backend = served.backend if served is not None else self.dispatched_to
        if backend is None or self._outcome is Outcome.FAILED:
            return Charge(Usage(), 0, self._outcome, route=self._route)
        usage = served.usage if served is not None else None
        if usage is None:
            seen = served.output_tokens_seen if served is not None else 0
            usage = Usage(self._input_tokens, seen, estimated=True)
        return Charge(
            usage,
            self._prices.price(backend.name).cost(usage),
            self._outcome,
            backend=backend.name,
            model=(served.model if served is not None else None) or backend.model,
            route=self._route,
        )
