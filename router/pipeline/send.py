"""Sending a plan to its backends: straight to the first that answers, or down a cascade."""

from contextlib import AbstractAsyncContextManager

from router.ask import Ask
from router.backends.cascade.cascade import Cascade
from router.backends.dispatch.upstream import Upstream
from router.pipeline.gateway import Gateway
from router.pipeline.meter import Meter
from router.pipeline.plan import Plan


def open_upstream(
    gateway: Gateway, plan: Plan, request: Ask, meter: Meter
) -> AbstractAsyncContextManager[Upstream]:
    """Return the block in which the answer of the plan's backends is open.

    With a cascade, answers that fail its checks are passed over, told to the meter, and stand in
    `legs`. Raises what `Dispatcher.open` raises.
    """
    request_id, steps = plan.ticket.request_id, plan.decision.cascade
    if steps is None:
        return gateway.dispatcher.open(plan.backends, request, request_id, plan.priority)
    cascade = Cascade(verify=steps.verify, max_steps=len(steps.steps), judge=plan.judge)
    return gateway.cascades.open(
        plan.backends,
        request,
        request_id,
        cascade,
        plan.priority,
        answering=meter.serve,
        passed_over=meter.pass_over,
    )
