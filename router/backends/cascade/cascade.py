"""A verified cascade: a cheap answer is checked, and where it fails the next backend answers.

What is checked has been paid for: every rejected answer is a `BilledAnswer` with its usage, for the
one bill of the request. A stream is held back until `window` tokens have come (or it ended): long
enough to see that it is empty, a refusal, or a guess; then it flows and cannot be taken back. The
answer of the last step is not checked: there is nobody left to ask. A judge, where there is one, is
asked about whole answers that passed every other check.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from policies.verifiers import VERIFIERS
from router.ask import Ask
from router.backends.backend import Backend
from router.backends.cascade.judge import JUDGE, PATIENCE, opinion_of
from router.backends.cascade.verifiers import first_failure
from router.backends.dispatch.dispatch import NORMAL, Dispatcher
from router.backends.dispatch.trace import Trace
from router.backends.dispatch.upstream import BilledAnswer, Event, Upstream
from router.backends.health.slots import Priority
from router.errors import StreamBroken, TurnoutError
from router.protocols.hub.answer import Alternative
from router.protocols.table import PROTOCOLS
from router.protocols.usage import estimate_usage

BROKEN: Final = "broken"  # not a verifier: the answer broke off, or cannot be read


@dataclass(frozen=True, slots=True)
class Cascade:
    """Which verifiers must be content, how many backends may answer, tokens held of a stream, who
    judges whole answers that the verifiers let pass, and how many seconds that may take."""

    verify: tuple[str, ...]
    max_steps: int = 2
    window: int = 32
    judge: Backend | None = None
    patience: float = PATIENCE


class Cascades:
    """Runs cascades over a dispatcher. `fired` counts rejections by verifier, `passed` answers that
    were checked and delivered, `no_opinion` those of them whose judge had nothing to say."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self.fired = dict.fromkeys((*VERIFIERS, JUDGE, BROKEN), 0)
        self.passed = 0
        self.no_opinion = 0

    @asynccontextmanager
    async def open(
        self,
        candidates: Sequence[Backend],
        request: Ask,
        request_id: str,
        cascade: Cascade,
        priority: Priority = NORMAL,
        *,
        customer: str = "",
        events: list[Event] | None = None,
        trace: Trace | None = None,
    ) -> AsyncIterator[Upstream]:
        """The first answer that passes; `billed` of the Upstream is what else was paid for.

        A rejected answer is kept until another backend has begun to answer: where none does, it is
        delivered after all, since a doubtful answer is better than none. `events` gets each answer
        before it is checked and each rejection at once: a client may leave meanwhile. Raises what
        `Dispatcher.open` raises.
        """
        events = [] if events is None else events
        descent = _Descent(list(candidates), cascade.max_steps)
        asked = (request, request_id, priority, customer)
        async with AsyncExitStack() as fallback_stack:
            while True:
                async with AsyncExitStack() as stack:
                    opening = self._dispatcher.open(
                        descent.left, *asked, trace=trace, outlasts=True
                    )
                    upstream = await descent.enter(opening, stack, fallback_stack)
                    upstream.billed = tuple(descent.billed)
                    events.append(upstream)
                    rejected = None
                    if request.classified and not descent.is_over() and not upstream.orphaned:
                        check = _Check(
                            upstream, request, cascade, request_id, priority, customer, trace
                        )
                        rejected = await self._check(check)
                        descent.billed = list(upstream.billed)
                    if rejected is None:
                        yield upstream
                        return
                    descent.reject(upstream, rejected)
                    events.append(rejected)
                    fallback_stack.push_async_callback(stack.pop_all().aclose)

    async def _check(self, check: "_Check") -> BilledAnswer | None:
        """What this answer is billed as, or None where it is good enough."""
        upstream, request, cascade = check.upstream, check.request, check.cascade
        try:
            protocol = PROTOCOLS[request.protocol]
            if request.stream:
                answers = protocol.read_stream(await upstream.hold_back(cascade.window))
            else:
                answers = protocol.read_body(upstream.body)
            failure = first_failure(cascade.verify, answers, request, early=request.stream)
            if failure is None and cascade.judge is not None and _is_whole(answers, request):
                failure = await self._judge(check, cascade.judge, answers[0])
        except StreamBroken:
            failure = BROKEN, "broke off"
        except ValueError:
            failure = BROKEN, "has an unknown shape"
        if failure is None:
            self.passed += 1
            upstream.passed = True
            return None
        verifier, reason = failure
        self.fired[verifier] += 1
        usage = upstream.usage or estimate_usage(request, upstream.output_tokens_seen)
        return BilledAnswer(upstream.backend, usage, verifier, reason)

    async def _judge(
        self, check: "_Check", judge: Backend, answer: Alternative
    ) -> tuple[str, str] | None:
        """What the judge has against an answer; asking it is on the bill either way."""
        opinion = await opinion_of(
            self._dispatcher,
            judge,
            check.request,
            answer,
            request_id=check.request_id,
            priority=check.priority,
            customer=check.customer,
            patience=check.cascade.patience,
            trace=check.trace,
        )
        if opinion.billed is not None:
            check.upstream.billed += (opinion.billed,)
        if opinion.content is None:
            self.no_opinion += 1
        return (JUDGE, "judged not good enough") if opinion.content is False else None


@dataclass(frozen=True, slots=True)
class _Check:
    """One answer to be checked, and for whom."""

    upstream: Upstream
    request: Ask
    cascade: Cascade
    request_id: str
    priority: Priority
    customer: str
    trace: Trace | None


def _is_whole(answers: Sequence[Alternative], request: Ask) -> bool:
    """Whether every choice has come to its end, so that a judge has all of it to read."""
    ended = [answer for answer in answers if answer.stop is not None]
    return len(ended) == len(answers) >= request.choices


class _Descent:
    """How far down its steps a cascade has come: who is left, and what was rejected."""

    __slots__ = ("_doubtful", "_max_steps", "billed", "left")

    def __init__(self, left: list[Backend], max_steps: int) -> None:
        self.left = left
        self.billed: list[BilledAnswer] = []
        self._max_steps = max_steps
        self._doubtful: Upstream | None = None

    async def enter(
        self,
        opening: AbstractAsyncContextManager[Upstream],
        stack: AsyncExitStack,
        fallback_stack: AsyncExitStack,
    ) -> Upstream:
        """Return the next answer and let the doubtful one go, or the doubtful one if none comes."""
        try:
            upstream = await stack.enter_async_context(opening)
        except TurnoutError:
            if self._doubtful is None:
                raise
            self.left = []
            self.billed.pop()
            return self._doubtful
        await fallback_stack.aclose()
        below = self.left[self.left.index(upstream.backend) + 1 :]
        self.left = [each for each in below if each.name != upstream.backend.name]
        return upstream

    def is_over(self) -> bool:
        """Whether the answer at hand is the last: no backend, or no step, is left."""
        answered = sum(answer.rejected for answer in self.billed) + 1
        return not self.left or answered >= self._max_steps

    def reject(self, upstream: Upstream, answer: BilledAnswer) -> None:
        """Remember an answer that failed; one that broke off cannot be delivered after all."""
        self.billed.append(answer)
        self._doubtful = None if answer.verifier == BROKEN else upstream
