"""What one admitted request has used so far, and how it ended: the source of its charge.

The ledger asks `charge` at each heartbeat and once more at the end. Until a backend says what it
used, tokens are counted from what passed through, and the usage is marked as estimated.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Final, Protocol

from policies.decision import Cascade as CascadePlan
from router.backends.backend import Backend
from router.backends.dispatch.upstream import Leg
from router.backends.energy import Energy, energy_of
from router.backends.health.health import Health
from router.domain import Cascaded, Charge, Outcome, Usage
from router.errors import TurnoutError
from router.pipeline.plan import Plan
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


class Served(Protocol):
    """What the meter reads of an upstream."""

    @property
    def backend(self) -> Backend:
        """The backend that answers."""

    @property
    def legs(self) -> tuple[Leg, ...]:
        """What else a cascade paid for: answers passed over, and a judge's."""

    @property
    def usage(self) -> Usage | None:
        """What the backend says it used, once it said so."""

    @property
    def output_tokens_seen(self) -> int:
        """Output tokens that passed through so far."""

    @property
    def model(self) -> str | None:
        """The model as the reply names it."""


_NOTHING_PRICED: Final[tuple[Usage | None, tuple[Leg, ...], int]] = (None, (), 0)


class Meter:
    """Counts one request. As a block, the way it was left becomes the outcome."""

    __slots__ = (
        "_began",
        "_final",
        "_legs",
        "_outcome",
        "_plan",
        "_priced",
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
        self._legs: tuple[Leg, ...] = ()
        self._outcome = Outcome.DISCONNECTED
        self._final: Charge | None = None
        self._priced = _NOTHING_PRICED

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
        """Count an answer that a cascade rejected, whatever becomes of the next."""
        self._legs, self._served = (*self._paid(), leg), None

    def serve(self, upstream: Served) -> None:
        """Count what `upstream` answers from now on."""
        self._served = upstream

    def _paid(self) -> tuple[Leg, ...]:
        return self._legs if self._served is None else self._served.legs

    def _at_work(self) -> Backend:
        """The backend that has the request now: the next one that was not passed over."""
        if not self._legs:
            return self._plan.backends[0]
        over = {leg.backend.name for leg in self._legs if leg.rejected}
        left = [backend for backend in self._plan.backends if backend.name not in over]
        return left[0] if left else self._plan.backends[-1]

    def charge(self) -> Charge:
        """Return what was used so far.

        A client that leaves before the first byte is charged for the prompt that the backend was
        already working on; one that meets an error before the first byte is charged nothing. The
        answers that a cascade passed over, and its judge, were paid for: they are charged too,
        however the request ends.
        """
        if self._final is not None:
            return self._final
        served = self._served
        if self._outcome is Outcome.FAILED:
            return self._failed(self._paid())
        if served is None:
            backend = self._at_work()
            usage = Usage(self._plan.input_tokens, 0, estimated=True)
            return self._charged(backend, backend.model, usage, self._legs)
        backend = served.backend
        usage = served.usage or Usage(
            self._plan.input_tokens, served.output_tokens_seen, estimated=True
        )
        return self._charged(backend, served.model or backend.model, usage, served.legs)

    def _charged(self, backend: Backend, model: str, usage: Usage, legs: tuple[Leg, ...]) -> Charge:
        """The charge of an answer by `backend`, and of what was paid for beside it."""
        decision = self._plan.decision
        seconds = time.monotonic() - self._began
        millijoules = source = cascaded = None
        if backend.energy is not None and (energy := self._energy(backend, usage, seconds)):
            millijoules, source = energy.millijoules, energy.provenance.value
        if decision.cascade is not None:
            cascaded = self._cascaded(decision.cascade, legs, usage)
        return Charge(
            together([usage, *(leg.usage for leg in legs)]) if legs else usage,
            self._cost(backend, usage, legs),
            self._outcome,
            backend.name,
            model,
            decision.route,
            self._prices.version,
            round(seconds * 1000),
            millijoules,
            source,
            decision.success.get(backend.name),
            cascaded,
        )

    def cost_pico(self) -> int:
        """Return what a whole answer costs, all that was paid for beside it included."""
        served = self._served
        if served is None or served.usage is None:
            return self.charge().cost_pico
        return self._cost(served.backend, served.usage, served.legs)

    def _cost(self, backend: Backend, usage: Usage, legs: tuple[Leg, ...]) -> int:
        """The cost of an answer and its legs: computed once, told to the client and charged."""
        priced = self._priced
        if priced[0] is usage and priced[1] is legs:
            return priced[2]
        cost = self._prices.price(backend.name).cost(usage)
        if legs:
            cost += self._cost_of(legs)
        self._priced = (usage, legs, cost)
        return cost

    def _failed(self, legs: tuple[Leg, ...]) -> Charge:
        """The charge of a request that was not answered: what its cascade paid for in vain."""
        last = legs[-1].backend if legs else None
        usage = together([leg.usage for leg in legs])
        planned = self._plan.decision.cascade
        return Charge(
            usage,
            self._cost_of(legs),
            self._outcome,
            backend=None if last is None else last.name,
            model=None if last is None else last.model,
            route=self._plan.decision.route,
            price_version=None if last is None else self._prices.version,
            cascade=self._cascaded(planned, legs, Usage()) if legs and planned else None,
        )

    def _cost_of(self, legs: Sequence[Leg]) -> int:
        return sum([self._prices.price(leg.backend.name).cost(leg.usage) for leg in legs])

    def _cascaded(self, planned: CascadePlan, legs: Sequence[Leg], usage: Usage) -> Cascaded:
        """What the planned cascade came to: `usage` is the delivered answer's."""
        rejected = [leg for leg in legs if leg.rejected]
        return Cascaded(
            fired=tuple(leg.verifier for leg in rejected),
            rejected_pico=self._cost_of(rejected),
            judge_pico=self._cost_of([leg for leg in legs if not leg.rejected]),
            direct_pico=self._prices.price(planned.steps[-1]).cost(usage),
        )

    def _energy(self, backend: Backend, usage: Usage, seconds: float) -> Energy | None:
        """The energy of an answer, where that is known."""
        return energy_of(
            backend.energy,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            busy_seconds=seconds,
            at_once=self._view[backend.name].in_flight,
        )
