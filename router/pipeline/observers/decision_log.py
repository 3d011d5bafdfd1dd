"""One line of the decision log for each request that was decided.

Denials that are alike share a line: see `router.decisions.recorder`.
"""

import time
from typing import Any

from policies.replay.record import RecordedOutcome, to_record
from router.pipeline.observers.evidence import Versioned
from router.pipeline.observers.observer import Finished
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


class Lines:
    """Makes the lines of finished requests, which hold no text of a prompt, and writes them."""

    def __init__(self, log: DecisionLog, classifier: Versioned) -> None:
        self._log = log
        self._classifier = classifier

    def write(self, finished: Finished) -> None:
        """Write the line of a request that was not denied."""
        self._log.add(self.line(finished))

    def line(self, finished: Finished) -> dict[str, Any]:
        """The line of a request, as it is written."""
        world = finished.context.world
        return to_record(
            at_ms=time.time_ns() // 1_000_000,
            signals=finished.signals,
            hints=finished.context.hints,
            answer=finished.decision,
            policy=world.policy.version,
            classifier=self._classifier.version,
            prices=world.prices.version,
            outcome=outcome_of(finished),
        )


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
