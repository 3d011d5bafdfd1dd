"""One line of the decision log for each request that was decided."""

import time

from policies.replay.record import RecordedOutcome, to_record
from router.pipeline.observers.evidence import Versioned
from router.pipeline.observers.observer import Finished, Observer
from router.telemetry.decisions import DecisionLog
from router.world.documents import Documents


def open_decision_log(documents: Documents, worker: int | None) -> DecisionLog:
    """Return the log where the operator wants it; each worker has a file of its own: it rotates.

    Raises OSError where it cannot be opened.
    """
    section = documents.config.decisions
    if section.to == "off":
        return DecisionLog.off()
    if section.to == "stdout":
        return DecisionLog.to_standard_output()
    path = documents.data / section.to
    if worker:
        path = path.with_stem(f"{path.stem}-{worker}")
    return DecisionLog.to_file(path, max_bytes=section.rotate, keep=section.keep)


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
    usage, first, cascade = charge.usage, finished.first_byte_seconds, charge.cascade
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
        beside_pico=0 if cascade is None else cascade.rejected_pico + cascade.judge_pico,
    )
