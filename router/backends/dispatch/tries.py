"""Tries on lanes: one at a time, or a second one beside a slow first. What they teach is kept."""

import asyncio
from collections.abc import Callable, Sequence

from router.backends.backend import Backend
from router.backends.dispatch.attempt import attempt
from router.backends.dispatch.attempt_log import Search
from router.backends.dispatch.failures import VERDICTS, AttemptFailed, Kind
from router.backends.dispatch.retry import RetryBudget
from router.backends.dispatch.upstream import Upstream
from router.backends.health.health import LaneState
from router.backends.transport.transport import Transport


class Tries:
    """Makes tries. A failure that ends the search is raised; any other is noted there."""

    def __init__(
        self, transport: Transport, budget: RetryBudget, clock: Callable[[], float]
    ) -> None:
        self._transport = transport
        self._budget = budget
        self._clock = clock

    async def best(
        self, backend: Backend, lanes: Sequence[LaneState], search: Search
    ) -> Upstream | None:
        """Try the first lane; where the backend hedges and it is slow, the second one too."""
        if backend.hedge_after is None or len(lanes) < 2:
            return await self.one(backend, lanes[0], search)
        return await self._hedged(backend, lanes, search, backend.hedge_after)

    async def _hedged(
        self, backend: Backend, lanes: Sequence[LaneState], search: Search, after: float
    ) -> Upstream | None:
        """The first byte wins; the other try is cancelled, which closes its connection."""
        first = asyncio.ensure_future(self.one(backend, lanes[0], search))
        running = [first]
        try:
            await asyncio.wait(running, timeout=after)
            if not first.done() and self._budget.spend():
                running.append(asyncio.ensure_future(self.one(backend, lanes[1], search)))
            waiting = set(running)
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in running:
                    if task in done and task.result() is not None:
                        return task.result()
            return None
        finally:
            await self._call_off(running)

    @staticmethod
    async def _call_off(running: Sequence[asyncio.Future[Upstream | None]]) -> None:
        """Cancel what still runs; close what came second."""
        winner = next((t for t in running if _upstream_of(t) is not None), None)
        for task in running:
            late = _upstream_of(task)
            if task is not winner and late is not None:
                late.close()
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def one(self, backend: Backend, state: LaneState, search: Search) -> Upstream | None:
        """One try on one lane; None where it failed and another may be asked."""
        began = self._clock()
        if not state.breaker.quiet:
            state.breaker.began(began)
        state.in_flight += 1
        try:
            upstream = await attempt(self._transport, backend, state, search)
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
        if state.paced:
            state.pace.add(upstream.first_byte_seconds)
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


def _upstream_of(task: asyncio.Future[Upstream | None]) -> Upstream | None:
    if not task.done() or task.cancelled() or task.exception() is not None:
        return None
    return task.result()
