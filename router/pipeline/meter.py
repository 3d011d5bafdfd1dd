"""What one admitted request has used so far, and how it ended: the source of its charge.

Theory of operation. Whoever dispatches the request appends to `events`: an answer that begins, or
one that was paid for and passed over. The meter folds them, whenever the ledger asks (at each
heartbeat and once more at the end), into who serves and what was paid for beside; it calls nobody.
Until a backend says what it used, tokens are counted from what passed through, and the
usage is marked as estimated.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Final, Protocol

from policies.decision import CascadeSteps
from router.backends.backend import Backend
from router.backends.dispatch.upstream import BilledAnswer, Event
from router.backends.energy import Energy, energy_of
from router.counters import summed
from router.domain import Cascaded, Charge, Outcome, Usage
from router.errors import ReadTooSlowly, TurnoutError
from router.ledger.thoughts import ThoughtHistory
from router.pipeline.plan import Plan
from router.prices.book import PriceBook
from router.protocols.effort import effort_of


def together(parts: Sequence[Usage]) -> Usage:
    """Return the usage of several answers as one."""
    return Usage(
        input_tokens=sum(part.input_tokens for part in parts),
        output_tokens=sum(part.output_tokens for part in parts),
        cached_tokens=sum(part.cached_tokens for part in parts),
        reasoning_tokens=sum(part.reasoning_tokens for part in parts),
        estimated=any(part.estimated for part in parts),
        cache_write_tokens=sum(part.cache_write_tokens for part in parts),
        units=tuple(unit for part in parts for unit in part.units),
        parts=summed(each for part in parts for each in part.parts),
        tier=parts[0].tier if parts else None,
    )


def as_listed(usage: Usage) -> Usage:
    """Return the usage as another backend would have had it: its price, not this one's word."""
    if usage.reported_pico is None and usage.tier is None:
        return usage
    return usage._replace(reported_pico=None, tier=None)


class Served(Protocol):
    """What the meter reads of an answer that is being given."""

    @property
    def backend(self) -> Backend:
        """The backend that answers."""

    @property
    def billed(self) -> tuple[BilledAnswer, ...]:
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


class InFlight(Protocol):
    """How busy a backend is."""

    @property
    def in_flight(self) -> int:
        """Requests that it works on now."""


_NOTHING_PRICED: Final[tuple[Usage | None, tuple[BilledAnswer, ...], int]] = (None, (), 0)


def standing(events: Sequence[Event]) -> tuple[Served | None, tuple[BilledAnswer, ...]]:
    """Return whose answer is being given, if any, and what was paid for beside it."""
    if not events:
        return None, ()
    last = events[-1]
    if isinstance(last, BilledAnswer):
        return None, (*standing(events[:-1])[1], last)
    return last, last.billed  # `billed` already includes what came before


class Meter:
    """Counts one request. As a block, it takes its outcome from how the block is left."""

    __slots__ = (
        "_began",
        "_clock",
        "_loads",
        "_outcome",
        "_plan",
        "_priced",
        "_prices",
        "_thoughts",
        "events",
        "final",
    )

    def __init__(
        self,
        plan: Plan,
        prices: PriceBook,
        loads: Mapping[str, InFlight],
        clock: Callable[[], float] = time.monotonic,
        thoughts: ThoughtHistory | None = None,
    ) -> None:
        """`loads` share out a machine's energy among the requests that it works on; `thoughts` are
        what backends are known to think unseen."""
        self._thoughts = thoughts
        self._clock = clock
        self._began = clock()
        self._loads = loads
        self._plan = plan
        self._prices = prices
        self._outcome = Outcome.DISCONNECTED
        self.final: Charge | None = None  # once the block was left
        self._priced = _NOTHING_PRICED
        self.events: list[Event] = []

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
        elif isinstance(error, TurnoutError) and standing(self.events)[0] is None:
            self._outcome = Outcome.FAILED
        elif isinstance(error, Exception) and not isinstance(error, ReadTooSlowly):
            self._outcome = Outcome.CUT
        self.final = self.charge()

    def charge(self) -> Charge:
        """Return what was used so far.

        A client that leaves before the first byte is charged for the prompt that the backend was
        already working on, and for what it has probably thought until then; one that meets an error
        before the first byte is charged nothing. The answers that a cascade passed over, and its
        judge, were paid for: they are charged too, however the request ends.
        """
        if self.final is not None:
            return self.final
        served, billed = standing(self.events)
        if self._outcome is Outcome.FAILED:
            return self._failed(billed)
        if served is None:
            backend = at_work(self._plan.backends, billed)
            waited = self._clock() - self._began
            so_far = self._counted(0, self._unseen(backend, 0, waited))
            return self._charged(backend, backend.model, so_far, billed)
        backend = served.backend
        usage = served.usage
        if usage is None:
            seen = served.output_tokens_seen
            usage = self._counted(seen, self._unseen(backend, seen))
        return self._charged(backend, served.model or backend.model, usage, billed)

    def _counted(self, seen: int, thoughts: int) -> Usage:
        """The gateway's own count of an answer whose backend has not told any."""
        plan = self._plan
        return Usage(
            plan.input_tokens,
            seen + thoughts,
            reasoning_tokens=thoughts,
            estimated=True,
            units=plan.units,
        )

    def _unseen(self, backend: Backend, seen: int, waited: float | None = None) -> int:
        """What the backend has probably thought that nobody saw, by its operator or its answers:
        never more than was held. Of one that broke off itself that is nobody's to pay.
        """
        plan, ask, thoughts = self._plan, self._plan.ask, self._thoughts
        told = backend.expected_reasoning_tokens
        if ask is None or thoughts is None or self._outcome is Outcome.CUT:
            return 0
        if not told and not thoughts.thinking:
            return 0
        likely = told if told and waited is None else 0
        likely = likely or thoughts.expected(backend.name, effort_of(ask.body), waited)
        return max(0, min(likely, plan.reservation.estimate.output_tokens - seen))

    def cost_pico(self) -> int:
        """Return what a whole answer costs, all that was paid for beside it included."""
        served, billed = standing(self.events)
        if served is None or served.usage is None:
            return self.charge().cost_pico
        return self._cost(served.backend, served.usage, billed)

    def _charged(
        self, backend: Backend, model: str, usage: Usage, billed: tuple[BilledAnswer, ...]
    ) -> Charge:
        """The charge of an answer by `backend`, and of what was paid for beside it."""
        decision = self._plan.decision
        seconds = self._clock() - self._began
        millijoules = source = cascaded = None
        if backend.energy is not None and (energy := self._energy(backend, usage, seconds)):
            millijoules, source = energy.millijoules, energy.provenance.value
        if decision.cascade is not None:
            cascaded = self._cascaded(decision.cascade, billed, usage)
        return Charge(
            together([usage, *(answer.usage for answer in billed)]) if billed else usage,
            self._cost(backend, usage, billed),
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
            self._plan.operation,
            credential=None if backend.own is None and not billed else paid_by(backend, billed),
        )

    def _cost(self, backend: Backend, usage: Usage, billed: tuple[BilledAnswer, ...]) -> int:
        """The cost of an answer and the rest: computed once, told to the client and charged."""
        priced = self._priced
        if priced[0] is usage and priced[1] is billed:
            return priced[2]
        cost = self._prices.cost(backend.name, usage)
        if billed:
            cost += self._cost_of(billed)
        self._priced = (usage, billed, cost)
        return cost

    def _failed(self, billed: tuple[BilledAnswer, ...]) -> Charge:
        """The charge of a request that was not answered: what its cascade paid for in vain."""
        last = billed[-1].backend if billed else None
        planned = self._plan.decision.cascade
        return Charge(
            together([answer.usage for answer in billed]),
            self._cost_of(billed),
            self._outcome,
            backend=None if last is None else last.name,
            model=None if last is None else last.model,
            route=self._plan.decision.route,
            price_version=None if last is None else self._prices.version,
            cascade=self._cascaded(planned, billed, Usage()) if billed and planned else None,
            operation=self._plan.operation,
            credential=None if last is None else paid_by(last, billed),
        )

    def _cost_of(self, billed: Sequence[BilledAnswer]) -> int:
        return sum([self._prices.cost(a.backend.name, a.usage) for a in billed])

    def _cascaded(
        self, planned: CascadeSteps, billed: Sequence[BilledAnswer], usage: Usage
    ) -> Cascaded:
        """What the planned cascade came to: `usage` is the delivered answer's."""
        rejected = [answer for answer in billed if answer.rejected]
        return Cascaded(
            fired=tuple(answer.verifier for answer in rejected),
            rejected_pico=self._cost_of(rejected),
            judge_pico=self._cost_of([answer for answer in billed if not answer.rejected]),
            direct_pico=self._prices.cost(planned.steps[-1], as_listed(usage)),
            answer=usage if billed else None,
        )

    def _energy(self, backend: Backend, usage: Usage, seconds: float) -> Energy | None:
        """The energy of an answer, where that is known."""
        return energy_of(
            backend.energy,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            busy_seconds=seconds,
            at_once=self._loads[backend.name].in_flight,
        )


def paid_by(backend: Backend, billed: Sequence[BilledAnswer]) -> str | None:
    """Return whose accounts paid: "own" where the customer's did, "mixed" where both did, None
    where the operator's did."""
    own = {each.own is not None for each in (backend, *[answer.backend for answer in billed])}
    return None if own == {False} else "own" if own == {True} else "mixed"


def at_work(planned: Sequence[Backend], billed: Sequence[BilledAnswer]) -> Backend:
    """Return the backend that has the request now: the next one that was not passed over."""
    if not billed:
        return planned[0]
    over = {answer.backend.name for answer in billed if answer.rejected}
    left = [backend for backend in planned if backend.name not in over]
    return left[0] if left else planned[-1]
