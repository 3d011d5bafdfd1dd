"""Counting what admitted requests used, for metrics and for the next estimate."""

from router.ledger.estimate import OutputHistory
from router.pipeline.observers.observer import Finished, Observer
from router.telemetry.metrics import Metrics


def counts_charges(metrics: Metrics) -> Observer:
    """Return the observer that adds each charge to the metrics."""

    def observe(finished: Finished) -> None:
        if finished.charge is not None:
            metrics.charged(finished.charge)

    return observe


def remembers_lengths(history: OutputHistory) -> Observer:
    """Return the observer that remembers how long whole answers are, by key and route."""

    def observe(finished: Finished) -> None:
        charge = finished.charge
        if charge is None or charge.route is None or not finished.delivered:
            return
        key = finished.context.principal.key_id
        history.observe(key, charge.route, charge.usage.output_tokens)

    return observe
