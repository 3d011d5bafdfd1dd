"""A circuit breaker: after failures in a row, rest; then try again with care.

Theory of operation. Three states and a table of what each event does to each. CLOSED counts
failures in a row; at `threshold` it goes OPEN and lets nothing through until its rest is over. The
first request after the rest finds it HALF_OPEN, where only a few may run at a time (the ramp:
1, 2, 4, ... as they succeed, so a herd does not knock a recovering server over again). A success
on each step of the ramp closes it; one failure opens it again for twice as long, up to `max_rest`.
A 429 or 503 with Retry-After rests the deployment for just that long, whatever its state.

The clock is an argument: seconds of any monotonic clock.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final


class State(Enum):
    """Where a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Event(Enum):
    """What a breaker reacts to."""

    SUCCESS = "success"
    FAILURE = "failure"
    RESTED = "rested"


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """`threshold` failures in a row open it for `rest` seconds, doubled up to `max_rest`;
    `ramp` successes in half-open close it."""

    threshold: int = 5
    rest: float = 5.0
    max_rest: float = 120.0
    ramp: int = 3


@dataclass(slots=True)
class _Memory:
    """What a breaker remembers between events."""

    policy: BreakerPolicy
    rest: float
    state: State = State.CLOSED
    failures: int = 0  # in a row
    until: float = 0.0  # nothing goes through before this instant
    steps: int = 0  # of the ramp that succeeded
    probes: int = 0  # running in half-open


class Breaker:
    """One breaker: of a deployment, or of one kind of request there. Ask `allows` before a try;
    report `began` and the outcome.

    `all_clear` is true while no failure counts against the deployment: then every try is allowed,
    and neither `began` nor `succeeded` would change anything, so callers may skip both.
    """

    __slots__ = ("_memory", "all_clear")

    def __init__(self, policy: BreakerPolicy | None = None) -> None:
        policy = policy or BreakerPolicy()
        self._memory = _Memory(policy, policy.rest)
        self.all_clear = True

    @property
    def state(self) -> State:
        """Where it stands; OPEN until the first request after its rest."""
        return self._memory.state

    @property
    def until(self) -> float:
        """The instant before which nothing goes through."""
        return self._memory.until

    def allows(self, now: float) -> bool:
        """Whether a request may be sent now."""
        memory = self._memory
        if now < memory.until:
            return False
        return memory.state is not State.HALF_OPEN or memory.probes < 1 << memory.steps

    def resting(self, now: float) -> float:
        """Seconds until a request may be tried again; 0 where one may now."""
        return max(0.0, self._memory.until - now)

    def began(self, now: float) -> None:
        """A request was sent."""
        memory = self._memory
        if memory.state is State.CLOSED:
            return
        if memory.state is State.OPEN and now >= memory.until:
            self._apply(Event.RESTED, now)
        if memory.state is State.HALF_OPEN:
            memory.probes += 1

    def succeeded(self, now: float) -> None:
        """The request was answered."""
        self._apply(Event.SUCCESS, now)
        memory = self._memory
        self.all_clear = memory.state is State.CLOSED and now >= memory.until

    def failed(self, now: float) -> None:
        """The request failed for a reason that is the backend's."""
        self.all_clear = False
        self._apply(Event.FAILURE, now)

    def abandoned(self) -> None:
        """The request ended without telling anything of the backend: the client left."""
        self._memory.probes = max(0, self._memory.probes - 1)

    def rest_for(self, seconds: float, now: float) -> None:
        """The backend asked for a rest of so many seconds (Retry-After)."""
        self.all_clear = False
        self._memory.until = max(self._memory.until, now + seconds)
        self.abandoned()

    def _apply(self, event: Event, now: float) -> None:
        _TRANSITIONS[self._memory.state, event](self._memory, now)


def _reset(memory: _Memory, _now: float) -> None:
    memory.failures = 0


def _count(memory: _Memory, now: float) -> None:
    memory.failures += 1
    if memory.failures >= memory.policy.threshold:
        _open(memory, now)


def _open(memory: _Memory, now: float) -> None:
    memory.state = State.OPEN
    memory.until = now + memory.rest
    memory.probes = 0


def _reopen(memory: _Memory, now: float) -> None:
    memory.rest = min(memory.rest * 2, memory.policy.max_rest)
    _open(memory, now)


def _half_open(memory: _Memory, _now: float) -> None:
    memory.state = State.HALF_OPEN
    memory.steps = 0
    memory.probes = 0


def _climb(memory: _Memory, _now: float) -> None:
    memory.probes = max(0, memory.probes - 1)
    memory.steps += 1
    if memory.steps >= memory.policy.ramp:
        memory.state = State.CLOSED
        memory.failures = 0
        memory.rest = memory.policy.rest


def _stay(_memory: _Memory, _now: float) -> None:
    """A late answer, from before the breaker opened, changes nothing."""


_TRANSITIONS: Final[dict[tuple[State, Event], Callable[[_Memory, float], None]]] = {
    (State.CLOSED, Event.SUCCESS): _reset,
    (State.CLOSED, Event.FAILURE): _count,
    (State.CLOSED, Event.RESTED): _stay,
    (State.OPEN, Event.SUCCESS): _stay,
    (State.OPEN, Event.FAILURE): _stay,
    (State.OPEN, Event.RESTED): _half_open,
    (State.HALF_OPEN, Event.SUCCESS): _climb,
    (State.HALF_OPEN, Event.FAILURE): _reopen,
    (State.HALF_OPEN, Event.RESTED): _stay,
}
