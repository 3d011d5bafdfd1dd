"""Remembering what a limit refused, so that it is not read again at once."""

from router.errors import LimitExceeded
from router.pipeline.observers.observer import Finished, Observer
from router.pipeline.refused_lately import Refusals


def remembers_refusals(refusals: Refusals) -> Observer:
    """Return the observer of refused requests."""

    def observe(finished: Finished) -> None:
        if isinstance(finished.error, LimitExceeded):
            context = finished.context
            if context.world.standing_of(context.principal).exhausted is not None:
                return  # it may wait, or be served elsewhere
            ask, model = context.ask, context.hints.route or context.ask.model
            refusals.note(context.principal, ask.user or "", model, finished.error)

    return observe
