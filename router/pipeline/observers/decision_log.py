"""One line of the decision log for each request that was decided."""

import time

from policies.replay.record import RecordedOutcome, to_record
from router.pipeline.observers.evidence import Versioned
from router.pipeline.observers.observer import Finished, Observer
from router.telemetry.decisions import DecisionLog


def logs_decisions(log: DecisionLog, classifier: Versioned) -> Observer:
    """Return the observer that writes the line; it holds no text of the prompt."""

    def observe(finished: Finished) -> None:
        world = finished.context.world
        log.add(
            to_record(
                at_ms=time.time_ns() // 1_000_000,
                signals=finished.signals,
                hints=finished.context.hints,
                answer=finished.decision,
                policy=world.policy.version,
                classifier=classifier.version,
                prices=world.prices.version,
                outcome=outcome_of(finished),
            )
        )

    return observe


def outcome_of(finished: Finished) -> RecordedOutcome | None:
    """Return what became of the decision; None where the request was not admitted."""
    charge = finished.charge
    if charge is None:
        return None
    usage, first = charge.usage, finished.first_byte_seconds
    return RecordedOutcome(
        backend=charge.backend or "",
        end=charge.outcome.value,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        cost_pico=charge.cost_pico,
        latency_ms=round(finished.seconds * 1000),
        first_token_ms=None if first is None else round(first * 1000),
        dropped=finished.dropped,
    )
