"""Tries on deployments, one at a time or a second beside a slow first; health learns of each."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from router.backends.backend import Backend, Own
from router.backends.dispatch.attempt import attempt
from router.backends.dispatch.attempt_log import AttemptLog
from router.backends.dispatch.failures import ELSEWHERE, AttemptFailed, Kind
from router.backends.dispatch.retry import RetryBudget
from router.backends.dispatch.upstream import Upstream
from router.backends.health.health import DeploymentState


class Tries:
    """Makes tries. A failure that ends the request is raised; any other goes to the attempt log."""

    def __init__(self, budget: RetryBudget, clock: Callable[[], float]) -> None:
        self._budget = budget
        self._clock = clock

    async def best(
        self, backend: Backend, deployments: Sequence[DeploymentState], log: AttemptLog
    ) -> Upstream | None:
        """Try the first deployment; where the backend hedges and it is slow, the second one too."""
        if backend.hedge_after is None or len(deployments) < 2:
            return await self.one(backend, deployments[0], log)
        return await self._hedged(backend, deployments, log, backend.hedge_after)

    async def _hedged(
        self,
        backend: Backend,
        deployments: Sequence[DeploymentState],
        log: AttemptLog,
        after: float,
    ) -> Upstream | None:
        """The first byte wins; the other try is cancelled, which closes its connection."""
        first = asyncio.ensure_future(self.one(backend, deployments[0], log, beside=True))
        running = [first]
        try:
            await asyncio.wait(running, timeout=after)
            if not first.done() and self._budget.spend():
                second = self.one(backend, deployments[1], log, beside=True)
                running.append(asyncio.ensure_future(second))
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

    async def one(
        self, backend: Backend, state: DeploymentState, log: AttemptLog, *, beside: bool = False
    ) -> Upstream | None:
        """One try on one deployment; None where it failed and another may be asked.

        `beside`: another may run at the same time, so that it is called off rather than read on.
        """
        began = self._clock()
        if not state.blame.all_clear:
            state.blame.began(began, log.voice)
        state.in_flight += 1
        try:
            if backend.finishes and log.outlasts and not beside:
                upstream = await _outlasting(backend, state, log)
            else:
                upstream = await attempt(backend, state, log)
        except AttemptFailed as failed:
            failed.seconds = self._clock() - began
            if backend.own is not None:
                _note_refusal(backend.own, backend.name, failed)
            state.in_flight -= 1
            log.learn(state, failed)
            log.note(backend, state.deployment.id, failed)
            if failed.kind is Kind.THOUGHT and log.lay_bare():
                return await self.one(backend, state, log)
            return None
        except BaseException:
            state.in_flight -= 1
            state.blame.abandoned(log.voice)
            raise
        if not state.blame.all_clear:
            state.blame.let_in(began)
            if backend.own is not None:
                backend.own.refused = None
        upstream.first_byte_seconds = self._clock() - began
        if state.paced:
            state.pace.add(upstream.first_byte_seconds)
        return upstream


def _note_refusal(own: Own, name: str, failed: AttemptFailed) -> None:
    """Remember how a customer's own credential was refused, if that is what failed."""
    if failed.kind in ELSEWHERE:
        own.refused = failed
        own.tell(own.organization, name, failed.kind.value)


async def _outlasting(backend: Backend, state: DeploymentState, log: AttemptLog) -> Upstream:
    """A try that goes on for a while when its client leaves, so that its use is told: what it
    brings then is `orphaned`."""
    trying = asyncio.ensure_future(attempt(backend, state, log))
    try:
        return await asyncio.shield(trying)
    except asyncio.CancelledError:
        upstream = await _brought(trying, backend.timeouts.after_disconnect)
        if upstream is None:
            raise
        upstream.orphaned = True
        return upstream


async def _brought(trying: asyncio.Future[Upstream], seconds: float) -> Upstream | None:
    """What a try brings within so many seconds; then it is over. So it is where nobody waits even
    for that."""
    try:
        await asyncio.wait([trying], timeout=seconds)
    except asyncio.CancelledError:
        late = _upstream_of(trying)
        if late is None:
            raise
        late.close()
    finally:
        trying.cancel()
        await asyncio.gather(trying, return_exceptions=True)
    return _upstream_of(trying)


def _upstream_of(task: asyncio.Future[Any]) -> Upstream | None:
    if not task.done() or task.cancelled() or task.exception() is not None:
        return None
    upstream: Upstream | None = task.result()
    return upstream
