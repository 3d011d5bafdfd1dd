"""Candidates in order, until one answers: first byte wins.

A round asks each candidate once, on its best deployment. Where a deployment fails for its own
reasons, another deployment of the same backend is tried if the retry budget allows it; the same
budget pays for a second round, after a random wait. A request that a backend refuses as wrong ends
at once. A backend whose slots are scarce is asked when a slot is free, or after a bounded wait in
its queue.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Final

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.credentials.keyring import Keyring
from router.backends.dispatch.account import Account
from router.backends.dispatch.attempt_log import NOTHING, AttemptLog
from router.backends.dispatch.failures import AttemptFailed, Kind, resting
from router.backends.dispatch.reports import Reports
from router.backends.dispatch.retry import RetryBudget, RetryPolicy, backoff
from router.backends.dispatch.trace import Trace
from router.backends.dispatch.tries import Tries
from router.backends.dispatch.upstream import Upstream
from router.backends.health.breaker import BreakerPolicy
from router.backends.health.health import Health, HealthBoard
from router.backends.health.load import LoadWatch
from router.backends.health.slots import Full, Priority, SharedSlots, SlotQueue
from router.backends.own import OwnHealth
from router.backends.transport.transport import Transports

NORMAL: Final = Priority()


class Dispatcher:
    """Sends requests to backends. One for the gateway's life; reloads `adopt` new backends."""

    def __init__(
        self,
        transports: Transports,
        *,
        retry: RetryPolicy | None = None,
        breaker: BreakerPolicy | None = None,
        slots: SharedSlots | None = None,
        clock: Callable[[], float] = time.monotonic,
        rand: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._transports = transports
        self._retry = retry or RetryPolicy()
        self._budget = RetryBudget(self._retry)
        self._tries = Tries(self._budget, clock)
        self.reports = Reports(clock)
        self._watch = LoadWatch(transports)
        self._watching: asyncio.Future[None] | None = None
        self._slots = slots
        self._rand = rand
        self._sleep = sleep
        self._keyring = Keyring()
        self._board = HealthBoard(breaker or BreakerPolicy(), clock, transports, self._keyring)

    def adopt(self, backends: Sequence[Backend]) -> None:
        """Know these backends and forget others; those that did not change keep their breakers.

        Call it inside the event loop: servers that tell their load are asked for it from now on.
        """
        self._board.adopt(backends)
        self._keyring.prepare()
        if self._watching is None and any(self._board.watched()):
            self._watching = asyncio.ensure_future(self._watch.run(self._board.watched))

    def view(self) -> Mapping[str, Health]:
        """The health of every backend by name, live."""
        return self._board.view()

    def view_of(self, backends: Mapping[str, Backend]) -> Mapping[str, Health]:
        """The same as a customer meets them that asks some with a credential of its own."""
        return OwnHealth(self._board, backends)

    def health_of(self, backend: Backend) -> Health:
        """The health of a backend, live."""
        return self._board.of(backend)

    def account(self, backend: Backend) -> Account:
        """The account of a backend, asked by its first address and key."""
        return Account(backend, self._board.of(backend).deployments[0], self.reports)

    async def close(self) -> None:
        """Stop watching and close every connection."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._keyring.close()
        await self._transports.close()

    def open(
        self,
        candidates: Sequence[Backend],
        request: Ask,
        request_id: str,
        priority: Priority = NORMAL,
        customer: str = "",
        *,
        trace: Trace | None = None,
        outlasts: bool = False,
    ) -> "Opening":
        """The first answer of the candidates, as a block; its connection is let go at its end.

        `priority` decides who waits for whom where a backend's slots are scarce; `customer` is the
        organization that asks, so that one's failing requests are not held against all; `trace`
        notes each try; `outlasts` where backends that finish their answers may do so for a client
        that leaves: the block is entered all the same, with an answer that is `orphaned`.

        Raises UpstreamRejected where a backend finds the request wrong, and UpstreamTimeout,
        Overloaded or UpstreamFailed where every candidate failed before its first byte.
        """
        kind = Opening if trace is None else TracedOpening
        opening = kind(
            self,
            candidates,
            request,
            request_id,
            priority,
            customer=customer,
            outlasts=outlasts,
        )
        if trace is not None:
            opening.trace = trace
            if trace.sent_on is None:
                trace.sent_on = time.monotonic()
        return opening

    async def first_answer(self, opening: "Opening") -> Upstream:
        """The first answer; the opening, which gets it, closes it."""
        self._budget.earn()
        candidates, round_ = opening.candidates, 0
        while True:
            for backend in candidates:
                health = self._board.of(backend)
                deployment = health.only
                if deployment is not None and deployment.blame.all_clear and not opening.tried:
                    upstream = await self._tries.one(backend, deployment, opening)  # mostly
                elif opening.failures and opening.passes_over(backend):
                    continue
                else:
                    upstream = await self._ask(backend, health, opening)
                    if upstream is not None and opening.doubts:
                        opening.judge(answered=True)
                if upstream is not None:
                    opening.upstream = upstream
                    return upstream
            round_ += 1
            opening.judge(answered=False)
            if not await self._may_go_round(candidates, opening, round_):
                raise opening.error(self._rest_of(candidates, opening))

    async def _may_go_round(
        self, candidates: Sequence[Backend], log: AttemptLog, round_: int
    ) -> bool:
        """Whether to ask all once more; waits first, as long as the first of them rests."""
        if round_ > self._retry.rounds:
            return False
        rest = self._rest_of(candidates, log)
        if rest > self._retry.longest or not log.worth_another_round():
            return False
        if not self._budget.spend():
            return False
        await self._sleep(max(rest, backoff(self._retry, round_, self._rand)))
        log.tried = NOTHING
        return True

    def _ask(self, backend: Backend, health: Health, log: AttemptLog) -> Awaitable[Upstream | None]:
        """Ask this backend; None where another candidate should be asked."""
        queue = health.queue
        if queue is not None:
            return self._ask_in_turn(backend, health, queue, log)
        return self._ask_deployments(backend, health, log)

    async def _ask_in_turn(
        self, backend: Backend, health: Health, queue: SlotQueue, log: AttemptLog
    ) -> Upstream | None:
        """Ask this backend once a slot is free."""
        try:
            slot = await queue.enter(log.priority, log.customer)
        except Full as full:
            log.note(backend, backend.name, AttemptFailed(Kind.FULL, full.reason))
            return None
        leave = ExitStack()
        leave.callback(queue.leave, slot)
        upstream: Upstream | None = None
        try:
            if await self._claim(backend, log, leave):
                upstream = await self._ask_deployments(backend, health, log)
        finally:
            if upstream is None:
                leave.close()
        if upstream is not None:
            upstream.hold(slot, leave.close)
        return upstream

    async def _claim(self, backend: Backend, log: AttemptLog, leave: ExitStack) -> bool:
        """Whether there is a slot left of those that all gateways share; `leave` gives it back."""
        capacity = backend.capacity
        if capacity is None or not capacity.shared or self._slots is None:
            return True
        give_back = await self._slots.claim(
            backend.name,
            capacity.concurrency,
            capacity.guaranteed,
            log.priority.tier,
            capacity.max_wait,
        )
        if give_back is None:
            reason = "has no free slot for any gateway"
            log.note(backend, backend.name, AttemptFailed(Kind.FULL, reason))
            return False
        leave.callback(give_back)
        return True

    async def _ask_deployments(
        self, backend: Backend, health: Health, log: AttemptLog
    ) -> Upstream | None:
        """Try this backend's deployments, the best first, while another one may help."""
        asked = False
        while True:
            deployments = health.open_deployments(log)
            if not deployments:
                if not asked:
                    log.note(backend, backend.name, resting(backend))
                return None
            if asked and not self._budget.spend():
                return None
            asked = True
            upstream = await self._tries.best(backend, deployments, log)
            if upstream is not None:
                return upstream
            if not log.another_deployment_may_help():
                return None

    def _rest_of(self, candidates: Sequence[Backend], log: AttemptLog) -> float:
        voice = log.voice
        return min((self._board.of(backend).resting(voice) for backend in candidates), default=0.0)


class Opening(AttemptLog):
    """The block in which an answer is open; leaving it lets go of the connection."""

    __slots__ = ("_dispatcher", "candidates", "upstream")

    def __init__(
        self,
        dispatcher: Dispatcher,
        candidates: Sequence[Backend],
        request: Ask,
        request_id: str,
        priority: Priority,
        *,
        customer: str,
        outlasts: bool,
    ) -> None:
        super().__init__(
            request, request_id, priority, customer, dispatcher.reports, outlasts=outlasts
        )
        self._dispatcher = dispatcher
        self.candidates = candidates
        self.upstream: Upstream | None = None

    def __aenter__(self) -> Coroutine[Any, Any, Upstream]:
        return self._dispatcher.first_answer(self)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.upstream is not None:
            self.upstream.close()
            self.upstream = None  # see `forget`


class TracedOpening(Opening):
    """The same, noted in a trace."""

    trace: Trace  # and no slots: what is not noted yet is as in any log

    def note(self, backend: Backend, deployment: str, failed: AttemptFailed) -> None:
        """See `AttemptLog.note`."""
        self.trace.failed(backend, deployment, self, failed)
        super().note(backend, deployment, failed)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Keep the answer until its spans were made, see `Trace.over`."""
        self.closed = time.monotonic()
        if self.upstream is not None:
            self.upstream.close()
