"""What one admitted request has used so far, and how it ended: the source of its charge.

The ledger asks `charge` at each heartbeat and once more at the end. Until a backend says what it
used, tokens are counted from what passed through, and the usage is marked as estimated.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Protocol, TypedDict

from router.backends.backend import Backend
from router.backends.energy import energy_of
from router.backends.health import Health
from router.backends.upstream import Leg
from router.domain import Charge, Outcome, Usage
from router.errors import TurnoutError
from router.pipeline.decide import Plan
from router.prices.book import PriceBook


def together(parts: Sequence[Usage]) -> Usage:
    """Return the usage of several answers as one."""
    return Usage(
        input_tokens=sum(part.input_tokens for part in parts),
        output_tokens=sum(part.output_tokens for part in parts),
        cached_tokens=sum(part.cached_tokens for part in parts),
        reasoning_tokens=sum(part.reasoning_tokens for part in parts),
        estimated=any(part.estimated for part in parts),
        cache_write_tokens=sum(part.cache_write_tokens for part in parts),
    )


class Consumption(TypedDict):
    """The part of a charge that is not money."""

    busy_ms: int
    energy_mj: int | None
    energy_source: str | None


class Served(Protocol):
    """What the meter reads of an upstream."""

    @property
    def backend(self) -> Backend:
        """The backend that answers."""

    @property
    def legs(self) -> tuple[Leg, ...]:
        """Answers of a cascade that were paid for and passed over."""

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
    """Counts one request. As a block, the way it was left becomes the outcome."""

    __slots__ = (
        "_began",
        "_final",
        "_legs",
        "_outcome",
        "_plan",
        "_prices",
        "_served",
        "_tell",
        "_view",
    )

    def __init__(
        self,
        plan: Plan,
        prices: PriceBook,
        view: Mapping[str, Health],
        tell: Callable[[Charge], None],
    ) -> None:
        self._began = time.monotonic()
        self._view = view
        self._plan = plan
        self._prices = prices
        self._tell = tell
        self._served: Served | None = None
        self._legs: list[Leg] = []
        self._outcome = Outcome.DISCONNECTED
        self._final: Charge | None = None

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
        self._final = self.charge()
        self._tell(self._final)

    def pass_over(self, leg: Leg) -> None:
        """Count an answer that a cascade rejected, for a client that leaves before the next."""
        self._legs.append(leg)

    def serve(self, upstream: Served) -> None:
        """Count what `upstream` delivers from now on."""
        self._served = upstream

    def charge(self) -> Charge:
        """Return what was used so far.

        A client that leaves before the first byte is charged for the prompt that the backend was
        already working on; one that meets an error before the first byte is charged nothing. The
        answers that a cascade passed over were paid for, so they are charged too.
        """
        if self._final is not None:
            return self._final
        route, served = self._plan.decision.route, self._served
        if self._outcome is Outcome.FAILED:
            return Charge(Usage(), 0, self._outcome, route=route)
        backend = self._plan.backends[0] if served is None else served.backend
        usage = None if served is None else served.usage
        if usage is None:
            seen = 0 if served is None else served.output_tokens_seen
            usage = Usage(self._plan.input_tokens, seen, estimated=True)
        legs = tuple(self._legs) if served is None else served.legs
        parts = ((backend, usage), *((leg.backend, leg.usage) for leg in legs))
        return Charge(
            together([part for _, part in parts]) if legs else usage,
            sum(self._prices.price(asked.name).cost(part) for asked, part in parts),
            self._outcome,
            backend=backend.name,
            model=(None if served is None else served.model) or backend.model,
            route=route,
            price_version=self._prices.version,
            predicted=self._plan.decision.success.get(backend.name),
            **self._consumption(backend, usage),
        )

    def _consumption(self, backend: Backend, usage: Usage) -> Consumption:
        """Return how long the backend was busy, and the energy of it where that is known."""
        seconds = time.monotonic() - self._began
        energy = energy_of(
            backend.energy,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            busy_seconds=seconds,
            at_once=self._view[backend.name].in_flight,
        )
        return {
            "busy_ms": round(seconds * 1000),
            "energy_mj": None if energy is None else energy.millijoules,
            "energy_source": None if energy is None else energy.provenance.value,
        }
