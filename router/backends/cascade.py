"""A verified cascade: a cheap answer is checked, and where it fails the next backend answers.

What is checked has been paid for: every rejected answer is a `Leg` with its usage, for the one bill
of the request. A stream is held back until `window` tokens have come (or it ended): long enough to
see that it is empty, a refusal, or a guess; then it flows and cannot be taken back. The answer of
the last step is not checked: there is nobody left to ask.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from router.backends.backend import Backend
from router.backends.capacity import Asker
from router.backends.dialects.usage import estimate_usage
from router.backends.dispatch import ANYONE, Dispatcher
from router.backends.transcript import read_body, read_stream
from router.backends.upstream import Leg, Upstream
from router.backends.verifiers import VERIFIERS, first_failure
from router.errors import StreamBroken
from router.wire.chat import ChatRequest


@dataclass(frozen=True, slots=True)
class Cascade:
    """Which verifiers must be content, how many backends may answer, tokens held of a stream."""

    verify: tuple[str, ...]
    max_steps: int = 2
    window: int = 32


class Cascades:
    """Runs cascades over a dispatcher. `fired` counts rejections by verifier, `passed` answers that
    were checked and delivered."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self.fired = dict.fromkeys((*VERIFIERS, "broken"), 0)
        self.passed = 0

    @asynccontextmanager
    async def open(
        self,
        candidates: Sequence[Backend],
        request: ChatRequest,
        request_id: str,
        cascade: Cascade,
        asker: Asker = ANYONE,
    ) -> AsyncIterator[Upstream]:
        """The first answer that passes; `legs` of the Upstream are those that did not.

        Raises what `Dispatcher.open` raises.
        """
        legs: list[Leg] = []
        left = list(candidates)
        while True:
            last = len(legs) + 1 >= cascade.max_steps
            async with AsyncExitStack() as stack:
                upstream = await stack.enter_async_context(
                    self._dispatcher.open(left, request, request_id, asker)
                )
                left = left[left.index(upstream.backend) + 1 :]
                unchecked = last or not left
                rejected = None if unchecked else await self._judge(upstream, request, cascade)
                if rejected is None:
                    upstream.legs = tuple(legs)
                    yield upstream
                    return
                legs.append(rejected)

    async def _judge(
        self, upstream: Upstream, request: ChatRequest, cascade: Cascade
    ) -> Leg | None:
        """The leg that this answer becomes, or None where it is good enough."""
        try:
            if request.stream:
                answers = read_stream(await upstream.hold_back(cascade.window))
            else:
                answers = read_body(upstream.body)
            failure = first_failure(cascade.verify, answers, request, early=request.stream)
        except StreamBroken:
            failure = "broken", "broke off"
        except (ValueError, KeyError, TypeError, AttributeError):
            failure = "broken", "has an unknown shape"
        if failure is None:
            self.passed += 1
            return None
        verifier, reason = failure
        self.fired[verifier] += 1
        usage = upstream.usage or estimate_usage(request, upstream.output_tokens_seen)
        return Leg(upstream.backend, usage, verifier, reason)
