"""What becomes of a request that its limits refuse, where its tier is softer than a 429.

Theory of operation. A limit on a rate (by the second or minute, or on what runs at once) frees up
by itself: the request waits for it in the line of its key, for as long as its tier says. A budget
(by the day, the month, a balance) does not: the request is decided again among the backends that
the tier is downgraded to, and held in the name of the tier beyond its budgets, by limits of their
own: nothing that it uses counts against the budgets, and every report tells the two apart. Who
cannot be served either way gets the refusal that there was at first.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final

from policies.decision import Denial
from policies.language.tiers import Exhausted
from policies.signals import Signals
from router.errors import LimitExceeded
from router.ledger.rate_limit_headers import SPOKE
from router.pipeline.caller import Caller
from router.pipeline.meter import Meter
from router.pipeline.plan import Plan, plan_of
from router.pipeline.redaction import Redacted, redacted
from router.pipeline.request_context import RequestContext
from router.pipeline.response_headers import of_decision, of_downgraded, of_queued
from router.pipeline.serving import Held, Serving
from router.pipeline.waiting_lines import Key
from router.pipeline.watch import Watch
from router.pipeline.within_terms import decided
from router.world.standing import exhausted_name

_RATE: Final = "rate_limit_exceeded"
_BUDGET: Final = "insufficient_quota"
_AFTER: Final = "retry-after-ms"
_NEVER: Final = "x-should-retry"
LEAST_SECONDS: Final = 0.05  # between two tries of who waits
_UNKNOWN_SECONDS: Final = 0.25  # the same where nobody knows when a running request ends
_Block = AbstractAsyncContextManager[Held]


@dataclass(slots=True)
class Asking:
    """A request that is planned, and asks the ledger; `plan`, `redacted` and the watch's meter are
    others once it was downgraded."""

    caller: Caller
    context: RequestContext
    signals: Signals
    watch: Watch
    plan: Plan
    redacted: Redacted | None

    @property
    def meter(self) -> Meter:
        """What counts it."""
        meter = self.watch.meter
        assert meter is not None  # noqa: S101  # the corridor made it with the plan
        return meter


class Entered:
    """The block of a hold that is open: leaving it settles."""

    __slots__ = ("_block", "_hold")

    def __init__(self, block: _Block, hold: Held) -> None:
        self._block = block
        self._hold = hold

    async def __aenter__(self) -> Held:
        return self._hold

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return await self._block.__aexit__(kind, error, trace)


async def admitted(
    serving: Serving, asking: Asking, exhausted: Exhausted
) -> tuple[Entered, Plan, Redacted | None, Meter]:
    """Return the hold of a request, opened at once, or after a wait, or for a downgraded one; and
    as what it is served.

    Raises LimitExceeded, LedgerUnavailable.
    """
    entered = await _entered(serving, asking, exhausted)
    return entered, asking.plan, asking.redacted, asking.meter


async def _entered(serving: Serving, asking: Asking, exhausted: Exhausted) -> Entered:
    refused = None
    if not serving.lines.waiting(_key(asking)):  # nobody overtakes who waits already
        try:
            return await _open(serving, asking)
        except LimitExceeded as error:
            refused = error
    if exhausted.max_wait and (refused is None or refused.code == _RATE):
        try:
            return await _queued(serving, asking, exhausted, refused)
        except LimitExceeded as error:
            refused = error
    if refused is None:
        return await _open(serving, asking)
    if refused.code == _BUDGET and exhausted.downgrade is not None:
        return await _downgraded(serving, asking, refused)
    raise refused


async def _open(serving: Serving, asking: Asking) -> Entered:
    block = serving.ledger.hold(asking.plan.reservation, asking.meter.charge)
    return Entered(block, await block.__aenter__())


async def _queued(
    serving: Serving, asking: Asking, exhausted: Exhausted, refused: LimitExceeded | None
) -> Entered:
    """Wait in line. Raises the last refusal where the time is over, or would be before the limit
    frees up; and at once where the line is full."""
    time = asyncio.get_running_loop().time
    began, until = time(), time() + exhausted.max_wait
    if serving.lines.waiting(_key(asking)) >= exhausted.most:
        return await _open(serving, asking)  # the ledger refuses, and says why
    entered = None
    try:
        async with serving.lines.turn(_key(asking), until - time()):
            while entered is None:
                if refused is not None:
                    await _pause(refused, until - time())
                try:
                    entered = await _open(serving, asking)
                except LimitExceeded as again:
                    refused = again
    except TimeoutError:
        if refused is None:
            return await _open(serving, asking)
        raise refused from None
    asking.caller.headers += of_queued(time() - began)
    return entered


async def _pause(refused: LimitExceeded, left: float) -> None:
    """Sleep until a limit frees up. Raises TimeoutError where that takes longer than is left, and
    the refusal itself where it is of another kind, or waiting cannot help."""
    told = dict(refused.headers)
    if refused.code != _RATE or _NEVER in told:
        raise refused
    seconds = int(told[_AFTER]) / 1_000 if _AFTER in told else _UNKNOWN_SECONDS
    if seconds > left:
        raise TimeoutError
    await asyncio.sleep(max(seconds, LEAST_SECONDS))


async def _downgraded(serving: Serving, asking: Asking, refused: LimitExceeded) -> Entered:
    """Decide again among the backends that serve beyond the budgets, and hold for that.

    Raises the refusal where none of them may serve this request, and another one where their own
    limits are used up.
    """
    context = asking.context
    decision = decided(context, asking.signals, exhausted=True)
    replaced = None
    if context.needs.redaction:
        decision, replaced = await redacted(serving.senses.detectors, context, decision)
    if isinstance(decision, Denial):
        raise refused
    sized = replaced.sized(context) if replaced else context
    tier = exhausted_name(context.principal.tier)
    beyond = sized._replace(principal=replace(context.principal, tier=tier))
    asking.plan, asking.redacted = plan_of(decision, beyond, serving.history), replaced
    asking.watch.turned(decision, _meter(serving, asking))
    entered = await _open(serving, asking)
    of_first = {name for name, _ in of_decision(decision, context.id)}
    spoke = dict(refused.headers).get(SPOKE, "")
    asking.caller.route = decision.route
    asking.caller.headers[:] = [
        *[header for header in asking.caller.headers if header[0] not in of_first],
        *of_decision(decision, context.id),
        *of_downgraded(spoke),
    ]
    return entered


def _meter(serving: Serving, asking: Asking) -> Meter:
    """What counts the request as it is planned now."""
    world, thoughts = asking.context.world, serving.history.thoughts
    return Meter(asking.plan, world.prices, serving.health_of(world), thoughts=thoughts)


def _key(asking: Asking) -> Key:
    principal = asking.context.principal
    return principal.organization, principal.key_id
