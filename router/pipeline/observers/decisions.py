"""Keeping each decision with its outcome where every gateway finds it, and counting denials."""

from collections.abc import Callable
from typing import Any, Final

from policies.decision import Denial
from router.backends.dispatch.failures import AttemptFailed
from router.decisions.entry import Entry, Failure, Versions
from router.decisions.recorder import DecisionRecorder
from router.errors import TurnoutError
from router.pipeline.denials import labels_of, refused_by
from router.pipeline.observers.decision_log import Lines
from router.pipeline.observers.evidence import Versioned
from router.pipeline.observers.observer import Finished, Observer
from router.telemetry.metrics import Metrics

_MOST_FAILURES: Final = 50  # of one request; there are as many as backends and rounds


def keeps_decisions(
    recorder: DecisionRecorder, metrics: Metrics, classifier: Versioned, lines: Lines | None
) -> Observer:
    """Return the observer that keeps each decision; `lines` writes those of the decision log."""
    every = recorder.keeps == "all"

    def observe(finished: Finished) -> None:
        error = finished.error
        if error is None:
            if every:
                recorder.add(entry_of(finished, classifier))
            if lines is not None:
                lines.write(finished)
            return
        decision, context = finished.decision, finished.context
        denial = decision if isinstance(decision, Denial) else None
        refused = refused_by(error, context.principal.tier, denial)
        if refused is None:
            if recorder.keeps != "off":
                recorder.add(entry_of(finished, classifier))
            if lines is not None:
                lines.write(finished)
            return
        error.noted = True  # type: ignore[attr-defined] # what is refused is an error of ours
        metrics.denials[labels_of(refused, context.world)] += 1
        line: Callable[[], dict[str, Any]] | None = None
        if lines is not None:
            line = lambda: lines.line(finished)  # noqa: E731 # asked of the first of a crowd
        recorder.deny(entry_of(finished, classifier), refused, line)

    return observe


def entry_of(finished: Finished, classifier: Versioned) -> Entry:
    """What is kept of a finished request: references to what nobody changes, no body."""
    context = finished.context
    world, ask, error = context.world, context.ask, finished.error
    return Entry(
        context.id,
        context.at_ms,
        context.principal,
        ask.operation,
        ask.model,
        Versions(world.policy.version, world.prices.version, classifier.version),
        finished.decision,
        finished.charge,
        finished.first_byte_seconds,
        finished.seconds,
        None if error is None else _end_of(error),
        tuple(map(_failure_of, finished.failures[:_MOST_FAILURES])) if finished.failures else (),
    )


def _end_of(error: BaseException) -> tuple[int, str]:
    """The status and code of an error; 499 where the client left."""
    if isinstance(error, TurnoutError):
        return error.status, error.code or type(error).__name__
    return (500, type(error).__name__) if isinstance(error, Exception) else (499, "client_left")


def _failure_of(one: tuple[str, Exception]) -> Failure:
    name, failed = one
    if not isinstance(failed, AttemptFailed):
        return Failure(name, type(failed).__name__, "", None)
    ms = None if failed.seconds is None else round(1_000 * failed.seconds)
    return Failure(name, failed.kind.name.lower(), failed.reason, ms)
