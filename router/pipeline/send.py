"""Sending a plan to its backends: straight to the first that answers, or down a cascade."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

from router.ask import Ask
from router.backends.backend import Backend
from router.backends.cascade.cascade import Cascade, Cascades
from router.backends.dispatch.dispatch import Dispatcher
from router.backends.dispatch.trace import Trace
from router.backends.dispatch.upstream import Event, Upstream
from router.backends.health.health import Health
from router.pipeline.plan import Plan


class Sender:
    """The dispatcher, and the cascades over it."""

    def __init__(self, dispatcher: Dispatcher, cascades: Cascades) -> None:
        self._dispatcher = dispatcher
        self._cascades = cascades

    def view(self) -> Mapping[str, Health]:
        """Return the health of every backend by name, live."""
        return self._dispatcher.view()

    def view_of(self, backends: Mapping[str, Backend]) -> Mapping[str, Health]:
        """Return the same as a customer meets them whose own credentials some are asked with."""
        return self._dispatcher.view_of(backends)

    def adopt(self, backends: list[Backend]) -> None:
        """Know these backends from now on, and forget others."""
        self._dispatcher.adopt(backends)

    def open(
        self, plan: Plan, ask: Ask, events: list[Event], trace: Trace | None = None
    ) -> AbstractAsyncContextManager[Upstream]:
        """Return the block in which the answer of the plan's backends is open.

        `events` learns of every answer that is paid for: the one that is given and, with a cascade,
        those that failed its checks; `trace` learns of every try. Raises what `Dispatcher.open`
        raises.
        """
        reservation, steps = plan.reservation, plan.decision.cascade
        request_id, customer = reservation.request_id, reservation.principal.organization
        if steps is None:
            return self._dispatcher.open(
                plan.backends, ask, request_id, plan.priority, customer, trace=trace, outlasts=True
            )
        cascade = Cascade(verify=steps.verify, max_steps=len(steps.steps), judge=plan.judge)
        return self._cascades.open(
            plan.backends,
            ask,
            request_id,
            cascade,
            plan.priority,
            customer=customer,
            events=events,
            trace=trace,
        )
