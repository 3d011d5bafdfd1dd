"""Candidates in order, until one answers: first byte wins.

A round asks each candidate once, on its least busy lane. A lane that fails for its own reasons lets
another lane of the same backend try, if the retry budget has something left; so does a second
round, after a random wait. A request that a backend refuses as wrong ends at once.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from router.backends.attempt import Attempt
from router.backends.backend import Backend
from router.backends.breaker import BreakerPolicy
from router.backends.health import Health, HealthBoard, LaneState
from router.backends.retry import RetryBudget, RetryPolicy, backoff
from router.backends.transport import Transport
from router.backends.upstream import ANSWERED, Try, Upstream
from router.backends.verdict import VERDICTS, AttemptFailed, Kind
from router.errors import (
    Overloaded,
    TurnoutError,
    UpstreamFailed,
    UpstreamRejected,
    UpstreamTimeout,
)
from router.wire.chat import ChatRequest


class Dispatcher:
    """Sends requests to backends. One for the gateway's life; reloads `adopt` new backends."""

    def __init__(
        self,
        transport: Transport,
        *,
        retry: RetryPolicy | None = None,
        breaker: BreakerPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
        rand: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._transport = transport
        self._retry = retry or RetryPolicy()
        self._budget = RetryBudget(self._retry)
        self._clock = clock
        self._rand = rand
        self._sleep = sleep
        self._board = HealthBoard(breaker or BreakerPolicy(), clock)

    def adopt(self, backends: Sequence[Backend]) -> None:
        """Know these backends and forget others; those that did not change keep their breakers."""
        self._board.adopt(backends)

    def view(self) -> Mapping[str, Health]:
        """The health of every backend by name, live."""
        return self._board.view()

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.close()

    @asynccontextmanager
    async def open(
        self, candidates: Sequence[Backend], request: ChatRequest, request_id: str
    ) -> AsyncIterator[Upstream]:
        """The first answer of the candidates; its connection is let go at the end of the block.

        Raises UpstreamRejected where a backend finds the request wrong, and UpstreamTimeout,
        Overloaded or UpstreamFailed where every candidate failed before its first byte.
        """
        upstream = await self._first_answer(candidates, request, request_id)
        try:
            yield upstream
        finally:
            upstream.close()

    async def _first_answer(
        self, candidates: Sequence[Backend], request: ChatRequest, request_id: str
    ) -> Upstream:
        search = _Search(request, request_id)
        self._budget.earn()
        for round_ in range(self._retry.rounds + 1):
            if round_ and not await self._may_go_round(candidates, search, round_):
                break
            for backend in candidates:
                upstream = await self._ask(backend, search)
                if upstream is not None:
                    upstream.attempts = tuple(search.tries)
                    return upstream
        raise search.error(self._rest_of(candidates))

    async def _may_go_round(
        self, candidates: Sequence[Backend], search: "_Search", round_: int
    ) -> bool:
        """Whether to ask all once more; waits first, as long as the first of them rests."""
        rest = self._rest_of(candidates)
        if rest > self._retry.longest or not search.worth_another_round():
            return False
        if not self._budget.spend():
            return False
        await self._sleep(max(rest, backoff(self._retry, round_, self._rand)))
        search.tried = frozenset()
        return True

    async def _ask(self, backend: Backend, search: "_Search") -> Upstream | None:
        """Try this backend's lanes; None where another candidate should be asked."""
        health = self._board.of(backend)
        asked = False
        while True:
            lanes = health.open_lanes(search.tried)
            if not lanes:
                if not asked:
                    search.note(backend, backend.name, AttemptFailed(Kind.RESTING, "rests"), 0.0)
                return None
            if asked and not self._budget.spend():
                return None
            asked = True
            upstream = await self._try(backend, lanes[0], search)
            if upstream is not None:
                return upstream
            if not search.another_lane_may_help():
                return None

    async def _try(self, backend: Backend, state: LaneState, search: "_Search") -> Upstream | None:
        """One try on one lane; None where it failed and another may be asked."""
        began = self._clock()
        state.breaker.began(began)
        state.in_flight += 1
        attempt = Attempt(
            backend, state.lane, search.request, search.request_id, self._teller(state)
        )
        try:
            upstream = await attempt.make(self._transport)
        except AttemptFailed as failed:
            state.in_flight -= 1
            self._learn(state, failed)
            search.note(backend, state.lane.id, failed, self._clock() - began)
            return None
        except BaseException:
            state.in_flight -= 1
            state.breaker.abandoned()
            raise
        upstream.first_byte_seconds = self._clock() - began
        search.tries.append(Try(backend.name, state.lane.id, ANSWERED, upstream.first_byte_seconds))
        return upstream

    def _learn(self, state: LaneState, failed: AttemptFailed) -> None:
        """Tell the breaker what the failure says of the lane."""
        now = self._clock()
        verdict = VERDICTS[failed.kind]
        rest = failed.rest if failed.rest is not None else verdict.rest
        if verdict.blames:
            state.breaker.failed(now)
        if rest:
            state.breaker.rest_for(rest, now)
        elif failed.kind is Kind.UNSUPPORTED:
            state.breaker.abandoned()  # it was not asked
        elif not verdict.blames:
            state.breaker.succeeded(now)  # it answered; that the request was wrong is not its fault

    def _teller(self, state: LaneState) -> Callable[[bool | None], None]:
        """What an Upstream calls once when its answer is over: True well, False ill, None cut."""

        def tell(outcome: bool | None) -> None:
            state.in_flight -= 1
            if outcome is None:
                state.breaker.abandoned()
            elif outcome:
                state.breaker.succeeded(self._clock())
            else:
                state.breaker.failed(self._clock())

        return tell

    def _rest_of(self, candidates: Sequence[Backend]) -> float:
        return min((self._board.of(backend).resting() for backend in candidates), default=0.0)


class _Search:
    """What one request has met so far on its way along the candidates."""

    __slots__ = ("failures", "request", "request_id", "tried", "tries")

    def __init__(self, request: ChatRequest, request_id: str) -> None:
        self.request = request
        self.request_id = request_id
        self.tries: list[Try] = []
        self.failures: list[tuple[str, AttemptFailed]] = []
        self.tried: frozenset[str] = frozenset()

    def note(self, backend: Backend, lane: str, failed: AttemptFailed, seconds: float) -> None:
        """Remember a failure; raise it at once where no other backend can do better."""
        self.tries.append(Try(backend.name, lane, failed.kind.value, seconds))
        self.failures.append((backend.name, failed))
        self.tried |= {lane}
        if not VERDICTS[failed.kind].falls_back:
            raise _rejected(failed)

    def another_lane_may_help(self) -> bool:
        """Whether the last failure was the lane's own, not the model's or the request's."""
        return self.failures[-1][1].kind not in _SAME_ON_EVERY_LANE

    def worth_another_round(self) -> bool:
        """Whether some failure may pass within a moment."""
        return any(VERDICTS[failed.kind].again for _, failed in self.failures)

    def error(self, rest: float) -> TurnoutError:
        """What the client is told when all failed."""
        kinds = {failed.kind for _, failed in self.failures}
        if kinds and kinds <= {Kind.TOO_LONG, Kind.UNSUPPORTED}:
            return _rejected(self.failures[-1][1])
        story = "; ".join(dict.fromkeys(f"{name} {f.reason}" for name, f in self.failures))
        if kinds and kinds <= {Kind.TIMEOUT}:
            return UpstreamTimeout(f"No backend answered in time: {story}.")
        if kinds <= _OVERLOAD:
            seconds = max(1, round(rest + 0.5))
            return Overloaded(
                f"Every backend is busy or resting: {story}. Try again in {seconds} s.",
                headers=(("Retry-After", str(seconds)),),
            )
        return UpstreamFailed(f"No backend could answer: {story}.")


_SAME_ON_EVERY_LANE = frozenset({Kind.TOO_LONG, Kind.TIMEOUT, Kind.UNSUPPORTED})
_OVERLOAD = frozenset({Kind.RATE_LIMITED, Kind.QUOTA, Kind.BUSY, Kind.RESTING, Kind.FULL})


def _rejected(failed: AttemptFailed) -> UpstreamRejected:
    failure = failed.failure
    if failure is None:
        return UpstreamRejected("The backend refused the request.", status=400)
    return UpstreamRejected(
        failure.message,
        status=failed.status,
        type_=failure.type,
        code=failure.code,
        param=failure.param,
    )
