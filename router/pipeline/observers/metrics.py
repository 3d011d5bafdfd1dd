"""Counting what admitted requests used, for metrics and for the next estimate."""

from router.ledger.estimate import OutputHistory
from router.pipeline.observers.observer import Finished, Observer
from router.protocols.effort import effort_of
from router.telemetry.metrics import Metrics


def counts_charges(metrics: Metrics) -> Observer:
    """Return the observer that adds each charge to the metrics."""

    def observe(finished: Finished) -> None:
        if finished.charge is not None:
            metrics.charged(finished.charge)

    return observe


def remembers_lengths(history: OutputHistory) -> Observer:
    """Return the observer that remembers how long whole answers are, by key and route, and how much
    their backends thought unseen."""

    def observe(finished: Finished) -> None:
        charge = finished.charge
        if charge is None or charge.route is None or not finished.delivered:
            return
        key = finished.context.principal.key_id
        history.observe(key, charge.route, charge.usage.output_tokens)
        if finished.unseen or history.thoughts.thinking:
            effort = effort_of(finished.context.ask.body)
            seconds = finished.first_byte_seconds or 0.0
            history.thoughts.observe(finished.backend, effort, finished.unseen, seconds)

    return observe
